/* SPDX-License-Identifier: Apache-2.0 */

/* `secretsfs doctor`: tries everything that a mount needs, in the order in which it is needed, and tells of each what
 * is wrong and what to do. What cannot be tried, because something before it failed, is skipped and named. No value of
 * a secret is ever shown, and nothing is written anywhere. */
#include <errno.h>
#include <langinfo.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backend/secret_id.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/commands.h"
#include "cli/doctor_steps.h"
#include "cli/process.h"

uint64_t doctor_deadline_ns(const struct doctor *doctor)
{
    return clock_monotonic_ns() + doctor->options->timeout_ns;
}

struct policy_place doctor_place(const struct doctor *doctor)
{
    const char *region = aws_session_region(doctor->session);
    return (struct policy_place){doctor->partition[0] ? doctor->partition : secret_id_partition(region), region,
                                 doctor->account};
}

void doctor_block(struct doctor *doctor, const char *reason)
{
    if (!doctor->blocked[0])
        (void)snprintf(doctor->blocked, sizeof(doctor->blocked), "%s", reason);
}

bool doctor_is_blocked(struct doctor *doctor, const char *step, const char *subject)
{
    if (doctor->blocked[0])
        report_say(doctor->report, STEP_SKIPPED, step, subject, "not tried: %s", doctor->blocked);
    return doctor->blocked[0] != '\0';
}

/* What the error itself cannot know. */
static void advise_by_kind(const struct doctor *doctor, const struct error *error, struct error_words *words)
{
    const char *region = doctor->session ? aws_session_region(doctor->session) : NULL;
    if (!region && error->kind == ERROR_NOT_FOUND)
        error_words_advise(words, "secrets are the members of the file, versions begin with the mount");
    if (!region)
        return;
    if (strstr(error->message, "scoped to a valid region") || strstr(error->message, "scoped to correct region"))
        error_words_advise(words,
                           "the endpoint belongs to another region than %s, which comes from %s: set --region, or take "
                           "the endpoint from %s away",
                           region, aws_session_region_origin(doctor->session),
                           aws_session_endpoint_origin(doctor->session, "secretsmanager"));
    if (error->kind == ERROR_NOT_FOUND)
        error_words_advise(words,
                           "the region %s comes from %s: where the secret is in another one, use --region, or name the "
                           "secret by its ARN",
                           region, aws_session_region_origin(doctor->session));
    if ((error->kind == ERROR_ACCESS_DENIED || error->kind == ERROR_KMS_DENIED) && doctor->caller[0])
        error_words_advise(words, "who asks is %s", doctor->caller);
}

/* Whether the name of the kind tells more than the cause does. */
static bool is_of_aws(enum error_kind kind)
{
    return kind != ERROR_BAD_REQUEST && kind != ERROR_INTERNAL;
}

void doctor_report_error(struct doctor *doctor, enum step_result result, const char *step, const char *subject,
                         const struct error *error, const char *advice, struct json *policy)
{
    struct error_words words;
    if (result == STEP_FAILED && (error->kind == ERROR_BAD_CREDENTIALS || error->kind == ERROR_EXPIRED_CREDENTIALS))
        doctor_block(doctor, "AWS does not accept the credentials");
    error_words_split(error, &words);
    advise_by_kind(doctor, error, &words);
    if (advice)
        error_words_advise(&words, "%s", advice);
    report_add(doctor->report, &(struct step){
                                   .name = step,
                                   .subject = subject,
                                   .result = result,
                                   .detail = is_of_aws(error->kind) ? error_kind_name(error->kind) : NULL,
                                   .cause = words.cause,
                                   .remedy = words.remedy,
                                   .policy = policy,
                               });
}

void doctor_span_text(uint64_t span_ns, char ret_text[DOCTOR_SPAN_BYTES])
{
    unsigned long long seconds = span_ns / NS_PER_SEC;
    if (seconds < 60)
        (void)snprintf(ret_text, DOCTOR_SPAN_BYTES, "%llu s", seconds);
    else if (seconds < 3600)
        (void)snprintf(ret_text, DOCTOR_SPAN_BYTES, "%llu min %llu s", seconds / 60, seconds % 60);
    else if (seconds < 48ULL * 3600)
        (void)snprintf(ret_text, DOCTOR_SPAN_BYTES, "%llu h %llu min", seconds / 3600, seconds / 60 % 60);
    else
        (void)snprintf(ret_text, DOCTOR_SPAN_BYTES, "%llu days", seconds / 86400);
}

static void check_all(struct doctor *doctor)
{
    if (doctor->options->local) {
        report_group(doctor->report, "Local file");
        doctor_check_local(doctor);
    } else {
        report_group(doctor->report, "Configuration");
        doctor_check_configuration(doctor);
        report_group(doctor->report, "Network");
        doctor_check_endpoint(doctor);
        report_group(doctor->report, "Credentials");
        doctor_check_credentials(doctor);
        report_group(doctor->report, "Secrets Manager");
    }
    doctor_check_secrets(doctor);
    report_group(doctor->report, "This machine");
    doctor_check_system(doctor);
}

/* https://no-color.org */
static bool wants_colour(void)
{
    const char *no_colour = getenv("NO_COLOR");
    const char *terminal = getenv("TERM");
    return isatty(STDOUT_FILENO) && !(no_colour && no_colour[0]) && terminal && strcmp(terminal, "dumb") != 0;
}

static struct report_format choose_format(const struct options *options)
{
    (void)setlocale(LC_CTYPE, "");
    return (struct report_format){
        .json = options->json,
        .utf8 = strcmp(nl_langinfo(CODESET), "UTF-8") == 0,
        .colour = wants_colour(),
    };
}

/* As the daemon's, but for its signals: ^C ends this program at once. */
static void harden(void)
{
    sigset_t none;
    process_harden();
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    (void)log_open(LOG_TARGET_STDERR, NULL, LOG_LEVEL_ERROR);
}

static int run(const struct options *options)
{
    const struct report_format format = choose_format(options);
    _cleanup_report_ struct report *report = NULL;
    _cleanup_http_ struct http *http = NULL;
    struct doctor doctor = {.options = options, .account = "*"};

    int r = report_new(stdout, &format, &report);
    if (r == 0)
        r = http_setup();
    if (r == 0)
        r = http_new(&http);
    if (r < 0)
        return r;
    doctor.report = report;
    doctor.http = http;
    check_all(&doctor);
    source_free(doctor.source);
    r = report_finish(report);
    return r < 0 ? r : report_failures(report) > 0;
}

int command_doctor(int count, char **arguments)
{
    _cleanup_options_ struct options options = {0};
    struct error error = {0};
    if (options_parse(COMMAND_DOCTOR, count, arguments, false, &options, &error) < 0) {
        (void)fprintf(stderr, "secretsfs: %s\n", error.message);
        return EXIT_USAGE;
    }
    harden();
    int r = run(&options);
    if (r < 0)
        (void)fprintf(stderr, "secretsfs: %s\n", strerror(-r));
    return r == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

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

#include "base/log.h"
#include "cli/commands.h"
#include "cli/doctor_steps.h"
#include "cli/process.h"

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

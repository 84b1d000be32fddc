/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_steps.h"

#include <stdio.h>
#include <string.h>

#include "backend/secret_id.h"
#include "base/clock.h"

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

/* SPDX-License-Identifier: Apache-2.0 */

/* Who we are to AWS, since when, and for how long. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "auth/sts.h"
#include "base/clock.h"
#include "cli/doctor_steps.h"

#define NO_CREDENTIALS_ADVICE                                                                                 \
    "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or select a profile (--profile, AWS_PROFILE) that has " \
    "credentials (aws configure, aws sso login), or give the task, pod or instance a role"

#define OTHER_PROVIDER_ADVICE \
    "mend what this provider is configured with, or take it away, so that the next one is asked"

static void report_provider(void *context, const char *provider, enum provider_outcome outcome, const char *message)
{
    struct doctor *doctor = context;
    if (outcome == PROVIDER_USED)
        report_say(doctor->report, STEP_OK, "provider", provider, "chosen");
    else if (outcome == PROVIDER_NOT_CONFIGURED)
        report_say(doctor->report, STEP_OK, "provider", provider, "passed over: %s", message);
    else
        report_say(doctor->report, STEP_NOTE, "provider", provider, "asked, and failed; those after it are not asked");
}

static void report_expiry(struct doctor *doctor, const struct credentials *credentials)
{
    uint64_t now_ns = clock_wall_ns(), expires_ns = credentials->expires_ns;
    time_t seconds = (time_t)(expires_ns / NS_PER_SEC);
    char span[DOCTOR_SPAN_BYTES], date[sizeof("2026-11-21T00:00:00Z")] = "";
    struct tm parts;

    if (expires_ns == CLOCK_NEVER_NS) {
        report_say(doctor->report, STEP_OK, "credentials", NULL, "from %s; they do not expire", credentials->provider);
        return;
    }
    if (gmtime_r(&seconds, &parts))
        (void)strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%SZ", &parts);
    doctor_span_text(expires_ns > now_ns ? expires_ns - now_ns : now_ns - expires_ns, span);
    if (expires_ns > now_ns)
        report_say(doctor->report, STEP_OK, "credentials", NULL, "from %s; they expire in %s, at %s, and are renewed",
                   credentials->provider, span, date);
    else
        report_say(doctor->report, STEP_NOTE, "credentials", NULL,
                   "from %s; they expired %s ago, at %s: whether they still work is for AWS to say",
                   credentials->provider, span, date);
}

/* "arn:aws:sts::123456789012:assumed-role/app/session" */
static void keep_identity(struct doctor *doctor, const struct sts_identity *identity)
{
    const char *partition = strchr(identity->arn, ':');
    if (partition)
        error_copy_text(doctor->partition, sizeof(doctor->partition), partition + 1, strcspn(partition + 1, ":"));
    if (identity->account[0])
        error_copy_text(doctor->account, sizeof(doctor->account), identity->account, strlen(identity->account));
    error_copy_text(doctor->caller, sizeof(doctor->caller), identity->arn, strlen(identity->arn));
}

/* STS is asked by this step alone and need not be reachable. When it refuses credentials, Secrets Manager will say the
 * same, and that counts. */
static void check_identity(struct doctor *doctor)
{
    struct sts_identity identity = {.arn = ""};
    struct error error = {.kind = ERROR_NONE};
    int r = aws_session_identity(doctor->session, doctor->http, doctor_deadline_ns(doctor), &identity, &error);
    if (r < 0) {
        doctor_report_error(doctor, STEP_NOTE, "identity", NULL, &error,
                            "nothing but this step asks STS: secrets can be read without it", NULL);
        return;
    }
    keep_identity(doctor, &identity);
    report_say(doctor->report, STEP_OK, "identity", NULL, "%s (account %s)", identity.arn, identity.account);
}

void doctor_check_credentials(struct doctor *doctor)
{
    _cleanup_credentials_ struct credentials *credentials = NULL;
    struct error error = {.kind = ERROR_NONE};
    if (!doctor->session) {
        (void)doctor_is_blocked(doctor, "credentials", NULL);
        (void)doctor_is_blocked(doctor, "identity", NULL);
        return;
    }
    int r = aws_session_credentials(doctor->session, doctor->http, doctor_deadline_ns(doctor), &credentials, &error);
    aws_session_each_provider(doctor->session, report_provider, doctor);
    if (r == 0) {
        report_expiry(doctor, credentials);
        check_identity(doctor);
        return;
    }
    if (error.kind == ERROR_NO_CREDENTIALS && strncmp(error.message, "no AWS credentials found", 24) == 0) {
        (void)error_set(&error, ERROR_NO_CREDENTIALS, "no provider has credentials"); /* each has said why, above */
        doctor_report_error(doctor, STEP_FAILED, "credentials", NULL, &error, NO_CREDENTIALS_ADVICE, NULL);
    } else {
        doctor_report_error(doctor, STEP_FAILED, "credentials", NULL, &error, OTHER_PROVIDER_ADVICE, NULL);
    }
    report_say(doctor->report, STEP_SKIPPED, "identity", NULL, "not tried: there are no credentials");
    doctor_block(doctor, "there are no credentials");
}

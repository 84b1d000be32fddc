/* SPDX-License-Identifier: Apache-2.0 */

/* What Secrets Manager, the queue, or the local file permit, and each secret that is named. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backend/local.h"
#include "backend/local_file.h"
#include "backend/queue_url.h"
#include "backend/secret_id.h"
#include "backend/secretsmanager.h"
#include "cli/doctor_secret.h"
#include "cli/doctor_target.h"

/* A name of --secret that stands for one secret. */
static bool is_exact(const char *secret)
{
    return !strpbrk(secret, "*?");
}

/* The names on the command line, then those of --secret; NULL after the last one. */
static const char *name_at(const struct options *options, size_t index)
{
    if (index < options->operands.count)
        return options->operands.texts[index];
    index -= options->operands.count;
    for (size_t i = 0; i < options->secrets.count; i++)
        if (is_exact(options->secrets.texts[i]) && index-- == 0)
            return options->secrets.texts[i];
    return NULL;
}

/* --- ListSecrets --- */

/* One name shows that listing is permitted; there may be half a million more. */
static int stop_at_first(void *context, const char *name)
{
    (void)name;
    *(bool *)context = true;
    return -ECANCELED;
}

static void report_no_listing(struct doctor *doctor, const struct error *error)
{
    const struct options *options = doctor->options;
    bool denied = error->kind == ERROR_ACCESS_DENIED;
    bool needed = !denied || options->operands.count + options->secrets.count == 0;
    doctor_report_error(doctor, needed ? STEP_FAILED : STEP_NOTE, "list-secrets", NULL, error,
                        needed ? NULL : "this is not needed for secrets that are named in full",
                        denied ? policy_for_all("secretsmanager:ListSecrets") : NULL);
}

static void check_listing(struct doctor *doctor)
{
    bool any = false;
    struct error error = {.kind = ERROR_NONE};

    if (doctor_is_blocked(doctor, "list-secrets", NULL))
        return;
    int r = doctor->source->ops->list(doctor->source, doctor->http, NULL, 0, doctor_deadline_ns(doctor), stop_at_first,
                                      &any, &error);
    if (any)
        report_say(doctor->report, STEP_OK, "list-secrets", NULL, "permitted");
    else if (r == 0)
        report_say(doctor->report, STEP_NOTE, "list-secrets", NULL, "permitted, but there is no secret in %s%s",
                   aws_session_region(doctor->session),
                   doctor->options->filters.count > 0 ? " that --filter admits" : "");
    else
        report_no_listing(doctor, &error);
}

/* --- BatchGetSecretValue --- */

static void drop_value(void *context, size_t index, struct value *value, const struct error *error)
{
    (void)context;
    (void)index;
    (void)error;
    value_free(value);
}

/* Tried with a secret that could be read; one of another region would be asked for alone. */
static void check_batch(struct doctor *doctor, const char *readable)
{
    _cleanup_doctor_target_ struct doctor_target target = {0};
    struct error error = {.kind = ERROR_NONE};
    struct secret_id id;

    if (doctor_is_blocked(doctor, "batch-get", NULL))
        return;
    if (!readable || doctor_target_parse(readable, &target) < 0 || !secret_id_parse(target.id, &id) ||
        (id.region[0] && strcmp(id.region, aws_session_region(doctor->session)) != 0)) {
        report_say(doctor->report, STEP_SKIPPED, "batch-get", NULL, "not tried: it takes a NAME that can be read");
        return;
    }
    const char *const ids[] = {target.id};
    int r = doctor->source->ops->get_many(doctor->source, doctor->http, ids, 1, doctor_deadline_ns(doctor), drop_value,
                                          NULL, &error);
    if (r == 0)
        report_say(doctor->report, STEP_OK, "batch-get", NULL, "permitted: 20 secrets are checked with one call");
    else
        doctor_report_error(
            doctor, STEP_NOTE, "batch-get", NULL, &error,
            "this is not needed: without it each check of a secret is a call of its own, and calls cost money",
            error.kind == ERROR_ACCESS_DENIED ? policy_for_all("secretsmanager:BatchGetSecretValue") : NULL);
}

/* --- the queue --- */

static void check_queue(struct doctor *doctor)
{
    const char *text = doctor->options->events_queue;
    _cleanup_(queue_url_clear) struct queue_url url = {.text = NULL};
    struct error error = {.kind = ERROR_NONE};
    char arn[512] = "";

    if (!text)
        return;
    bool parsed = queue_url_parse(text, "--events-queue", &url, NULL) == 0;
    const char *shown = parsed ? url.text : NULL; /* anything else may hold a password */
    if (doctor_is_blocked(doctor, "events-queue", shown))
        return;
    int r = secretsmanager_try_queue(doctor->source, doctor->http, doctor_deadline_ns(doctor), &error);
    if (r == 0) {
        report_say(doctor->report, STEP_OK, "events-queue", shown,
                   "can be read (whether messages may be deleted is not "
                   "tried)");
        return;
    }
    if (parsed)
        queue_url_arn(&url, url.region[0] ? url.region : aws_session_region(doctor->session), arn, sizeof(arn));
    doctor_report_error(doctor, STEP_FAILED, "events-queue", shown, &error, NULL,
                        error.kind == ERROR_ACCESS_DENIED && arn[0] ? policy_for_queue(arn) : NULL);
}

/* --- the local file --- */

void doctor_check_local(struct doctor *doctor)
{
    const char *path = doctor->options->local;
    _cleanup_local_file_ struct local_file *file = NULL;
    struct error error = {.kind = ERROR_NONE};

    if (local_file_read(path, &file, &error) < 0 || local_source_new(path, &doctor->source, &error) < 0) {
        doctor_report_error(doctor, STEP_FAILED, "local-file", path, &error,
                            "the file must be a JSON object that its owner alone can read (chmod 600)", NULL);
        doctor_block(doctor, "the local file is unusable");
        return;
    }
    report_say(doctor->report, STEP_OK, "local-file", path, "%zu secrets", file->entry_count);
}

void doctor_check_secrets(struct doctor *doctor)
{
    const char *readable = NULL, *name;
    if (!doctor->options->local)
        check_listing(doctor);
    for (size_t i = 0; (name = name_at(doctor->options, i)); i++)
        if (doctor_check_secret(doctor, name) && !readable)
            readable = name;
    if (!name_at(doctor->options, 0))
        report_say(doctor->report, STEP_SKIPPED, "read", NULL, "no secret is named: give the NAME of one to try it");
    if (doctor->options->local)
        return;
    check_batch(doctor, readable);
    check_queue(doctor);
}

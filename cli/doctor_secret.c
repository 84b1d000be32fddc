/* SPDX-License-Identifier: Apache-2.0 */

/* One secret: whether it is found and readable, what its value looks like from outside, and its versions. Names of keys
 * are shown, values never. */
#include "cli/doctor_secret.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backend/secret_id.h"
#include "base/buffer.h"
#include "base/json_slice.h"
#include "cli/doctor_target.h"

#define MAX_SHOWN_KEYS 20
#define MAX_KEY_BYTES 48
#define MAX_SHOWN_STAGES 20
#define MAX_DETAIL_BYTES ((size_t)1400)

static void append(struct buffer *detail, const char *text)
{
    int r = buffer_append_text(detail, text);
    (void)r; /* what does not fit is left out */
}

static const char *text_of(const struct buffer *detail)
{
    return detail->bytes ? detail->bytes : "";
}

/* --- reading --- */

/* Where the secret is in another account than ours, that account has a say as well. */
static const char *cross_account(const struct doctor *doctor, const char *id)
{
    struct secret_id parsed;
    if (!secret_id_parse(id, &parsed) || !parsed.region[0] || strcmp(doctor->account, "*") == 0 ||
        strcmp(parsed.account, doctor->account) == 0)
        return NULL;
    return "the secret is of another account: its resource policy must admit you as well, and its key must be a "
           "customer's own whose policy admits you";
}

static struct json *policy_for(const struct doctor *doctor, const struct error *error, const char *action,
                               const char *id)
{
    if (!doctor->session)
        return NULL;
    const struct policy_place place = doctor_place(doctor);
    if (error->kind == ERROR_ACCESS_DENIED)
        return policy_for_secret(action, id, &place);
    return error->kind == ERROR_KMS_DENIED ? policy_for_key(id, &place) : NULL;
}

static void report_unreadable(struct doctor *doctor, const char *name, const char *id, const struct error *error)
{
    doctor_report_error(doctor, STEP_FAILED, "read", name, error, cross_account(doctor, id),
                        policy_for(doctor, error, "secretsmanager:GetSecretValue", id));
}

static void report_read(struct doctor *doctor, const char *name, const struct value *value)
{
    _cleanup_buffer_ struct buffer stages;
    buffer_init(&stages, MAX_DETAIL_BYTES);
    for (size_t i = 0; i < value->stage_count; i++) {
        append(&stages, i > 0 ? ", " : "");
        append(&stages, value->stages[i]);
    }
    report_say(doctor->report, STEP_OK, "read", name, "%s, version %s (%s)", value->arn, value->version_id,
               text_of(&stages));
}

/* --- keys --- */

struct keys {
    struct buffer names;
    unsigned count;
    bool found; /* the one that was asked for */
};

/* The key, cut to fit. Its whole bytes are compared, not what is shown. */
static void note_key(struct keys *keys, struct json_slice key, const char *wanted)
{
    size_t size = 0;
    _cleanup_free_ char *bytes = malloc(key.size_bytes + 1);
    if (!bytes || json_slice_decode(key, bytes, &size) < 0)
        return;
    keys->found = keys->found || (wanted && strlen(wanted) == size && memcmp(wanted, bytes, size) == 0);
    if (keys->count++ >= MAX_SHOWN_KEYS)
        return;
    char shown[MAX_KEY_BYTES];
    error_copy_text(shown, sizeof(shown), bytes, size);
    append(&keys->names, keys->count > 1 ? ", " : "");
    append(&keys->names, shown);
    append(&keys->names, size >= sizeof(shown) ? "..." : "");
}

static void report_no_key(struct doctor *doctor, const char *name, const char *wanted, const char *remedy)
{
    char cause[256];
    (void)snprintf(cause, sizeof(cause), "the value has no key %s", wanted);
    report_add(doctor->report,
               &(struct step){.name = "key", .subject = name, .result = STEP_FAILED, .cause = cause, .remedy = remedy});
}

static void report_keys(struct doctor *doctor, const char *name, const struct keys *keys, const char *wanted)
{
    if (keys->count > MAX_SHOWN_KEYS)
        report_say(doctor->report, STEP_OK, "keys", name, "JSON object of %u keys: %s, ...", keys->count,
                   text_of(&keys->names));
    else
        report_say(doctor->report, STEP_OK, "keys", name, "JSON object: %s",
                   keys->count > 0 ? text_of(&keys->names) : "no keys");
    if (wanted && !keys->found)
        report_no_key(doctor, name, wanted, "take one of the keys above; case counts");
}

static bool is_object(const struct value *value, struct json_slice *ret_object)
{
    return !value->binary &&
           json_slice_check(secret_bytes(value->bytes), secret_size_bytes(value->bytes), ret_object) == 0 &&
           json_slice_type(*ret_object) == JSON_OBJECT;
}

static void check_keys(struct doctor *doctor, const char *name, const struct value *value, const char *wanted)
{
    struct json_slice object = {.bytes = NULL}, key, member;
    struct keys keys = {.count = 0};
    size_t position = 0;

    if (!is_object(value, &object)) {
        report_say(doctor->report, STEP_OK, "keys", name, "%s, and so one file: value",
                   value->binary ? "binary" : "not a JSON object");
        if (wanted)
            report_no_key(doctor, name, wanted, "leave the key out of the name: the whole value is the file");
        return;
    }
    buffer_init(&keys.names, MAX_DETAIL_BYTES);
    while (json_slice_next_member(object, &position, &key, &member) > 0)
        note_key(&keys, key, wanted);
    report_keys(doctor, name, &keys, wanted);
    buffer_clear(&keys.names);
}

/* --- stages --- */

struct stages {
    struct buffer text;
    unsigned count;
};

static int note_stage(void *context, const char *version_id, const char *stage)
{
    struct stages *stages = context;
    if (!stage || stages->count++ >= MAX_SHOWN_STAGES)
        return 0;
    append(&stages->text, stages->count > 1 ? ", " : "");
    append(&stages->text, stage);
    append(&stages->text, " ");
    append(&stages->text, version_id);
    return 0;
}

static void check_stages(struct doctor *doctor, const char *name, const char *id)
{
    struct stages stages = {.count = 0};
    struct error error = {.kind = ERROR_NONE};
    if (!doctor->source->ops->versions)
        return;
    buffer_init(&stages.text, MAX_DETAIL_BYTES);
    int r = doctor->source->ops->versions(doctor->source, doctor->http, id, doctor_deadline_ns(doctor), note_stage,
                                          &stages, &error);
    if (r == 0)
        report_say(doctor->report, STEP_OK, "stages", name, "%s%s", text_of(&stages.text),
                   stages.count > MAX_SHOWN_STAGES ? ", ..." : "");
    else
        doctor_report_error(doctor, STEP_NOTE, "stages", name, &error,
                            "this is not needed: without it .versions lists what has been looked up",
                            policy_for(doctor, &error, "secretsmanager:DescribeSecret", id));
    buffer_clear(&stages.text);
}

/* --- all of it --- */

bool doctor_check_secret(struct doctor *doctor, const char *name)
{
    _cleanup_doctor_target_ struct doctor_target target = {0};
    _cleanup_value_ struct value *value = NULL;
    struct error error = {.kind = ERROR_NONE};

    if (doctor_is_blocked(doctor, "read", name))
        return false;
    int r = doctor_target_parse(name, &target);
    if (r < 0) {
        (void)error_set(&error, r == -ENOMEM ? ERROR_INTERNAL : ERROR_BAD_REQUEST,
                        "%s; a valueFrom string ends in :JSON-KEY:VERSION-STAGE:VERSION-ID, with all three colons",
                        r == -ENOMEM ? "out of memory" : "this is neither a name nor an ARN of a secret");
        doctor_report_error(doctor, STEP_FAILED, "read", name, &error, NULL, NULL);
        return false;
    }
    const struct value_request request = {target.id, target.stage, target.version_id};
    r = doctor->source->ops->get(doctor->source, doctor->http, &request, doctor_deadline_ns(doctor), &value, &error);
    if (r < 0) {
        report_unreadable(doctor, name, target.id, &error);
        return false;
    }
    report_read(doctor, name, value);
    check_keys(doctor, name, value, target.key);
    check_stages(doctor, name, target.id);
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/event.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "backend/secret_id.h"
#include "base/json.h"

#define MAX_DEPTH 32
#define MIN_VERSION_ID_BYTES 32
#define MAX_VERSION_ID_BYTES 64

/* Calls after which a secret may have another value, or no longer be readable. */
static const char *const changing_calls[] = {
    "CreateSecret",
    "PutSecretValue",
    "UpdateSecret",
    "UpdateSecretVersionStage",
    "RotateSecret",
    "CancelRotateSecret",
    "DeleteSecret",
    "RestoreSecret",
    "PutResourcePolicy",
    "DeleteResourcePolicy",
    "ReplicateSecretToRegions",
    "RemoveRegionsFromReplication",
    "StopReplicationToReplica",
};

void event_hint_clear(struct event_hint *hint)
{
    free(hint->id);
    free(hint->version_id);
    *hint = (struct event_hint){0};
}

static bool is_text(const char *text, const char *expected)
{
    return text && strcmp(text, expected) == 0;
}

/* "AWS API Call via CloudTrail"; in China the first word may be another. */
static bool ends_with(const char *text, const char *end)
{
    size_t size = strlen(text), end_size = strlen(end);
    return size >= end_size && strcmp(text + size - end_size, end) == 0;
}

static const char *first(const char *a, const char *b)
{
    return a ? a : b;
}

/* With the version id, or NULL. */
static int make_hint(const char *id, const char *version_id, struct event_hint *ret_hint)
{
    struct event_hint hint = {0};
    struct secret_id parsed;
    if (!id || !secret_id_parse(id, &parsed))
        return -EBADMSG;
    if (version_id && (strlen(version_id) < MIN_VERSION_ID_BYTES || strlen(version_id) > MAX_VERSION_ID_BYTES))
        version_id = NULL;
    hint.id = strdup(id);
    hint.version_id = version_id ? strdup(version_id) : NULL;
    if (!hint.id || (version_id && !hint.version_id)) {
        event_hint_clear(&hint);
        return -ENOMEM;
    }
    *ret_hint = hint;
    return 0;
}

static int decode_label_updated(const struct json *event, struct event_hint *ret_hint)
{
    const struct json *detail = json_member(event, "detail");
    const char *arn = json_text(json_array_at(json_member(event, "resources"), 0), NULL);
    bool is_current = is_text(json_member_text(detail, "labelUpdated"), "AWSCURRENT");

    if (!is_text(json_member_text(event, "source"), "aws.secretsmanager"))
        return -ENOMSG;
    return make_hint(first(arn, json_member_text(detail, "name")),
                     is_current ? json_member_text(detail, "versionId") : NULL, ret_hint);
}

static bool is_of_secretsmanager(const struct json *detail)
{
    return is_text(json_member_text(detail, "eventSource"), "secretsmanager.amazonaws.com");
}

/* The version id in it, if any, need not be the current one. */
static int decode_call(const struct json *detail, struct event_hint *ret_hint)
{
    const struct json *answer = json_member(detail, "responseElements");
    const struct json *parameters = json_member(detail, "requestParameters");
    const char *name = json_member_text(detail, "eventName");
    size_t i = 0, count = sizeof(changing_calls) / sizeof(changing_calls[0]);

    while (i < count && !is_text(name, changing_calls[i]))
        i++;
    if (!is_of_secretsmanager(detail) || i == count || json_member(detail, "errorCode"))
        return -ENOMSG;
    const char *id = first(json_member_text(answer, "arn"), json_member_text(answer, "aRN"));
    id = first(id, json_member_text(parameters, "secretId"));
    return make_hint(first(id, json_member_text(parameters, "name")), NULL, ret_hint);
}

static int decode_service_event(const struct json *detail, struct event_hint *ret_hint)
{
    if (!is_of_secretsmanager(detail))
        return -ENOMSG;
    return make_hint(json_member_text(json_member(detail, "additionalEventData"), "SecretId"), NULL, ret_hint);
}

static int decode_event(const struct json *event, struct event_hint *ret_hint)
{
    const char *type = json_member_text(event, "detail-type");
    const struct json *detail = json_member(event, "detail");

    if (!type)
        return -EBADMSG;
    if (strcmp(type, "Secret Label Updated") == 0)
        return decode_label_updated(event, ret_hint);
    if (ends_with(type, " API Call via CloudTrail"))
        return decode_call(detail, ret_hint);
    if (ends_with(type, " Service Event via CloudTrail"))
        return decode_service_event(detail, ret_hint);
    return -ENOMSG;
}

int event_decode(const char *text, size_t text_bytes, struct event_hint *ret_hint)
{
    _cleanup_json_ struct json *outer = NULL;
    _cleanup_json_ struct json *inner = NULL;
    size_t size = 0;

    int r = json_parse(text, text_bytes, MAX_DEPTH, &outer);
    if (r < 0)
        return r;
    const char *message = json_member(outer, "detail-type") ? NULL : json_text(json_member(outer, "Message"), &size);
    if (!message)
        return decode_event(outer, ret_hint);
    r = json_parse(message, size, MAX_DEPTH, &inner);
    return r < 0 ? r : decode_event(inner, ret_hint);
}

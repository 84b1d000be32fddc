/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/secretsmanager_decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/aws_answer.h"
#include "backend/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/json_slice.h"
#include "base/slice_text.h"

#define MAX_DEPTH 32
#define MAX_NUMBER_BYTES 63
#define MAX_SECONDS 1e10 /* so that nanoseconds fit into 64 bits */

/* The members that count, as they stand in the answer; those that are missing or null have no bytes. */
struct members {
    struct json_slice arn, name, version_id, stages, created, string, binary;
};

static void find_members(struct json_slice object, struct members *ret_members)
{
    const struct json_slice absent = {NULL, 0};
    struct members found = {0};
    const struct {
        const char *key;
        struct json_slice *value;
    } wanted[] = {
        {"ARN", &found.arn},
        {"Name", &found.name},
        {"VersionId", &found.version_id},
        {"VersionStages", &found.stages},
        {"CreatedDate", &found.created},
        {"SecretString", &found.string},
        {"SecretBinary", &found.binary},
    };
    struct json_slice key, value;
    size_t position = 0;

    while (json_slice_next_member(object, &position, &key, &value)) {
        for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
            if (slice_equals(key, wanted[i].key))
                *wanted[i].value = json_slice_type(value) == JSON_WORD ? absent : value;
        }
    }
    *ret_members = found;
}

static int decode_stages(struct json_slice stages, struct value *value)
{
    _cleanup_json_ struct json *array = NULL;
    int r = stages.size_bytes > 0 ? json_parse(stages.bytes, stages.size_bytes, MAX_DEPTH, &array) : 0;
    if (r < 0)
        return r;
    for (size_t i = 0; i < json_array_length(array) && value->stage_count < VALUE_MAX_STAGES; i++) {
        const char *stage = json_text(json_array_at(array, i), NULL);
        if (!stage || !stage[0])
            continue;
        value->stages[value->stage_count] = strdup(stage);
        if (!value->stages[value->stage_count])
            return -ENOMEM;
        value->stage_count++;
    }
    return 0;
}

/* Seconds since 1970, perhaps as 1.523477145713E9; the service means milliseconds. */
static uint64_t decode_time(struct json_slice number)
{
    char text[MAX_NUMBER_BYTES + 1] = "";
    if (number.size_bytes == 0 || number.size_bytes > MAX_NUMBER_BYTES || json_slice_type(number) != JSON_NUMBER)
        return 0;
    memcpy(text, number.bytes, number.size_bytes);
    double seconds = strtod(text, NULL);
    if (!(seconds > 0 && seconds < MAX_SECONDS))
        return 0;
    return (uint64_t)(seconds * 1000 + 0.5) * NS_PER_MS;
}

static int decode_binary(struct json_slice string, struct secret **ret_secret)
{
    _cleanup_secret_ struct secret *text = NULL;
    struct secret *bytes = NULL;
    size_t size = 0;
    int r = slice_to_secret(string, &text);
    if (r == 0)
        r = base64_decode(secret_bytes(text), secret_size_bytes(text), NULL, &size);
    if (r == 0)
        r = secret_alloc(size, &bytes);
    if (r < 0)
        return r;
    (void)base64_decode(secret_bytes(text), secret_size_bytes(text), secret_fill(bytes), &size);
    *ret_secret = bytes;
    return 0;
}

static int fill_value(const struct members *members, struct value *value)
{
    int r;
    if ((r = slice_to_text(members->arn, &value->arn)) < 0 || (r = slice_to_text(members->name, &value->name)) < 0 ||
        (r = slice_to_text(members->version_id, &value->version_id)) < 0 ||
        (r = decode_stages(members->stages, value)) < 0)
        return r;
    value->created_ns = decode_time(members->created);
    value->binary = members->string.size_bytes == 0;
    return value->binary ? decode_binary(members->binary, &value->bytes)
                         : slice_to_secret(members->string, &value->bytes);
}

int secretsmanager_bad_answer(int r, const char *operation, struct error *ret_error)
{
    if (r == -ENOMEM)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory for the answer to %s", operation);
    return error_set(ret_error, ERROR_BAD_ANSWER,
                     "this is not an answer to %s: is something else answering in place of AWS?", operation);
}

/* `object` is known to be JSON. */
static int decode_object(struct json_slice object, struct value **ret_value)
{
    _cleanup_value_ struct value *value = value_new();
    struct members members;
    if (!value)
        return -ENOMEM;
    find_members(object, &members);
    int r = fill_value(&members, value);
    if (r == 0)
        *ret_value = STEAL(value);
    return r;
}

int secretsmanager_decode_value(const char *body, size_t body_bytes, struct value **ret_value, struct error *ret_error)
{
    struct json_slice object;
    int r = json_slice_check(body, body_bytes, &object);
    if (r == 0)
        r = decode_object(object, ret_value);
    return r < 0 ? secretsmanager_bad_answer(r, "GetSecretValue", ret_error) : 0;
}

static int each_value(struct json_slice values, const struct secretsmanager_batch_ops *ops, void *context)
{
    struct json_slice element;
    size_t position = 0;
    while (json_slice_next_element(values, &position, &element)) {
        struct value *value = NULL;
        int r = decode_object(element, &value);
        if (r == -ENOMEM)
            return r;
        if (r == 0)
            ops->value(context, value);
    }
    return 0;
}

static int each_error(struct json_slice errors, const struct secretsmanager_batch_ops *ops, void *context)
{
    _cleanup_json_ struct json *array = NULL;
    int r = json_parse(errors.bytes, errors.size_bytes, MAX_DEPTH, &array);
    if (r < 0)
        return r;
    for (size_t i = 0; i < json_array_length(array); i++) {
        const struct json *item = json_array_at(array, i);
        const char *id = json_member_text(item, "SecretId");
        struct error error;
        aws_answer_item_error(json_member_text(item, "ErrorCode"), json_member_text(item, "Message"), &error);
        if (id)
            ops->error(context, id, &error);
    }
    return 0;
}

static int decode_batch(struct json_slice object, const struct secretsmanager_batch_ops *ops, void *context,
                        char **ret_next_token)
{
    struct json_slice key, value, values = {0}, errors = {0}, token = {0};
    size_t position = 0;
    int r = 0;

    while (json_slice_next_member(object, &position, &key, &value)) {
        if (slice_equals(key, "SecretValues"))
            values = value;
        else if (slice_equals(key, "Errors"))
            errors = value;
        else if (slice_equals(key, "NextToken"))
            token = value;
    }
    r = each_value(values, ops, context);
    if (r == 0 && errors.size_bytes > 0)
        r = each_error(errors, ops, context);
    if (r < 0)
        return r;
    *ret_next_token = NULL;
    return slice_to_text(token, ret_next_token) == -ENOMEM ? -ENOMEM : 0;
}

int secretsmanager_decode_batch(const char *body, size_t body_bytes, const struct secretsmanager_batch_ops *ops,
                                void *context, char **ret_next_token, struct error *ret_error)
{
    struct json_slice object;
    int r = json_slice_check(body, body_bytes, &object);
    if (r == 0)
        r = json_slice_type(object) == JSON_OBJECT ? decode_batch(object, ops, context, ret_next_token) : -EBADMSG;
    return r < 0 ? secretsmanager_bad_answer(r, "BatchGetSecretValue", ret_error) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/secretsmanager_decode.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "backend/base64.h"
#include "backend/slice_text.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/json_slice.h"

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

static int bad_answer(struct error *error, int r, const char *operation)
{
    if (r == -ENOMEM)
        return error_set(error, ERROR_INTERNAL, "out of memory for the answer to %s", operation);
    return error_set(error, ERROR_BAD_ANSWER,
                     "this is not an answer to %s: is something else answering in place of AWS?", operation);
}

int secretsmanager_decode_value(const char *body, size_t body_bytes, struct value **ret_value, struct error *ret_error)
{
    _cleanup_value_ struct value *value = NULL;
    struct json_slice object;
    struct members members;

    int r = json_slice_check(body, body_bytes, &object);
    if (r == 0) {
        find_members(object, &members);
        value = value_new();
        r = value ? fill_value(&members, value) : -ENOMEM;
    }
    if (r < 0)
        return bad_answer(ret_error, r, "GetSecretValue");
    *ret_value = STEAL(value);
    return 0;
}

int secretsmanager_decode_page(const char *body, size_t body_bytes, source_name_cb each, void *context,
                               char **ret_next_token, struct error *ret_error)
{
    _cleanup_json_ struct json *page = NULL;
    int r = json_parse(body, body_bytes, MAX_DEPTH, &page);
    struct json *list = json_member(page, "SecretList");
    if (r < 0 || !json_is_array(list))
        return bad_answer(ret_error, r < 0 ? r : -EBADMSG, "ListSecrets");

    for (size_t i = 0; i < json_array_length(list); i++) {
        const char *name = json_member_text(json_array_at(list, i), "Name");
        r = name && name[0] ? each(context, name) : 0;
        if (r < 0) {
            (void)error_set(ret_error, ERROR_INTERNAL, "the listing was given up: %s", strerror(-r));
            return r;
        }
    }
    const char *token = json_member_text(page, "NextToken");
    char *copy = token && token[0] ? strdup(token) : NULL;
    if (token && token[0] && !copy)
        return bad_answer(ret_error, -ENOMEM, "ListSecrets");
    *ret_next_token = copy;
    return 0;
}

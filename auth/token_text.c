/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/token_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/parse.h"
#include "base/slice_text.h"

#define MAX_NUMBER_BYTES 32

int token_text_find(struct json_slice object, const struct token_member *members, size_t count)
{
    struct json_slice key, value;
    size_t position = 0;
    for (size_t i = 0; i < count; i++)
        *members[i].value = (struct json_slice){NULL, 0};
    if (!object.bytes || json_slice_type(object) != JSON_OBJECT)
        return -EBADMSG;
    while (json_slice_next_member(object, &position, &key, &value))
        for (size_t i = 0; i < count; i++)
            if (slice_equals(key, members[i].name))
                *members[i].value = json_slice_type(value) == JSON_WORD ? (struct json_slice){NULL, 0} : value;
    return 0;
}

bool token_text_is_string(struct json_slice value)
{
    size_t size_bytes;
    return value.bytes && json_slice_decode(value, NULL, &size_bytes) == 0 && size_bytes > 0;
}

int token_text_secret(struct json_slice string, struct secret **ret_secret)
{
    _cleanup_secret_ struct secret *secret = NULL;
    if (!token_text_is_string(string))
        return -EBADMSG;
    int r = slice_to_secret(string, &secret);
    if (r < 0)
        return r;
    for (size_t i = 0; i < secret_size_bytes(secret); i++)
        if (secret_bytes(secret)[i] < ' ' || secret_bytes(secret)[i] > '~') /* char may be signed */
            return -EBADMSG;
    *ret_secret = STEAL(secret);
    return 0;
}

uint64_t token_text_time(struct json_slice string)
{
    _cleanup_secret_ struct secret *text = NULL;
    uint64_t wall_ns;
    if (token_text_secret(string, &text) < 0 || parse_timestamp(secret_bytes(text), &wall_ns) < 0)
        return 0;
    return wall_ns;
}

int token_text_number(struct json_slice number, uint64_t max, uint64_t *ret_value)
{
    _cleanup_json_ struct json *json = NULL;
    double value;
    if (!number.bytes || number.size_bytes > MAX_NUMBER_BYTES || json_slice_type(number) != JSON_NUMBER ||
        json_parse(number.bytes, number.size_bytes, 1, &json) < 0 || !json_number(json, &value) || !(value >= 0) ||
        value > (double)max)
        return -EBADMSG;
    *ret_value = (uint64_t)value;
    return 0;
}

static int append_slice(struct buffer *text, struct json_slice slice)
{
    return buffer_append(text, slice.bytes, slice.size_bytes);
}

/* The change of a member, or NULL. */
static const struct token_change *find_change(struct json_slice key, const struct token_change *changes, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (changes[i].value.bytes && slice_equals(key, changes[i].name))
            return &changes[i];
    return NULL;
}

int token_text_rewrite(struct json_slice object, const struct token_change *changes, size_t count,
                       struct buffer *ret_text)
{
    struct json_slice key, value;
    const char *separator = "{";
    size_t position = 0;
    int r = 0;

    while (r == 0 && json_slice_next_member(object, &position, &key, &value)) {
        if (find_change(key, changes, count))
            continue;
        if ((r = buffer_append_text(ret_text, separator)) == 0 && (r = append_slice(ret_text, key)) == 0 &&
            (r = buffer_append_text(ret_text, ": ")) == 0)
            r = append_slice(ret_text, value);
        separator = ", ";
    }
    for (size_t i = 0; r == 0 && i < count; i++) {
        if (!changes[i].value.bytes)
            continue;
        r = buffer_printf(ret_text, "%s\"%s\": ", separator, changes[i].name);
        if (r == 0)
            r = append_slice(ret_text, changes[i].value);
        separator = ", ";
    }
    if (r == 0 && strcmp(separator, "{") == 0)
        r = buffer_append_text(ret_text, separator);
    return r == 0 ? buffer_append_text(ret_text, "}") : r;
}

void token_text_format_time(uint64_t wall_ns, char ret_text[TOKEN_TEXT_TIME_BYTES])
{
    time_t seconds = (time_t)(wall_ns / NS_PER_SEC);
    struct tm date = {0};
    (void)gmtime_r(&seconds, &date);
    if (strftime(ret_text, TOKEN_TEXT_TIME_BYTES, "\"%Y-%m-%dT%H:%M:%SZ\"", &date) == 0)
        (void)snprintf(ret_text, TOKEN_TEXT_TIME_BYTES, "\"\"");
}

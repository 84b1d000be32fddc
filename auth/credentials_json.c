/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/credentials_json.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/json_slice.h"
#include "base/parse.h"
#include "base/secret.h"

/* The members have depth 1; what else may stand there is not looked at. */
#define MAX_DEPTH 16

enum field { FIELD_ID, FIELD_KEY, FIELD_TOKEN, FIELD_EXPIRATION, FIELD_COUNT };

struct fields {
    const char *names[FIELD_COUNT];
    struct secret *values[FIELD_COUNT];
};

static void fields_clear(struct fields *fields)
{
    for (size_t i = 0; i < FIELD_COUNT; i++)
        secret_unref(fields->values[i]);
}

/* Decodes a string. Returns 0, -EBADMSG (no string, or one with a NUL inside), or -ENOMEM. */
static int decode(struct json_slice string, struct secret **ret_text)
{
    _cleanup_secret_ struct secret *text = NULL;
    size_t size_bytes;
    int r = json_slice_decode(string, NULL, &size_bytes);
    if (r == 0)
        r = secret_alloc(size_bytes, &text);
    if (r == 0)
        r = json_slice_decode(string, secret_fill(text), &size_bytes);
    if (r == 0 && strlen(secret_bytes(text)) != size_bytes)
        r = -EBADMSG;
    if (r == 0)
        *ret_text = STEAL(text);
    return r;
}

/* Finds the member of that name; the last one, where there are several. */
static bool find_member(struct json_slice object, const char *name, struct json_slice *ret_value)
{
    struct json_slice key, value;
    size_t position = 0, name_bytes = strlen(name);
    bool found = false;
    while (json_slice_next_member(object, &position, &key, &value) > 0)
        /* The quotes do not count. Nobody writes these names with escapes. */
        if (key.size_bytes == name_bytes + 2 && strncasecmp(key.bytes + 1, name, name_bytes) == 0) {
            *ret_value = value;
            found = true;
        }
    return found;
}

static bool find_object(const char *text, size_t text_bytes, struct json_slice *ret_object)
{
    return json_slice_check_depth(text, text_bytes, MAX_DEPTH, ret_object) == 0 &&
           json_slice_type(*ret_object) == JSON_OBJECT;
}

/* Leaves values that are absent, null or empty NULL. */
static int read_fields(struct json_slice object, struct fields *fields, struct error *ret_error)
{
    struct json_slice value;
    for (size_t i = 0; i < FIELD_COUNT; i++) {
        if (!find_member(object, fields->names[i], &value) || json_slice_type(value) == JSON_WORD)
            continue;
        int r = decode(value, &fields->values[i]);
        if (r == -EBADMSG)
            return error_set(ret_error, ERROR_BAD_ANSWER, "%s in the answer is not a text", fields->names[i]);
        if (r < 0)
            return error_set(ret_error, ERROR_INTERNAL, "out of memory");
        if (secret_size_bytes(fields->values[i]) == 0)
            secret_unref(STEAL(fields->values[i]));
    }
    return 0;
}

static int make_credentials(const struct fields *fields, const char *provider, struct credentials **ret_credentials,
                            struct error *ret_error)
{
    const struct secret *token = fields->values[FIELD_TOKEN];
    const struct secret *expiration = fields->values[FIELD_EXPIRATION];
    uint64_t expires_ns = CLOCK_NEVER_NS;
    for (size_t i = 0; i <= FIELD_KEY; i++)
        if (!fields->values[i])
            return error_set(ret_error, ERROR_BAD_ANSWER, "the answer has no %s", fields->names[i]);
    if (expiration && parse_timestamp(secret_bytes(expiration), &expires_ns) < 0)
        return error_set(ret_error, ERROR_BAD_ANSWER, "%s in the answer is not a time",
                         fields->names[FIELD_EXPIRATION]);
    int r = credentials_new(secret_bytes(fields->values[FIELD_ID]), secret_bytes(fields->values[FIELD_KEY]),
                            token ? secret_bytes(token) : NULL, expires_ns, provider, ret_credentials);
    if (r == -EINVAL)
        return error_set(ret_error, ERROR_BAD_ANSWER, "%s or %s in the answer holds a blank or a control character",
                         fields->names[FIELD_ID], fields->names[FIELD_TOKEN]);
    return r < 0 ? error_set(ret_error, ERROR_INTERNAL, "out of memory") : 0;
}

int credentials_json_parse(const char *text, size_t text_bytes, const char *token_name, const char *provider,
                           struct credentials **ret_credentials, struct error *ret_error)
{
    _cleanup_(fields_clear) struct fields fields = {
        .names = {"AccessKeyId", "SecretAccessKey", token_name, "Expiration"},
    };
    struct json_slice object;
    if (!find_object(text, text_bytes, &object))
        return error_set(ret_error, ERROR_BAD_ANSWER, "the answer is not a JSON object");
    int r = read_fields(object, &fields, ret_error);
    return r < 0 ? r : make_credentials(&fields, provider, ret_credentials, ret_error);
}

int credentials_json_check_version(const char *text, size_t text_bytes, struct error *ret_error)
{
    struct json_slice object, value;
    if (!find_object(text, text_bytes, &object))
        return error_set(ret_error, ERROR_BAD_ANSWER, "the answer is not a JSON object");
    if (!find_member(object, "Version", &value))
        return error_set(ret_error, ERROR_BAD_ANSWER, "the answer has no Version");
    if (value.size_bytes != 1 || value.bytes[0] != '1')
        return error_set(ret_error, ERROR_BAD_ANSWER, "Version in the answer is not the number 1");
    return 0;
}

bool credentials_json_text(const char *text, size_t text_bytes, const char *name, char *ret_text, size_t room_bytes)
{
    _cleanup_secret_ struct secret *decoded = NULL;
    struct json_slice object, value;
    if (!find_object(text, text_bytes, &object) || !find_member(object, name, &value) || decode(value, &decoded) < 0)
        return false;
    error_copy_text(ret_text, room_bytes, secret_bytes(decoded), secret_size_bytes(decoded));
    return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <json-c/json.h>

#include "base/error.h"
#include "base/json_slice.h"

/* A struct json is never defined: it is json-c's object under a name of ours. json-c counts references even in
 * what it only reads, so const ends here. */
static struct json_object *object_of(const struct json *json)
{
    return (struct json_object *)(uintptr_t)json;
}

static struct json *json_of(struct json_object *object)
{
    return (struct json *)object;
}

int json_parse(const char *text, size_t text_bytes, int max_depth, struct json **ret_json)
{
    /* The syntax is checked by our own scanner, for json-c takes more than JSON (see json_slice.c). */
    struct json_slice value;
    if (text_bytes > INT_MAX || json_slice_check_depth(text, text_bytes, max_depth, &value) < 0)
        return -EBADMSG;

    /* json-c counts a level more than there are containers. */
    struct json_tokener *tokener = json_tokener_new_ex(max_depth + 1);
    if (!tokener)
        return -ENOMEM;
    json_tokener_set_flags(tokener, JSON_TOKENER_STRICT);
    struct json_object *object = json_tokener_parse_ex(tokener, value.bytes, (int)value.size_bytes);
    if (json_tokener_get_error(tokener) == json_tokener_continue)
        object = json_tokener_parse_ex(tokener, "", 1); /* the NUL ends a number */
    enum json_tokener_error error = json_tokener_get_error(tokener);
    json_tokener_free(tokener);
    if (error != json_tokener_success) {
        json_object_put(object);
        return -EBADMSG;
    }
    *ret_json = json_of(object);
    return 0;
}

struct json *json_new_object(void)
{
    return json_of(json_object_new_object());
}

struct json *json_new_array(void)
{
    return json_of(json_object_new_array());
}

void json_free(struct json *json)
{
    (void)json_object_put(object_of(json));
}

bool json_is_object(const struct json *json)
{
    return json_object_is_type(object_of(json), json_type_object);
}

bool json_is_array(const struct json *json)
{
    return json_object_is_type(object_of(json), json_type_array);
}

struct json *json_member(const struct json *object, const char *key)
{
    struct json_object *value;
    if (!json_is_object(object) || !json_object_object_get_ex(object_of(object), key, &value))
        return NULL;
    return json_of(value);
}

const char *json_text(const struct json *json, size_t *ret_bytes)
{
    if (!json_object_is_type(object_of(json), json_type_string))
        return NULL;
    if (ret_bytes)
        *ret_bytes = (size_t)json_object_get_string_len(object_of(json));
    return json_object_get_string(object_of(json));
}

const char *json_member_text(const struct json *object, const char *key)
{
    size_t size = 0;
    const char *text = json_text(json_member(object, key), &size);
    return text && strlen(text) == size ? text : NULL;
}

bool json_number(const struct json *json, double *ret_value)
{
    struct json_object *object = object_of(json);
    if (!json_object_is_type(object, json_type_int) && !json_object_is_type(object, json_type_double))
        return false;
    *ret_value = json_object_get_double(object);
    return true;
}

bool json_boolean(const struct json *json)
{
    return json_object_is_type(object_of(json), json_type_boolean) && json_object_get_boolean(object_of(json));
}

size_t json_array_length(const struct json *array)
{
    return json_is_array(array) ? json_object_array_length(object_of(array)) : 0;
}

struct json *json_array_at(const struct json *array, size_t index)
{
    if (index >= json_array_length(array))
        return NULL;
    return json_of(json_object_array_get_idx(object_of(array), index));
}

int json_each_member(const struct json *object, int (*each)(void *context, const char *key, struct json *value),
                     void *context)
{
    if (!json_is_object(object))
        return 0;
    struct json_object_iterator at = json_object_iter_begin(object_of(object));
    struct json_object_iterator end = json_object_iter_end(object_of(object));
    for (; !json_object_iter_equal(&at, &end); json_object_iter_next(&at)) {
        int r = each(context, json_object_iter_peek_name(&at), json_of(json_object_iter_peek_value(&at)));
        if (r != 0)
            return r;
    }
    return 0;
}

int json_put(struct json *object, const char *key, struct json *value)
{
    if (json_object_object_add(object_of(object), key, object_of(value)) == 0)
        return 0;
    json_free(value);
    return -ENOMEM;
}

/* Adds a new value, which is NULL where json-c found no memory for it. */
static int put_new(struct json *object, const char *key, struct json_object *value)
{
    return value ? json_put(object, key, json_of(value)) : -ENOMEM;
}

int json_put_text(struct json *object, const char *key, const char *text)
{
    size_t size = text ? strlen(text) : 0;
    _cleanup_free_ char *shown = NULL;
    if (text && !json_slice_is_utf8(text, size)) {
        shown = malloc(size + 1);
        if (!shown)
            return -ENOMEM;
        error_copy_text(shown, size + 1, text, size);
    }
    return text ? put_new(object, key, json_object_new_string(shown ? shown : text)) : 0;
}

int json_put_int(struct json *object, const char *key, int64_t value)
{
    return put_new(object, key, json_object_new_int64(value));
}

int json_put_double(struct json *object, const char *key, double value)
{
    if (!isfinite(value))
        return json_put(object, key, NULL);
    struct json_object *number = json_object_new_double(value);
    if (number) {
        static char format[] = "%.15g"; /* 0.1, not 0.10000000000000001 */
        json_object_set_serializer(number, json_object_double_to_json_string, format, NULL);
    }
    return put_new(object, key, number);
}

int json_put_bool(struct json *object, const char *key, bool value)
{
    return put_new(object, key, json_object_new_boolean(value));
}

int json_append(struct json *array, struct json *value)
{
    if (json_object_array_add(object_of(array), object_of(value)) == 0)
        return 0;
    json_free(value);
    return -ENOMEM;
}

int json_append_text(struct json *array, const char *text)
{
    struct json_object *value = json_object_new_string(text);
    return value ? json_append(array, json_of(value)) : -ENOMEM;
}

const char *json_format(struct json *json, bool pretty)
{
    int flags = JSON_C_TO_STRING_NOSLASHESCAPE;
    if (pretty)
        flags |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
    return json ? json_object_to_json_string_ext(object_of(json), flags) : "null";
}

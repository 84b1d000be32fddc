/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The only user of json-c: parsing of answers and configuration, and writing of requests and status.
 * Pure; a tree belongs to one thread. `struct json` stands for any JSON value; JSON null is the NULL
 * pointer, which every function accepts (as a value of no type). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"

struct json;

/* Parses exactly one strict JSON text (RFC 8259) of valid UTF-8, nested at most `max_depth` deep, with nothing but
 * white space around it. Returns 0, -EBADMSG, or -ENOMEM. A text of `null` gives NULL. */
int json_parse(const char *text, size_t text_bytes, int max_depth, struct json **ret_json);

struct json *json_new_object(void);
struct json *json_new_array(void);

/* Frees a root; members are freed with it. NULL is accepted. */
void json_free(struct json *json);
DEFINE_CLEANUP(struct json, json_free)
#define _cleanup_json_ _cleanup_(json_freep)

/* Reading. A missing member or one of another type gives NULL / false / 0. What is returned lives as long as
 * the root. */
bool json_is_object(const struct json *json);
bool json_is_array(const struct json *json);
struct json *json_member(const struct json *object, const char *key);
const char *json_text(const struct json *json, size_t *ret_bytes);        /* a string's bytes; ret_bytes may be NULL */
const char *json_member_text(const struct json *object, const char *key); /* NULL also with a NUL inside */
bool json_number(const struct json *json, double *ret_value);             /* an integer or a double */
bool json_boolean(const struct json *json);
size_t json_array_length(const struct json *array); /* 0 for what is not an array */
struct json *json_array_at(const struct json *array, size_t index);

/* Calls `each` for every member in order, until it returns non-zero, which is then returned. */
int json_each_member(const struct json *object, int (*each)(void *context, const char *key, struct json *value),
                     void *context);

/* Writing. The value is owned by the container afterwards. Each returns 0 or -ENOMEM (a passed child is then
 * freed). */
int json_put(struct json *object, const char *key, struct json *value);
/* NULL text: the member is left out. Of a text that is not UTF-8, as a path may be, all but printable ASCII is put as
 * '?'. */
int json_put_text(struct json *object, const char *key, const char *text);
int json_put_int(struct json *object, const char *key, int64_t value);
int json_put_double(struct json *object, const char *key, double value); /* null for what is not finite */
int json_put_bool(struct json *object, const char *key, bool value);
int json_append(struct json *array, struct json *value);
int json_append_text(struct json *array, const char *text);

/* The text of a tree, owned by it and valid until it changes; `pretty` for people. NULL when out of memory. */
const char *json_format(struct json *json, bool pretty);

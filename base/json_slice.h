/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* JSON as it stands: parts of a text by position, for values that must survive byte for byte (numbers beyond
 * 64 bits, 1.50, arrays) and for secrets, of which no copy is made here. The whole text is checked by
 * json_slice_check() first; the functions after it only walk over text that is known to be good. Pure; any thread. */

#include <stdbool.h>
#include <stddef.h>

struct json_slice {
    const char *bytes; /* not NUL-terminated; points into the text */
    size_t size_bytes;
};

enum json_slice_kind {
    JSON_OBJECT,
    JSON_ARRAY,
    JSON_STRING,
    JSON_NUMBER,
    JSON_WORD, /* true, false, null */
};

#define JSON_SLICE_MAX_DEPTH 512

/* Checks that `text` is one strict JSON value (RFC 8259, valid UTF-8, at most JSON_SLICE_MAX_DEPTH containers
 * deep). Returns 0 and the value without the white space around it, or -EBADMSG. */
int json_slice_check(const char *text, size_t text_bytes, struct json_slice *ret_value);

/* The same with another limit; a number or a string alone has depth 0, `[]` has depth 1. */
int json_slice_check_depth(const char *text, size_t text_bytes, int max_depth, struct json_slice *ret_value);

bool json_slice_is_utf8(const char *text, size_t text_bytes);

enum json_slice_kind json_slice_type(struct json_slice value);

/* Walks over an object: `*position` starts at 0 and is moved on. Returns 1 with a member, or 0 at the end.
 * The key is still a JSON string with its quotes. Equal keys all come, in the order in which they stand. */
int json_slice_next_member(struct json_slice object, size_t *position, struct json_slice *ret_key,
                           struct json_slice *ret_value);

/* The same over the elements of an array. */
int json_slice_next_element(struct json_slice array, size_t *position, struct json_slice *ret_value);

/* Decodes a JSON string (with its quotes). `output` must have room for string.size_bytes bytes (a decoded string is
 * never longer than its text); where it is NULL only the size is told. No NUL is added, and \u0000 is a byte like any
 * other. Half a surrogate pair becomes U+FFFD. Returns 0, or -EBADMSG for what is not a JSON string. */
int json_slice_decode(struct json_slice string, char *output, size_t *ret_bytes);

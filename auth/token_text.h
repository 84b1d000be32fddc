/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* JSON objects that hold tokens, read and rewritten as they stand: no token is copied out of the text, and members that
 * mean nothing to us survive byte for byte. Pure; any thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/json_slice.h"
#include "base/secret.h"

#define TOKEN_TEXT_MAX_BYTES ((size_t)256 * 1024) /* of a file, and of an answer */

struct token_member {
    const char *name;         /* shorter than 64 bytes */
    struct json_slice *value; /* set to the member's value; its bytes are NULL where it is absent or null */
};

/* Finds members of an object; of equal ones the last wins. Returns 0, or -EBADMSG for what is no object. */
int token_text_find(struct json_slice object, const struct token_member *members, size_t count);

/* Whether a member is there and is a JSON string of at least one byte. */
bool token_text_is_string(struct json_slice value);

/* The bytes of such a string, good as a C string and as the value of a header. Returns 0, -EBADMSG or -ENOMEM. */
int token_text_secret(struct json_slice string, struct secret **ret_secret);

/* An instant written as by RFC 3339 in a JSON string; 0 where it is none. */
uint64_t token_text_time(struct json_slice string);

/* A JSON number that is not negative and at most `max`; a fraction is dropped. Returns 0 or -EBADMSG. */
int token_text_number(struct json_slice number, uint64_t max, uint64_t *ret_value);

struct token_change {
    const char *name;
    struct json_slice value; /* JSON; without bytes: the member stays as it is */
};

/* Appends `object` with some of its members replaced, or added at the end. Returns 0, -EFBIG or -ENOMEM. */
int token_text_rewrite(struct json_slice object, const struct token_change *changes, size_t count,
                       struct buffer *ret_text);

/* "2026-11-21T12:00:00Z" with its quotes, as the files have it. */
#define TOKEN_TEXT_TIME_BYTES sizeof("\"YYYY-MM-DDTHH:MM:SSZ\"")
void token_text_format_time(uint64_t wall_ns, char ret_text[TOKEN_TEXT_TIME_BYTES]);

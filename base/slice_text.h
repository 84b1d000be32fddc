/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* From JSON strings, as they stand, to what is kept. Pure. */

#include <stdbool.h>

#include "base/json_slice.h"
#include "base/secret.h"

/* The decoded bytes go straight into protected memory. Returns 0, -EBADMSG (not a JSON string) or -ENOMEM. */
int slice_to_secret(struct json_slice string, struct secret **ret_secret);

/* A C string of at least one character, to be freed. Returns 0, -EBADMSG (not a JSON string, empty, or with a NUL
 * inside) or -ENOMEM. */
int slice_to_text(struct json_slice string, char **ret_text);

/* Whether a JSON string stands for `text`, which is shorter than 64 bytes. */
bool slice_equals(struct json_slice string, const char *text);

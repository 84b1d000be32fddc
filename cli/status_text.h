/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* .secretsfs/status.json as a text for people. Pure. */

#include "base/buffer.h"
#include "base/json.h"

/* Returns 0, or as buffer_append() does. What is missing in `status`, or of another type than it should be, is left
 * out. `width`: of the terminal, or TABLE_ANY_WIDTH. */
int status_text(const struct json *status, size_t width, struct buffer *buffer);

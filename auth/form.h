/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Fields of application/x-www-form-urlencoded. Pure; any thread. */

#include "base/buffer.h"

/* Appends "&name=value", without the ampersand at the start; of the value everything but A-Za-z0-9-_.~ becomes "%XX". A
 * NULL value adds nothing. Returns 0, -EFBIG or -ENOMEM. */
int form_add(struct buffer *form, const char *name, const char *value);

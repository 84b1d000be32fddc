/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Base64 of RFC 4648 section 4, strictly: padded, nothing but the alphabet, no bits set beyond the last byte. Pure. */

#include <stddef.h>

/* Decodes `text`. `output` must have room for text_bytes / 4 * 3 bytes; where it is NULL only the size is told.
 * Returns 0 or -EBADMSG. */
int base64_decode(const char *text, size_t text_bytes, char *output, size_t *ret_bytes);

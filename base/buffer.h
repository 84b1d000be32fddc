/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A growable byte buffer that carries its maximum from birth and wipes every byte it gives back, because it
 * may have held a secret. Not for sharing between threads. */

#include <stddef.h>

#include "base/cleanup.h"

struct buffer {
    char *bytes; /* NULL while empty; always NUL-terminated after the last byte otherwise */
    size_t size_bytes;
    size_t capacity_bytes;
    size_t max_bytes; /* set by buffer_init; size_bytes never exceeds it */
};

void buffer_init(struct buffer *buffer, size_t max_bytes);

/* Wipes and frees what the buffer holds; it stays usable, with the same maximum. NULL is accepted. */
void buffer_clear(struct buffer *buffer);

/* Each returns 0, -EFBIG (over the maximum) or -ENOMEM; on failure the buffer is unchanged. */
__attribute__((warn_unused_result)) int buffer_append(struct buffer *buffer, const void *bytes, size_t size_bytes);
__attribute__((warn_unused_result)) int buffer_append_text(struct buffer *buffer, const char *text);
__attribute__((warn_unused_result, format(printf, 2, 3))) int buffer_printf(struct buffer *buffer, const char *format,
                                                                            ...);

#define _cleanup_buffer_ _cleanup_(buffer_clear)

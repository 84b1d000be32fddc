/* SPDX-License-Identifier: Apache-2.0 */
#include "base/buffer.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FIRST_CAPACITY_BYTES 256

void buffer_init(struct buffer *buffer, size_t max_bytes)
{
    *buffer = (struct buffer){.max_bytes = max_bytes};
}

void buffer_clear(struct buffer *buffer)
{
    if (!buffer)
        return;
    if (buffer->bytes)
        explicit_bzero(buffer->bytes, buffer->capacity_bytes);
    free(buffer->bytes);
    buffer_init(buffer, buffer->max_bytes);
}

/* Makes room for `more` bytes and the NUL. Never realloc(): it would leave an unwiped copy behind. */
static int buffer_reserve(struct buffer *buffer, size_t more)
{
    if (more > buffer->max_bytes - buffer->size_bytes)
        return -EFBIG;
    size_t needed = buffer->size_bytes + more + 1;
    if (needed <= buffer->capacity_bytes)
        return 0;
    size_t capacity = buffer->capacity_bytes ? buffer->capacity_bytes : FIRST_CAPACITY_BYTES;
    while (capacity < needed)
        capacity *= 2;
    char *bytes = malloc(capacity);
    if (!bytes)
        return -ENOMEM;
    if (buffer->bytes) {
        memcpy(bytes, buffer->bytes, buffer->size_bytes);
        explicit_bzero(buffer->bytes, buffer->capacity_bytes);
        free(buffer->bytes);
    }
    buffer->bytes = bytes;
    buffer->capacity_bytes = capacity;
    return 0;
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t size_bytes)
{
    int r = buffer_reserve(buffer, size_bytes);
    if (r < 0)
        return r;
    if (size_bytes > 0)
        memcpy(buffer->bytes + buffer->size_bytes, bytes, size_bytes);
    buffer->size_bytes += size_bytes;
    buffer->bytes[buffer->size_bytes] = '\0';
    return 0;
}

int buffer_append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

int buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (size < 0)
        return -EINVAL;
    int r = buffer_reserve(buffer, (size_t)size);
    if (r < 0)
        return r;
    va_start(arguments, format);
    (void)vsnprintf(buffer->bytes + buffer->size_bytes, (size_t)size + 1, format, arguments);
    va_end(arguments);
    buffer->size_bytes += (size_t)size;
    return 0;
}

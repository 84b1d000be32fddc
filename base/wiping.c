/* SPDX-License-Identifier: Apache-2.0 */
#include "base/wiping.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

void *wiping_malloc(size_t size_bytes)
{
    return malloc(size_bytes);
}

void *wiping_calloc(size_t count, size_t size_bytes)
{
    return calloc(count, size_bytes);
}

/* Never realloc(): it would leave an unwiped copy behind. */
void *wiping_realloc(void *memory, size_t size_bytes)
{
    void *larger = malloc(size_bytes);
    if (!larger)
        return NULL;
    if (memory) {
        size_t old_bytes = malloc_usable_size(memory);
        memcpy(larger, memory, old_bytes < size_bytes ? old_bytes : size_bytes);
        wiping_free(memory);
    }
    return larger;
}

char *wiping_strdup(const char *text)
{
    return strdup(text);
}

void wiping_free(void *memory)
{
    if (memory)
        explicit_bzero(memory, malloc_usable_size(memory));
    free(memory);
}

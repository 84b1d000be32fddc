/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* An allocator for a library that passes secrets through its own memory and does not wipe it: the C library's, but
 * every byte is overwritten before it is given back. (mallopt(M_PERTURB) does not do this: glibc keeps freed blocks
 * of up to 1 KiB as they are, in a cache of the thread.) The signatures are those of the C library. Any thread. */

#include <stddef.h>

void *wiping_malloc(size_t size_bytes);
void *wiping_calloc(size_t count, size_t size_bytes);
void *wiping_realloc(void *memory, size_t size_bytes);
char *wiping_strdup(const char *text);
void wiping_free(void *memory);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Cleanup by attribute: a variable declared with _cleanup_(f) is passed (by address) to f when it leaves
 * its scope. STEAL() hands the value over to somebody else and leaves NULL (or -1 for steal_fd) behind. */

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(function) __attribute__((cleanup(function)))

#define STEAL(pointer)                        \
    __extension__({                           \
        __typeof__(pointer) *_p = &(pointer); \
        __typeof__(pointer) _taken = *_p;     \
        *_p = NULL;                           \
        _taken;                               \
    })

/* Defines name##p(), the cleanup function that calls name() on a pointer variable. name() must accept NULL. */
#define DEFINE_CLEANUP(type, name)                                                              \
    static inline void name##p(type **pointer) /* NOLINT(bugprone-macro-parentheses): a type */ \
    {                                                                                           \
        name(*pointer);                                                                         \
    }

static inline void cleanup_free(void *pointer)
{
    free(*(void **)pointer);
}

static inline void cleanup_close(const int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static inline void cleanup_fclose(FILE **file)
{
    if (*file)
        (void)fclose(*file);
}

static inline int steal_fd(int *fd)
{
    int taken = *fd;
    *fd = -1;
    return taken;
}

#define _cleanup_free_ _cleanup_(cleanup_free)
#define _cleanup_close_ _cleanup_(cleanup_close)
#define _cleanup_fclose_ _cleanup_(cleanup_fclose)

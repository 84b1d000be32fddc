/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A supervisor: the parent of the daemon, which starts another one when it dies. Main thread, before others exist. */

#include "base/error.h"

struct supervised {
    const char *mountpoint;
    int (*work)(void *context);   /* the daemon's work, in a child process; returns its exit status */
    void (*ready)(void *context); /* called in the supervisor, when the first daemon is ready */
    void *context;
};

/* Returns the exit status: that of the daemon when it ends by itself, or before it has been ready for the first time,
 * or after a signal that ends both. */
int supervise(const struct supervised *supervised);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The daemon's work, once its process is as it should be. Main thread, before others exist. */

#include "base/error.h"
#include "cli/options.h"

/* Mounts at `mountpoint` (absolute) what the options ask for and serves it until a signal or somebody's unmount ends
 * it. `ready(context)` is called once, when the mount answers. Credentials in the environment are overwritten. Returns
 * 0, or a negative errno with the error filled; exits by itself when a thread hangs at the end. */
int serve_mount(const struct options *options, const char *mountpoint, void (*ready)(void *context), void *context,
                struct error *ret_error);

/* The same with ordinary files in `directory` (absolute; see sync/sync.h) in place of a mount. `ready(context)` is
 * called once, when all that can be had is there. */
int serve_sync(const struct options *options, const char *directory, void (*ready)(void *context), void *context,
               struct error *ret_error);

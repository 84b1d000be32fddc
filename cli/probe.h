/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Looking at a mount that may hang. Every system call on it is made in a child process; when its time is over it is
 * killed, and left alone should even that not help. Main thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

/* Runs `work` in a child. It returns 0 or a negative errno, and may write to `output_fd`, whose bytes are appended to
 * `output`, as far as they fit. Returns what `work` returned, -ETIMEDOUT when the time was over (see `ret_hung`),
 * -ECANCELED when the child died, -ECHILD when none could be started, or another negative errno. */
int probe_run(int (*work)(const void *context, int output_fd), const void *context, uint64_t timeout_ns,
              struct buffer *output, bool *ret_hung);

/* For `work`: opens the status.json of a mount, or of a directory that a sync keeps. Returns a descriptor, -ENODEV when
 * it is neither, or another negative errno. */
int probe_open_status(const char *mountpoint);

/* For `work`: reads a file to its end. Its bytes go to `output_fd`, or nowhere when that is negative. */
int probe_read(int fd, int output_fd);

/* Why the file could not be had, and what to do; one line. */
void probe_explain(int r, bool hung, const char *path, char *ret_text, size_t text_bytes);

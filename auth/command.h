/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* One run of a shell command that prints a secret. It is started without a copy of this process, gets none of its
 * descriptors and no keys from its environment, and can be ended with all that it has started. One thread at a time. */

#include <stdint.h>

#include "base/buffer.h"
#include "base/cleanup.h"

#define COMMAND_MAX_OUTPUT_BYTES ((size_t)64 * 1024)

struct command;

/* Starts /bin/sh -c `text` in a session of its own. Returns 0 or a negative errno. */
int command_start(const char *text, struct command **ret_command);

/* Waits for its end, until `deadline_ns` (clock_monotonic_ns()) and as long as `cancel_fd` (or -1) is not readable.
 * Returns 0 when it has ended; -ETIMEDOUT or -ECANCELED when it goes on; -EFBIG when it prints more than
 * COMMAND_MAX_OUTPUT_BYTES; or another negative errno. */
int command_wait(struct command *command, int cancel_fd, uint64_t deadline_ns);

/* Ends it, where it has not ended by itself. NULL is accepted. */
void command_free(struct command *command);
DEFINE_CLEANUP(struct command, command_free)
#define _cleanup_command_ _cleanup_(command_freep)

const char *command_text(const struct command *command);
uint64_t command_started_ns(const struct command *command); /* clock_monotonic_ns() */

/* After command_wait() has returned 0. */
const struct buffer *command_output(const struct command *command);
int command_exit_code(const struct command *command);        /* or -1 */
int command_signal(const struct command *command);           /* that has ended it, or 0 */
uint64_t command_error_bytes(const struct command *command); /* printed to standard error; they are not kept */

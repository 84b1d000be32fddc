/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the loops of fs/ and sync/ wait with. */

#include <poll.h>
#include <stddef.h>
#include <stdint.h>

/* Waits until a descriptor is ready or the monotonic clock shows `until_ns` (CLOCK_NEVER_NS: for ever). Interrupted, no
 * descriptor is ready. Returns 0 or a negative errno. */
int wait_for_descriptors(struct pollfd *polled, size_t count, uint64_t until_ns);

/* A descriptor of SIGTERM, SIGINT and SIGHUP, which the caller has blocked. Returns it or a negative errno. */
int wait_open_signals(void);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Time in nanoseconds as uint64_t, always with the suffix _ns. Ages and deadlines use the monotonic clock
 * (CLOCK_BOOTTIME: it goes on during suspend); signatures and expiry use the wall clock. */

#include <stdint.h>

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_SEC UINT64_C(1000000000)
#define CLOCK_NEVER_NS UINT64_MAX

/* Nanoseconds of CLOCK_BOOTTIME. Any thread. */
uint64_t clock_monotonic_ns(void);

/* Nanoseconds since 1970 of CLOCK_REALTIME. Any thread. */
uint64_t clock_wall_ns(void);

/* `interval_ns` changed at random by up to ±10 %, so that many mounts do not call in step. Any thread. */
uint64_t clock_jitter_ns(uint64_t interval_ns);

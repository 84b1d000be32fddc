/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The rules of freshness, as one pure function: may what is known be served, must it be checked first, or
 * is there only a failure to report? */

#include <stdbool.h>
#include <stdint.h>

#include "base/error.h"

struct freshness_limits {
    uint64_t ttl_ns;
    uint64_t negative_ttl_ns;
    uint64_t max_stale_ns;
};

/* What is known of one secret; times of the monotonic clock. */
struct freshness {
    bool has_value;
    uint64_t checked_ns;     /* last good answer */
    enum error_kind failure; /* of the last attempt; ERROR_NONE when that was good */
    uint64_t failed_ns;
    bool expired; /* the value is known to be old news, whatever its age; until the next good answer */
};

enum freshness_verdict {
    FRESHNESS_SERVE,
    FRESHNESS_SERVE_STALE,           /* AWS cannot be reached; the value is within max-stale */
    FRESHNESS_SERVE_STALE_AND_FETCH, /* the same, and time to try again in the background */
    FRESHNESS_FAIL,                  /* report the failure */
    FRESHNESS_FETCH,                 /* ask, and let the reader wait for the answer */
};

/* `arrived_ns` is when the request came in: an answer or a failure after that is always good enough for it, so a
 * request that is replayed after its fetch never asks for another. */
enum freshness_verdict freshness_decide(const struct freshness *known, const struct freshness_limits *limits,
                                        uint64_t arrived_ns, uint64_t now_ns);

/* How long the kernel may keep an entry that leads to the value: until the TTL is over, or shortly while it is stale.
 */
uint64_t freshness_left_ns(const struct freshness *known, const struct freshness_limits *limits, uint64_t now_ns);

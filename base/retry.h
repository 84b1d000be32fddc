/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The SDKs' standard retry mode of 2026: full jitter on an exponential delay, and one token bucket that all
 * callers share, so that an outage is not answered with a storm. Constants: 500 tokens, 14 for a retry, 5 for
 * a retry after throttling; delay rand(0,1) × min(base × 2^(n-1), 20 s), base 50 ms, 1 s for throttling;
 * x-amz-retry-after: max(t, min(hint, t + 5 s)). Thread-safe (one mutex inside). */

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"

struct retry_bucket;

int retry_bucket_new(struct retry_bucket **ret_bucket);
void retry_bucket_free(struct retry_bucket *bucket);
DEFINE_CLEANUP(struct retry_bucket, retry_bucket_free)

/* One logical call and its attempts; a plain value on the caller's stack. */
struct retry {
    struct retry_bucket *bucket;
    unsigned attempt;      /* 1 while the first is under way */
    unsigned max_attempts; /* including the first */
    unsigned paid;         /* tokens of the last retry, given back on success */
};

void retry_begin(struct retry *retry, struct retry_bucket *bucket, unsigned max_attempts);

/* After a failed attempt: true when there may be another, after `*ret_delay_ns`. `hint_ms` is the value of
 * x-amz-retry-after, or a negative number. Only kinds for which a retry can help are retried. */
bool retry_again(struct retry *retry, enum error_kind kind, int64_t hint_ms, uint64_t *ret_delay_ns);

/* After a successful attempt: gives tokens back. */
void retry_succeeded(struct retry *retry);

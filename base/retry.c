/* SPDX-License-Identifier: Apache-2.0 */
#include "base/retry.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/clock.h"

#define BUCKET_TOKENS 500U
#define RETRY_COST 14U
#define THROTTLED_RETRY_COST 5U
#define SUCCESS_REFUND 1U

#define BASE_DELAY_NS (50 * NS_PER_MS)
#define THROTTLED_BASE_DELAY_NS NS_PER_SEC
#define MAX_DELAY_NS (20 * NS_PER_SEC)
#define MAX_HINT_EXTRA_NS (5 * NS_PER_SEC)

struct retry_bucket {
    pthread_mutex_t lock;
    unsigned tokens; /* protected by lock */
};

int retry_bucket_new(struct retry_bucket **ret_bucket)
{
    struct retry_bucket *bucket = calloc(1, sizeof(*bucket));
    if (!bucket)
        return -ENOMEM;
    (void)pthread_mutex_init(&bucket->lock, NULL);
    bucket->tokens = BUCKET_TOKENS;
    *ret_bucket = bucket;
    return 0;
}

void retry_bucket_free(struct retry_bucket *bucket)
{
    if (!bucket)
        return;
    (void)pthread_mutex_destroy(&bucket->lock);
    free(bucket);
}

static bool bucket_take(struct retry_bucket *bucket, unsigned tokens)
{
    (void)pthread_mutex_lock(&bucket->lock);
    bool enough = bucket->tokens >= tokens;
    if (enough)
        bucket->tokens -= tokens;
    (void)pthread_mutex_unlock(&bucket->lock);
    return enough;
}

static void bucket_give(struct retry_bucket *bucket, unsigned tokens)
{
    (void)pthread_mutex_lock(&bucket->lock);
    bucket->tokens = bucket->tokens + tokens < BUCKET_TOKENS ? bucket->tokens + tokens : BUCKET_TOKENS;
    (void)pthread_mutex_unlock(&bucket->lock);
}

/* All that we send only reads, so a retry is safe even where the first attempt may have arrived. */
static bool is_retryable(enum error_kind kind)
{
    /* TLS: a connection that breaks in the handshake is as passing as one that breaks later. */
    return kind == ERROR_THROTTLED || kind == ERROR_TIMEOUT || kind == ERROR_UNREACHABLE || kind == ERROR_TLS ||
           kind == ERROR_SERVER || kind == ERROR_BAD_ANSWER;
}

static uint64_t min_ns(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t max_ns(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

/* The delay after failed attempt number `attempt`. */
static uint64_t delay_ns(unsigned attempt, bool throttled, int64_t hint_ms)
{
    uint64_t base = throttled ? THROTTLED_BASE_DELAY_NS : BASE_DELAY_NS;
    uint64_t limit = attempt > 10 ? MAX_DELAY_NS : min_ns(base << (attempt - 1), MAX_DELAY_NS);
    uint64_t delay = (uint64_t)arc4random_uniform((uint32_t)(limit / 1000) + 1) * 1000;

    if (hint_ms < 0)
        return delay;
    uint64_t hint = min_ns((uint64_t)hint_ms, UINT32_MAX) * NS_PER_MS;
    return max_ns(delay, min_ns(hint, delay + MAX_HINT_EXTRA_NS));
}

void retry_begin(struct retry *retry, struct retry_bucket *bucket, unsigned max_attempts)
{
    *retry = (struct retry){.bucket = bucket, .attempt = 1, .max_attempts = max_attempts};
}

bool retry_again(struct retry *retry, enum error_kind kind, int64_t hint_ms, uint64_t *ret_delay_ns)
{
    bool throttled = kind == ERROR_THROTTLED;
    unsigned cost = throttled ? THROTTLED_RETRY_COST : RETRY_COST;

    if (!is_retryable(kind) || retry->attempt >= retry->max_attempts || !bucket_take(retry->bucket, cost))
        return false;
    *ret_delay_ns = delay_ns(retry->attempt, throttled, hint_ms);
    retry->attempt++;
    retry->paid = cost;
    return true;
}

void retry_succeeded(struct retry *retry)
{
    bucket_give(retry->bucket, retry->paid > 0 ? retry->paid : SUCCESS_REFUND);
}

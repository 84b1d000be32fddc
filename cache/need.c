/* SPDX-License-Identifier: Apache-2.0 */

/* What somebody wants to have now: served from what there is, or asked for. */
#include "base/clock.h"
#include "cache/state.h"

enum cache_state cache_secret_need(struct cache_secret *secret, uint64_t arrived_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    secret->used_ns = now_ns;
    if (secret_is_immutable(secret))
        return CACHE_READY;
    switch (freshness_decide(&secret->known, &secret->cache->options.limits, arrived_ns, now_ns)) {
    case FRESHNESS_SERVE:
    case FRESHNESS_SERVE_STALE:
        return CACHE_READY;
    case FRESHNESS_SERVE_STALE_AND_FETCH:
        ask_value(secret);
        return CACHE_READY;
    case FRESHNESS_FAIL:
        return CACHE_FAILED;
    case FRESHNESS_FETCH:
    default:
        ask_value(secret);
        return secret->fetching ? CACHE_WAIT : CACHE_FAILED;
    }
}

enum cache_state cache_versions_need(struct cache_secret *secret, uint64_t arrived_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    bool known = secret->versions_ns > 0 && (secret->versions_ns >= arrived_ns ||
                                             now_ns - secret->versions_ns < secret->cache->options.limits.ttl_ns);
    if (!known)
        ask_versions(secret);
    return secret->versions_fetching ? CACHE_WAIT : CACHE_READY;
}

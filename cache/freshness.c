/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/freshness.h"

#include "base/clock.h"

/* After a failure that is not an answer AWS is left alone for this long. */
#define RETRY_AFTER_NS NS_PER_SEC

static uint64_t age_ns(uint64_t then_ns, uint64_t now_ns)
{
    return now_ns > then_ns ? now_ns - then_ns : 0;
}

static enum freshness_verdict decide_without_value(const struct freshness *known, const struct freshness_limits *limits,
                                                   uint64_t arrived_ns, uint64_t now_ns)
{
    if (known->failure == ERROR_NONE)
        return FRESHNESS_FETCH;
    uint64_t remembered_ns = error_is_definite(known->failure) ? limits->negative_ttl_ns : RETRY_AFTER_NS;
    bool recent = known->failed_ns >= arrived_ns || age_ns(known->failed_ns, now_ns) < remembered_ns;
    return recent ? FRESHNESS_FAIL : FRESHNESS_FETCH;
}

enum freshness_verdict freshness_decide(const struct freshness *known, const struct freshness_limits *limits,
                                        uint64_t arrived_ns, uint64_t now_ns)
{
    if (!known->has_value)
        return decide_without_value(known, limits, arrived_ns, now_ns);
    bool young = !known->expired && age_ns(known->checked_ns, now_ns) < limits->ttl_ns;
    if (known->checked_ns >= arrived_ns || young)
        return FRESHNESS_SERVE;
    if (known->failure == ERROR_NONE)
        return FRESHNESS_FETCH;

    bool recent = known->failed_ns >= arrived_ns || age_ns(known->failed_ns, now_ns) < RETRY_AFTER_NS;
    if (age_ns(known->checked_ns, now_ns) > limits->max_stale_ns)
        return recent ? FRESHNESS_FAIL : FRESHNESS_FETCH;
    return recent ? FRESHNESS_SERVE_STALE : FRESHNESS_SERVE_STALE_AND_FETCH;
}

uint64_t freshness_left_ns(const struct freshness *known, const struct freshness_limits *limits, uint64_t now_ns)
{
    uint64_t age = age_ns(known->checked_ns, now_ns);
    if (age < limits->ttl_ns && !known->expired)
        return limits->ttl_ns - age;
    return known->failure == ERROR_NONE ? 0 : RETRY_AFTER_NS;
}

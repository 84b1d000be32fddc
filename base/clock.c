/* SPDX-License-Identifier: Apache-2.0 */
#include "base/clock.h"

#include <sys/random.h>
#include <time.h>

static uint64_t now_ns(clockid_t clock)
{
    struct timespec now = {0};
    (void)clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * NS_PER_SEC + (uint64_t)now.tv_nsec;
}

uint64_t clock_monotonic_ns(void)
{
    return now_ns(CLOCK_BOOTTIME);
}

uint64_t clock_wall_ns(void)
{
    return now_ns(CLOCK_REALTIME);
}

uint64_t clock_jitter_ns(uint64_t interval_ns)
{
    uint32_t random = UINT32_MAX / 2;
    (void)!getrandom(&random, sizeof(random), GRND_NONBLOCK);
    uint64_t fifth = interval_ns / 5;
    return interval_ns - fifth / 2 + (uint64_t)((double)fifth * ((double)random / (double)UINT32_MAX));
}

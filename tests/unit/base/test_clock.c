/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#include <cmocka.h>

#include "base/clock.h"

static uint64_t read_clock(clockid_t clock)
{
    struct timespec now;
    assert_int_equal(clock_gettime(clock, &now), 0);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void monotonic_is_the_time_since_boot(void **state)
{
    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t before = read_clock(CLOCK_BOOTTIME);
        uint64_t now = clock_monotonic_ns();
        assert_in_range(now, before, read_clock(CLOCK_BOOTTIME));
    }
}

static void wall_is_the_time_since_1970(void **state)
{
    (void)state;
    uint64_t before = read_clock(CLOCK_REALTIME);
    uint64_t now = clock_wall_ns();
    uint64_t after = read_clock(CLOCK_REALTIME);
    if (before <= after) /* somebody may set the clock meanwhile */
        assert_in_range(now, before, after);
}

static void jitter_stays_within_a_tenth(void **state)
{
    static const uint64_t intervals[] = {
        10, 11, 19, 100, 101, NS_PER_MS, 60 * NS_PER_SEC, 86400 * NS_PER_SEC, UINT64_MAX / 4};
    (void)state;
    for (size_t i = 0; i < sizeof(intervals) / sizeof(intervals[0]); i++)
        for (int k = 0; k < 1000; k++) {
            uint64_t interval = intervals[i];
            assert_in_range(clock_jitter_ns(interval), interval - interval / 10, interval + interval / 10 + 1);
        }
}

static void jitter_of_next_to_nothing_is_nothing(void **state)
{
    (void)state;
    for (uint64_t interval = 0; interval < 5; interval++)
        assert_int_equal(clock_jitter_ns(interval), interval);
}

/* Each of the ten parts of the range is hit: that this fails by chance has a probability below 1e-44. */
static void jitter_uses_the_whole_range(void **state)
{
    const uint64_t interval = 60 * NS_PER_SEC;
    unsigned hits[10] = {0};
    (void)state;
    for (int i = 0; i < 1000; i++) {
        uint64_t part = (clock_jitter_ns(interval) - (interval - interval / 10)) / (interval / 50);
        hits[part < 10 ? part : 9]++;
    }
    for (size_t i = 0; i < 10; i++)
        assert_true(hits[i] > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(monotonic_is_the_time_since_boot), cmocka_unit_test(wall_is_the_time_since_1970),
        cmocka_unit_test(jitter_stays_within_a_tenth),      cmocka_unit_test(jitter_of_next_to_nothing_is_nothing),
        cmocka_unit_test(jitter_uses_the_whole_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

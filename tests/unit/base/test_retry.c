/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/retry.h"

static int new_bucket(void **state)
{
    struct retry_bucket *bucket = NULL;
    int r = retry_bucket_new(&bucket);
    *state = bucket;
    return r;
}

static int free_bucket(void **state)
{
    retry_bucket_free(*state);
    return 0;
}

/* How many retries of this kind the bucket pays for, with no success in between. */
static unsigned drain(struct retry_bucket *bucket, enum error_kind kind)
{
    uint64_t delay_ns;
    unsigned count = 0;
    struct retry retry;
    retry_begin(&retry, bucket, 1000);
    while (retry_again(&retry, kind, -1, &delay_ns))
        count++;
    return count;
}

static void only_kinds_that_may_pass_are_retried(void **state)
{
    (void)state;
    for (int kind = ERROR_NONE; kind < ERROR_KIND_COUNT; kind++) {
        struct retry retry;
        uint64_t delay_ns;
        bool expected = kind == ERROR_THROTTLED || kind == ERROR_TIMEOUT || kind == ERROR_UNREACHABLE ||
                        kind == ERROR_TLS || kind == ERROR_SERVER || kind == ERROR_BAD_ANSWER;
        retry_begin(&retry, *state, 3);
        assert_int_equal(retry_again(&retry, (enum error_kind)kind, -1, &delay_ns), expected);
    }
}

static void attempts_are_counted(void **state)
{
    struct retry retry;
    uint64_t delay_ns;

    retry_begin(&retry, *state, 3);
    assert_int_equal(retry.attempt, 1);
    assert_true(retry_again(&retry, ERROR_SERVER, -1, &delay_ns));
    assert_int_equal(retry.attempt, 2);
    assert_true(retry_again(&retry, ERROR_SERVER, -1, &delay_ns));
    assert_int_equal(retry.attempt, 3);
    assert_false(retry_again(&retry, ERROR_SERVER, -1, &delay_ns));
    retry_begin(&retry, *state, 1);
    assert_false(retry_again(&retry, ERROR_SERVER, -1, &delay_ns));
}

static void delays_stay_below_their_limit(void **state)
{
    static const struct {
        unsigned attempt;
        enum error_kind kind;
        uint64_t limit_ns;
    } cases[] = {
        {1, ERROR_SERVER, 50 * NS_PER_MS},    {2, ERROR_SERVER, 100 * NS_PER_MS},    {5, ERROR_SERVER, 800 * NS_PER_MS},
        {10, ERROR_SERVER, 20 * NS_PER_SEC},  {900, ERROR_SERVER, 20 * NS_PER_SEC},  {1, ERROR_THROTTLED, NS_PER_SEC},
        {3, ERROR_THROTTLED, 4 * NS_PER_SEC}, {8, ERROR_THROTTLED, 20 * NS_PER_SEC},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint64_t largest = 0;
        for (int k = 0; k < 200; k++) {
            uint64_t delay_ns = 0;
            struct retry retry;
            retry_begin(&retry, *state, 1000);
            retry.attempt = cases[i].attempt;
            assert_true(retry_again(&retry, cases[i].kind, -1, &delay_ns));
            assert_true(delay_ns <= cases[i].limit_ns);
            largest = delay_ns > largest ? delay_ns : largest;
            retry_succeeded(&retry);
        }
        assert_true(largest > cases[i].limit_ns / 2); /* jitter over the whole range */
    }
}

static void hint_of_the_server_is_followed_within_bounds(void **state)
{
    for (int k = 0; k < 20; k++) {
        struct retry retry;
        uint64_t delay_ns = 0;

        retry_begin(&retry, *state, 9);
        assert_true(retry_again(&retry, ERROR_SERVER, 1500, &delay_ns));
        assert_int_equal(delay_ns, 1500 * NS_PER_MS);

        retry_begin(&retry, *state, 9);
        assert_true(retry_again(&retry, ERROR_SERVER, INT64_MAX, &delay_ns));
        assert_true(delay_ns >= 5 * NS_PER_SEC && delay_ns <= 5 * NS_PER_SEC + 50 * NS_PER_MS);

        retry_begin(&retry, *state, 9);
        retry.attempt = 5;
        assert_true(retry_again(&retry, ERROR_THROTTLED, 0, &delay_ns)); /* never shorter than the own delay */
        assert_true(delay_ns <= 16 * NS_PER_SEC);
        free_bucket(state);
        assert_int_equal(new_bucket(state), 0);
    }
}

static void bucket_pays_for_retries(void **state)
{
    assert_int_equal(drain(*state, ERROR_SERVER), 500 / 14);
    assert_int_equal(drain(*state, ERROR_SERVER), 0);
    assert_int_equal(drain(*state, ERROR_THROTTLED), 500 % 14 / 5);
}

static void success_gives_back(void **state)
{
    struct retry retry;
    uint64_t delay_ns;

    (void)drain(*state, ERROR_SERVER); /* 10 of 500 are left */
    for (int i = 0; i < 4; i++) {      /* four first attempts that succeed: 14 */
        retry_begin(&retry, *state, 3);
        retry_succeeded(&retry);
    }
    for (int i = 0; i < 5; i++) { /* what succeeds after a retry costs nothing in the end */
        retry_begin(&retry, *state, 3);
        assert_true(retry_again(&retry, ERROR_TIMEOUT, -1, &delay_ns));
        retry_succeeded(&retry);
    }
    assert_int_equal(drain(*state, ERROR_SERVER), 1);
}

static void bucket_never_overflows(void **state)
{
    struct retry retry;
    for (int i = 0; i < 600; i++) {
        retry_begin(&retry, *state, 3);
        retry_succeeded(&retry);
    }
    assert_int_equal(drain(*state, ERROR_THROTTLED), 100);
}

#define WITH_BUCKET(test) cmocka_unit_test_setup_teardown(test, new_bucket, free_bucket)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_BUCKET(only_kinds_that_may_pass_are_retried),
        WITH_BUCKET(attempts_are_counted),
        WITH_BUCKET(delays_stay_below_their_limit),
        WITH_BUCKET(hint_of_the_server_is_followed_within_bounds),
        WITH_BUCKET(bucket_pays_for_retries),
        WITH_BUCKET(success_gives_back),
        WITH_BUCKET(bucket_never_overflows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/clock.h"
#include "cache/freshness.h"

#define START (UINT64_C(10000) * NS_PER_SEC)
#define AT(seconds) (START + (uint64_t)((seconds) * (int64_t)NS_PER_SEC))
#define JUST_BEFORE(seconds) (AT(seconds) - 1)
#define JUST_AFTER(seconds) (AT(seconds) + 1)

static const struct freshness_limits limits = {
    .ttl_ns = 300 * NS_PER_SEC, .negative_ttl_ns = 10 * NS_PER_SEC, .max_stale_ns = 3600 * NS_PER_SEC};

/* All rows arrive at `now` unless they say when. */
struct row {
    bool has_value;
    uint64_t checked_ns;
    enum error_kind failure;
    uint64_t failed_ns;
    uint64_t now_ns;
    enum freshness_verdict verdict;
    uint64_t arrived_ns;
};

static void check_rows(const struct row *rows, size_t count)
{
    static const char *const words[] = {"SERVE", "SERVE_STALE", "SERVE_STALE_AND_FETCH", "FAIL", "FETCH"};
    for (size_t i = 0; i < count; i++) {
        const struct freshness known = {rows[i].has_value, rows[i].checked_ns, rows[i].failure, rows[i].failed_ns,
                                        false};
        uint64_t arrived_ns = rows[i].arrived_ns ? rows[i].arrived_ns : rows[i].now_ns;
        enum freshness_verdict verdict = freshness_decide(&known, &limits, arrived_ns, rows[i].now_ns);
        if (verdict != rows[i].verdict)
            fail_msg("row %zu: %s instead of %s", i, words[verdict], words[rows[i].verdict]);
    }
}

static void without_a_value(void **state)
{
    static const struct row rows[] = {
        /* never asked */
        {false, 0, ERROR_NONE, 0, AT(0), FRESHNESS_FETCH, 0},
        /* a definite answer is remembered for the negative TTL */
        {false, 0, ERROR_NOT_FOUND, AT(0), AT(0), FRESHNESS_FAIL, 0},
        {false, 0, ERROR_NOT_FOUND, AT(0), JUST_BEFORE(10), FRESHNESS_FAIL, 0},
        {false, 0, ERROR_NOT_FOUND, AT(0), AT(10), FRESHNESS_FETCH, 0},
        /* what is no answer, for a second */
        {false, 0, ERROR_TIMEOUT, AT(0), JUST_BEFORE(1), FRESHNESS_FAIL, 0},
        {false, 0, ERROR_TIMEOUT, AT(0), AT(1), FRESHNESS_FETCH, 0},
        /* a request gets the failure of its own fetch, however long that has taken */
        {false, 0, ERROR_TIMEOUT, AT(5), AT(100), FRESHNESS_FAIL, AT(5)},
        {false, 0, ERROR_TIMEOUT, AT(5), AT(100), FRESHNESS_FETCH, JUST_AFTER(5)},
        {false, 0, ERROR_NOT_FOUND, AT(5), AT(100), FRESHNESS_FAIL, AT(4)},
        {false, 0, ERROR_NOT_FOUND, AT(5), AT(100), FRESHNESS_FETCH, JUST_AFTER(5)},
        /* a value that was there once (and was good) does not count */
        {false, AT(0), ERROR_NONE, 0, AT(0), FRESHNESS_FETCH, 0},
        {false, AT(9), ERROR_ACCESS_DENIED, AT(0), AT(10), FRESHNESS_FETCH, 0},
        /* a failure in the future (a fetch that ended after `now` was read) is recent */
        {false, 0, ERROR_TIMEOUT, AT(1), AT(0), FRESHNESS_FAIL, 0},
    };
    (void)state;
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void with_a_value_and_no_failure(void **state)
{
    static const struct row rows[] = {
        {true, AT(0), ERROR_NONE, 0, AT(0), FRESHNESS_SERVE, 0},
        {true, AT(0), ERROR_NONE, 0, JUST_BEFORE(300), FRESHNESS_SERVE, 0},
        {true, AT(0), ERROR_NONE, 0, AT(300), FRESHNESS_FETCH, 0},
        {true, AT(0), ERROR_NONE, 0, AT(100000), FRESHNESS_FETCH, 0},
        /* the answer to a request's own fetch is good enough for it */
        {true, AT(0), ERROR_NONE, 0, AT(100000), FRESHNESS_SERVE, AT(0)},
        {true, AT(0), ERROR_NONE, 0, AT(100000), FRESHNESS_FETCH, JUST_AFTER(0)},
        {true, AT(1), ERROR_NONE, 0, AT(0), FRESHNESS_SERVE, 0},
    };
    (void)state;
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void with_a_value_and_a_failed_check(void **state)
{
    static const struct row rows[] = {
        /* within the TTL the failure of an early check does not matter */
        {true, AT(0), ERROR_TIMEOUT, AT(60), AT(60), FRESHNESS_SERVE, 0},
        {true, AT(0), ERROR_TIMEOUT, AT(60), JUST_BEFORE(300), FRESHNESS_SERVE, 0},
        /* after it the value is stale, and AWS is left alone for a second */
        {true, AT(0), ERROR_TIMEOUT, AT(300), AT(300), FRESHNESS_SERVE_STALE, 0},
        {true, AT(0), ERROR_TIMEOUT, AT(300), JUST_BEFORE(301), FRESHNESS_SERVE_STALE, 0},
        {true, AT(0), ERROR_TIMEOUT, AT(300), AT(301), FRESHNESS_SERVE_STALE_AND_FETCH, 0},
        {true, AT(0), ERROR_TIMEOUT, AT(60), AT(300), FRESHNESS_SERVE_STALE_AND_FETCH, 0},
        {true, AT(0), ERROR_TIMEOUT, AT(310), AT(320), FRESHNESS_SERVE_STALE, AT(310)},
        {true, AT(0), ERROR_TIMEOUT, AT(310), AT(320), FRESHNESS_SERVE_STALE_AND_FETCH, JUST_AFTER(310)},
        /* up to max-stale, which counts from the last good check */
        {true, AT(0), ERROR_TIMEOUT, AT(3600), AT(3600), FRESHNESS_SERVE_STALE, 0},
        {true, AT(0), ERROR_TIMEOUT, AT(3590), AT(3600), FRESHNESS_SERVE_STALE_AND_FETCH, 0},
        {true, AT(0), ERROR_TIMEOUT, AT(3600), JUST_AFTER(3600), FRESHNESS_FAIL, 0},
        {true, AT(0), ERROR_TIMEOUT, AT(3590), JUST_AFTER(3600), FRESHNESS_FETCH, 0},
        {true, AT(0), ERROR_TIMEOUT, AT(9000), JUST_BEFORE(9001), FRESHNESS_FAIL, 0},
        {true, AT(0), ERROR_TIMEOUT, AT(9000), AT(9001), FRESHNESS_FETCH, 0},
        {true, AT(0), ERROR_TIMEOUT, AT(9000), AT(9005), FRESHNESS_FAIL, AT(9000)},
        /* a good check after the failure would have cleared it; an answer after the arrival serves at once */
        {true, AT(400), ERROR_TIMEOUT, AT(500), AT(9000), FRESHNESS_SERVE, AT(399)},
    };
    (void)state;
    check_rows(rows, sizeof(rows) / sizeof(rows[0]));
}

static void definite_failures_are_remembered_longer(void **state)
{
    (void)state;
    for (unsigned kind = ERROR_NONE + 1; kind < ERROR_KIND_COUNT; kind++) {
        bool definite = kind <= ERROR_KMS_DENIED;
        const struct row rows[] = {
            {false, 0, (enum error_kind)kind, AT(0), JUST_BEFORE(1), FRESHNESS_FAIL, 0},
            {false, 0, (enum error_kind)kind, AT(0), AT(1), definite ? FRESHNESS_FAIL : FRESHNESS_FETCH, 0},
            {false, 0, (enum error_kind)kind, AT(0), JUST_BEFORE(10), definite ? FRESHNESS_FAIL : FRESHNESS_FETCH, 0},
            {false, 0, (enum error_kind)kind, AT(0), AT(10), FRESHNESS_FETCH, 0},
        };
        check_rows(rows, sizeof(rows) / sizeof(rows[0]));
    }
}

static void limits_of_zero_ask_each_time_but_once(void **state)
{
    static const struct freshness_limits none = {0};
    const struct freshness good = {.has_value = true, .checked_ns = AT(1)};
    const struct freshness bad = {.failure = ERROR_NOT_FOUND, .failed_ns = AT(1)};
    const struct freshness stale = {true, AT(0), ERROR_TIMEOUT, AT(1), false};
    (void)state;
    assert_int_equal(freshness_decide(&good, &none, AT(1), AT(2)), FRESHNESS_SERVE);
    assert_int_equal(freshness_decide(&good, &none, JUST_AFTER(1), AT(2)), FRESHNESS_FETCH);
    assert_int_equal(freshness_decide(&bad, &none, AT(1), AT(2)), FRESHNESS_FAIL);
    assert_int_equal(freshness_decide(&bad, &none, JUST_AFTER(1), JUST_AFTER(1)), FRESHNESS_FETCH);
    assert_int_equal(freshness_decide(&stale, &none, AT(1), AT(1)), FRESHNESS_FAIL);
}

static void kernel_keeps_an_entry_until_the_ttl_is_over(void **state)
{
    static const struct {
        enum error_kind failure;
        uint64_t now_ns;
        uint64_t left_ns;
    } rows[] = {
        {ERROR_NONE, AT(0), 300 * NS_PER_SEC},
        {ERROR_NONE, AT(100), 200 * NS_PER_SEC},
        {ERROR_NONE, JUST_BEFORE(300), 1},
        {ERROR_NONE, AT(300), 0},
        {ERROR_NONE, AT(1000), 0},
        {ERROR_NONE, AT(-1), 300 * NS_PER_SEC},
        {ERROR_TIMEOUT, AT(299), NS_PER_SEC},
        {ERROR_TIMEOUT, AT(100), 200 * NS_PER_SEC},
        {ERROR_TIMEOUT, AT(300), NS_PER_SEC},
        {ERROR_TIMEOUT, AT(5000), NS_PER_SEC},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct freshness known = {true, AT(0), rows[i].failure, AT(0), false};
        assert_int_equal(freshness_left_ns(&known, &limits, rows[i].now_ns), rows[i].left_ns);
    }
}

static void old_news_are_checked_whatever_their_age(void **state)
{
    struct freshness known = {.has_value = true, .checked_ns = AT(0), .expired = true};
    (void)state;
    assert_int_equal(freshness_decide(&known, &limits, AT(1), AT(1)), FRESHNESS_FETCH);
    assert_int_equal(freshness_decide(&known, &limits, AT(0), AT(1)), FRESHNESS_SERVE);
    assert_int_equal(freshness_left_ns(&known, &limits, AT(1)), 0);
    known.failure = ERROR_TIMEOUT;
    known.failed_ns = AT(1);
    assert_int_equal(freshness_decide(&known, &limits, AT(1), AT(1)), FRESHNESS_SERVE_STALE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_value),
        cmocka_unit_test(with_a_value_and_no_failure),
        cmocka_unit_test(with_a_value_and_a_failed_check),
        cmocka_unit_test(definite_failures_are_remembered_longer),
        cmocka_unit_test(limits_of_zero_ask_each_time_but_once),
        cmocka_unit_test(kernel_keeps_an_entry_until_the_ttl_is_over),
        cmocka_unit_test(old_news_are_checked_whatever_their_age),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

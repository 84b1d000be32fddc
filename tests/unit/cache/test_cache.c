/* SPDX-License-Identifier: Apache-2.0 */

/* Values: who asks when, what is served, what is told. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static void many_needs_are_one_get(void **state)
{
    struct world *world = *state;
    world_start(world, NULL, NULL);
    _cleanup_cache_secret_ struct cache_secret *secret = world_open(world, "a");
    _cleanup_cache_secret_ struct cache_secret *same = world_open(world, "a");
    assert_ptr_equal(secret, same);
    assert_null(cache_secret_value(secret));
    uint64_t arrived_ns = clock_monotonic_ns();
    fake_hold(&world->fake);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(cache_secret_need(i % 2 ? secret : same, arrived_ns), CACHE_WAIT);
    fake_wait_inside(&world->fake, 1);
    assert_int_equal(cache_secret_need(secret, arrived_ns), CACHE_WAIT);
    fake_release(&world->fake);
    world_run(world, 1);
    assert_int_equal(cache_secret_need(secret, arrived_ns), CACHE_READY);
    assert_value(secret, "one");
    assert_asked(world, "get a; ");
    assert_told(world, "changed a; arrived a; ");
    assert_int_equal(cache_counters(world->cache)->gets, 1);
    assert_int_equal(cache_counters(world->cache)->failures, 0);
}

static void value_is_served_until_its_ttl_is_over(void **state)
{
    struct world *world = *state;
    world_start(world, NULL, NULL);
    _cleanup_cache_secret_ struct cache_secret *secret = world_open(world, "a");
    assert_int_equal(world_read(world, secret), CACHE_READY);
    world_pass(300 * NS_PER_SEC - 1);
    assert_int_equal(world_read(world, secret), CACHE_READY);
    assert_int_equal(cache_secret_left_ns(secret), 1);
    assert_int_equal(cache_secret_age_ns(secret), 300 * NS_PER_SEC - 1);
    assert_asked(world, "get a; ");

    world_pass(1);
    assert_told(world, "changed a; arrived a; ");
    assert_int_equal(world_read(world, secret), CACHE_READY);
    assert_asked(world, "get a; ");
    assert_told(world, "arrived a; "); /* the same value is no change */
    assert_int_equal(cache_secret_age_ns(secret), 0);
}

static void change_is_told_before_the_arrival(void **state)
{
    struct world *world = *state;
    world_start(world, NULL, NULL);
    _cleanup_cache_secret_ struct cache_secret *secret = world_open(world, "a");
    assert_int_equal(cache_secret_generation(secret), 1);
    assert_int_equal(world_read(world, secret), CACHE_READY);
    uint64_t generation = cache_secret_generation(secret);
    assert_int_equal(generation, 2);

    world_pass(300 * NS_PER_SEC);
    world->fake.version = "v2";
    world->fake.bytes = "two";
    assert_int_equal(world_read(world, secret), CACHE_READY);
    assert_value(secret, "two");
    assert_int_equal(cache_secret_generation(secret), generation + 1);
    assert_told(world, "changed a; arrived a; changed a; stages a; (from v1) arrived a; ");

    world_pass(300 * NS_PER_SEC);
    world->fake.bytes = "of the same version"; /* a source without versions of its own, perhaps */
    assert_int_equal(world_read(world, secret), CACHE_READY);
    assert_value(secret, "of the same version");
    assert_told(world, "changed a; arrived a; ");
}

static void definite_failure_is_remembered(void **state)
{
    static const enum error_kind kinds[] = {ERROR_NOT_FOUND, ERROR_DELETED, ERROR_ACCESS_DENIED, ERROR_KMS_DENIED};
    struct world *world = *state;
    world_start(world, NULL, NULL);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        char id[] = {(char)('a' + i), '\0'};
        char expected[64];
        _cleanup_cache_secret_ struct cache_secret *secret = world_open(world, id);
        world->fake.get_failure = kinds[i];
        assert_int_equal(world_read(world, secret), CACHE_FAILED);
        assert_int_equal(cache_secret_error(secret)->kind, kinds[i]);
        assert_string_equal(cache_secret_error(secret)->message, "the test says so");
        assert_null(cache_secret_value(secret));
        (void)snprintf(expected, sizeof(expected), "arrived %s; ", id);
        assert_told(world, expected);
        world_pass(10 * NS_PER_SEC - 1);
        assert_int_equal(cache_secret_need(secret, clock_monotonic_ns()), CACHE_FAILED);
        world_pass(1);
        world->fake.get_failure = ERROR_NONE;
        assert_int_equal(world_read(world, secret), CACHE_READY);
        assert_int_equal(cache_secret_error(secret)->kind, ERROR_NONE);
        (void)snprintf(expected, sizeof(expected), "get %s; get %s; ", id, id);
        assert_asked(world, expected);
        (void)snprintf(expected, sizeof(expected), "changed %s; arrived %s; ", id, id);
        assert_told(world, expected);
        assert_int_equal(cache_counters(world->cache)->failures, i + 1);
    }
}

static void stale_value_is_served_while_there_is_no_answer(void **state)
{
    struct world *world = *state;
    world_start(world, NULL, NULL);
    _cleanup_cache_secret_ struct cache_secret *secret = world_open(world, "a");
    assert_int_equal(world_read(world, secret), CACHE_READY);
    assert_false(cache_secret_is_stale(secret));
    assert_asked(world, "get a; ");

    world->fake.get_failure = ERROR_TIMEOUT;
    world_pass(300 * NS_PER_SEC);
    assert_int_equal(world_read(world, secret), CACHE_READY); /* this reader has waited */
    assert_asked(world, "get a; ");
    assert_true(cache_secret_is_stale(secret));
    assert_int_equal(cache_secret_error(secret)->kind, ERROR_TIMEOUT);
    assert_value(secret, "one");

    world_pass(NS_PER_SEC - 1);
    assert_int_equal(cache_secret_need(secret, clock_monotonic_ns()), CACHE_READY);
    assert_asked(world, ""); /* AWS is left alone for a second */
    world_pass(1);
    assert_int_equal(cache_secret_need(secret, clock_monotonic_ns()), CACHE_READY); /* and this one does not wait */
    world_run(world, 1);
    assert_asked(world, "get a; ");

    world->fake.get_failure = ERROR_NONE;
    world_pass(NS_PER_SEC);
    assert_int_equal(cache_secret_need(secret, clock_monotonic_ns()), CACHE_READY);
    world_run(world, 1);
    assert_false(cache_secret_is_stale(secret));
    assert_told(world, "changed a; arrived a; arrived a; arrived a; arrived a; ");
    assert_int_equal(cache_secret_generation(secret), 2);
}

static void stale_value_is_refused_after_max_stale(void **state)
{
    struct world *world = *state;
    world_start(world, NULL, NULL);
    _cleanup_cache_secret_ struct cache_secret *secret = world_open(world, "a");
    assert_int_equal(world_read(world, secret), CACHE_READY);
    assert_true(cache_secret_may_serve_stale(secret));
    world->fake.get_failure = ERROR_UNREACHABLE;
    world_pass(3600 * NS_PER_SEC);
    assert_true(cache_secret_may_serve_stale(secret));
    assert_int_equal(world_read(world, secret), CACHE_READY);
    world_pass(1);
    assert_false(cache_secret_may_serve_stale(secret));
    assert_int_equal(cache_secret_need(secret, clock_monotonic_ns()), CACHE_FAILED);
    world_pass(NS_PER_SEC);
    assert_int_equal(world_read(world, secret), CACHE_FAILED);
    assert_value(secret, "one"); /* it is not served, but kept: AWS has not said no */

    world->fake.get_failure = ERROR_NONE;
    world_pass(NS_PER_SEC);
    assert_int_equal(world_read(world, secret), CACHE_READY);
    assert_int_equal(cache_secret_generation(secret), 2);
}

static void definite_failure_takes_the_value_away(void **state)
{
    static const enum error_kind kinds[] = {ERROR_NOT_FOUND, ERROR_DELETED, ERROR_ACCESS_DENIED, ERROR_KMS_DENIED};
    struct world *world = *state;
    world_start(world, NULL, NULL);
    _cleanup_cache_secret_ struct cache_secret *secret = world_open(world, "a");
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
        world->fake.get_failure = ERROR_NONE;
        assert_int_equal(world_read(world, secret), CACHE_READY);
        uint64_t generation = cache_secret_generation(secret);
        world->fake.get_failure = kinds[i];
        world->told[0] = '\0';
        world_pass(300 * NS_PER_SEC);
        assert_int_equal(world_read(world, secret), CACHE_FAILED);
        assert_null(cache_secret_value(secret));
        assert_false(cache_secret_is_stale(secret));
        assert_false(cache_secret_may_serve_stale(secret));
        assert_int_equal(cache_secret_error(secret)->kind, kinds[i]);
        assert_int_equal(cache_secret_generation(secret), generation + 1);
        assert_told(world, "changed a; arrived a; ");
        world_pass(10 * NS_PER_SEC);
    }
}

static void check_during_a_fetch_asks_again_after_it(void **state)
{
    struct world *world = *state;
    world_start(world, NULL, NULL);
    _cleanup_cache_secret_ struct cache_secret *secret = world_open(world, "a");
    assert_int_equal(world_read(world, secret), CACHE_READY);
    assert_asked(world, "get a; ");

    world_pass(300 * NS_PER_SEC);
    fake_hold(&world->fake);
    assert_int_equal(cache_secret_need(secret, clock_monotonic_ns()), CACHE_WAIT);
    fake_wait_inside(&world->fake, 1); /* it has the old answer */
    world->fake.version = "v2";
    world->fake.bytes = "two";
    cache_check(world->cache, "a", NULL);
    cache_check(world->cache, "a", NULL);
    fake_release(&world->fake);
    world_run(world, 2);
    assert_value(secret, "two");
    assert_asked(world, "get a; get a; ");
    assert_told(world, "changed a; arrived a; arrived a; changed a; stages a; (from v1) arrived a; ");
    assert_int_equal(cache_secret_need(secret, clock_monotonic_ns()), CACHE_READY);
    assert_asked(world, ""); /* and that is all */
}

/* --- entries --- */

static void entry_is_id_stage_and_version(void **state)
{
    struct world *world = *state;
    world_start(world, NULL, NULL);
    static const char *const keys[][3] = {
        {"a", NULL, NULL}, {"b", NULL, NULL},          {"a", "AWSPREVIOUS", NULL},
        {"a", NULL, "v9"}, {"a", "AWSPREVIOUS", "v9"}, {"a", "AWSPENDING", NULL},
    };
    struct cache_secret *entries[6];
    for (size_t i = 0; i < 6; i++) {
        struct cache_secret *again = NULL;
        assert_int_equal(cache_secret_open(world->cache, keys[i][0], keys[i][1], keys[i][2], &entries[i]), 0);
        assert_int_equal(cache_secret_open(world->cache, keys[i][0], keys[i][1], keys[i][2], &again), 0);
        assert_ptr_equal(again, entries[i]);
        for (size_t k = 0; k < i; k++)
            assert_ptr_not_equal(entries[k], entries[i]);
        cache_secret_unref(again);
    }
    struct cache_secret *current = NULL;
    assert_int_equal(cache_secret_open(world->cache, "a", "AWSCURRENT", NULL, &current), 0);
    assert_ptr_equal(current, entries[0]); /* the stage that is meant when none is said */
    cache_secret_unref(current);

    assert_int_equal(world_read(world, entries[2]), CACHE_READY);
    assert_int_equal(world_read(world, entries[3]), CACHE_READY);
    assert_asked(world, "get a stage AWSPREVIOUS; get a version v9; ");
    for (size_t i = 0; i < 6; i++)
        cache_secret_unref(entries[i]);
}

static void known_secret_is_found_by_its_arn(void **state)
{
    struct world *world = *state;
    world_start(world, NULL, NULL);
    _cleanup_cache_secret_ struct cache_secret *secret = world_open(world, "a");
    assert_int_equal(world_read(world, secret), CACHE_READY); /* its ARN is "arn:a" */
    _cleanup_cache_secret_ struct cache_secret *by_arn = world_open(world, "arn:a");
    _cleanup_cache_secret_ struct cache_secret *other = world_open(world, "arn:b");
    assert_ptr_equal(by_arn, secret);
    assert_ptr_not_equal(other, secret);
}

static void version_is_asked_for_once(void **state)
{
    struct world *world = *state;
    world_start(world, NULL, NULL);
    struct cache_secret *version = NULL;
    assert_int_equal(cache_secret_open(world->cache, "a", NULL, "v7", &version), 0);
    assert_int_equal(world_read(world, version), CACHE_READY);
    world_pass(100000 * NS_PER_SEC);
    assert_int_equal(world_read(world, version), CACHE_READY);
    cache_check(world->cache, NULL, NULL);
    assert_asked(world, "get a version v7; ");
    cache_secret_unref(version);
}

static void version_that_is_current_costs_no_call(void **state)
{
    struct world *world = *state;
    world_start(world, NULL, NULL);
    _cleanup_cache_secret_ struct cache_secret *secret = world_open(world, "a");
    assert_int_equal(world_read(world, secret), CACHE_READY);
    struct cache_secret *version = NULL;
    assert_int_equal(cache_secret_open(world->cache, "a", NULL, "v1", &version), 0);
    assert_int_equal(cache_secret_need(version, clock_monotonic_ns()), CACHE_READY);
    assert_value(version, "one");
    assert_asked(world, "get a; ");
    cache_secret_unref(version);
}

static void revoked_secret_takes_its_versions_along(void **state)
{
    struct world *world = *state;
    world_start(world, NULL, NULL);
    _cleanup_cache_secret_ struct cache_secret *secret = world_open(world, "a");
    _cleanup_cache_secret_ struct cache_secret *other = world_open(world, "b");
    struct cache_secret *version = NULL;
    assert_int_equal(cache_secret_open(world->cache, "a", NULL, "v7", &version), 0);
    assert_int_equal(world_read(world, secret), CACHE_READY);
    assert_int_equal(world_read(world, version), CACHE_READY);
    world_pass(200 * NS_PER_SEC);
    assert_int_equal(world_read(world, other), CACHE_READY);
    world->told[0] = '\0';

    world->fake.get_failure = ERROR_ACCESS_DENIED;
    world_pass(100 * NS_PER_SEC);
    assert_int_equal(world_read(world, secret), CACHE_FAILED);
    assert_told(world, "changed a; changed a version v7; arrived a; ");
    assert_null(cache_secret_value(version));
    assert_int_equal(cache_secret_need(version, clock_monotonic_ns()), CACHE_FAILED);
    assert_int_equal(cache_secret_error(version)->kind, ERROR_ACCESS_DENIED);
    assert_value(other, "one");
    cache_secret_unref(version);
}

static void values_that_nobody_uses_make_room(void **state)
{
    struct world *world = *state;
    struct cache_options options = world_options();
    options.cache_bytes = 9; /* three values */
    world_start(world, NULL, &options);
    for (int i = 0; i < 3; i++) {
        _cleanup_cache_secret_ struct cache_secret *secret = world_open(world, i == 0 ? "a" : i == 1 ? "b" : "c");
        assert_int_equal(world_read(world, secret), CACHE_READY);
        world_pass(NS_PER_SEC);
    }
    struct cache_secret *a = world_open(world, "a"); /* used again: b is the oldest now */
    assert_int_equal(world_read(world, a), CACHE_READY);
    _cleanup_cache_secret_ struct cache_secret *d = world_open(world, "d");
    assert_int_equal(world_read(world, d), CACHE_READY);
    assert_asked(world, "get a; get b; get c; get d; ");
    _cleanup_cache_secret_ struct cache_secret *c = world_open(world, "c");
    assert_value(a, "one");
    assert_value(c, "one");
    _cleanup_cache_secret_ struct cache_secret *b = world_open(world, "b");
    assert_null(cache_secret_value(b));
    assert_int_equal(world_read(world, b), CACHE_READY); /* all are held now, so all stay */
    assert_value(a, "one");
    assert_value(c, "one");
    assert_value(d, "one");
    cache_secret_unref(a);
}

static void collect_ids(void *context, struct cache_secret *secret)
{
    char *text = context;
    size_t size = strlen(text);
    (void)snprintf(text + size, 64 - size, "%s ", cache_secret_id(secret));
}

static void each_goes_in_the_order_of_ids(void **state)
{
    struct world *world = *state;
    char text[64] = "";
    world_start(world, NULL, NULL);
    _cleanup_cache_secret_ struct cache_secret *c = world_open(world, "c");
    _cleanup_cache_secret_ struct cache_secret *a = world_open(world, "a");
    _cleanup_cache_secret_ struct cache_secret *b = world_open(world, "b");
    cache_each_secret(world->cache, collect_ids, text);
    assert_string_equal(text, "a b c ");
    assert_null(cache_secret_data(a));
    cache_secret_set_data(a, world);
    assert_ptr_equal(cache_secret_data(a), world);
    assert_null(cache_secret_data(b));
    assert_null(cache_secret_data(c));
    cache_secret_set_data(a, NULL);
}

/* --- the end --- */

static void stop_does_not_wait_for_a_fetch_that_hangs(void **state)
{
    struct world *world = *state;
    world_start(world, NULL, NULL);
    _cleanup_cache_secret_ struct cache_secret *secret = world_open(world, "a");
    fake_hold(&world->fake);
    assert_int_equal(cache_secret_need(secret, clock_monotonic_ns()), CACHE_WAIT);
    fake_wait_inside(&world->fake, 1);
    assert_int_equal(cache_stop(world->cache, 0), -ETIMEDOUT);
    assert_int_equal(cache_stop(world->cache, 20 * NS_PER_MS), -ETIMEDOUT);
    assert_string_equal(cache_secret_id(secret), "a"); /* nothing was freed */
    /* The fixture lets it go and stops once more. */
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(many_needs_are_one_get),
        TEST(value_is_served_until_its_ttl_is_over),
        TEST(change_is_told_before_the_arrival),
        TEST(definite_failure_is_remembered),
        TEST(stale_value_is_served_while_there_is_no_answer),
        TEST(stale_value_is_refused_after_max_stale),
        TEST(definite_failure_takes_the_value_away),
        TEST(check_during_a_fetch_asks_again_after_it),
        TEST(entry_is_id_stage_and_version),
        TEST(known_secret_is_found_by_its_arn),
        TEST(version_is_asked_for_once),
        TEST(version_that_is_current_costs_no_call),
        TEST(revoked_secret_takes_its_versions_along),
        TEST(values_that_nobody_uses_make_room),
        TEST(each_goes_in_the_order_of_ids),
        TEST(stop_does_not_wait_for_a_fetch_that_hangs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

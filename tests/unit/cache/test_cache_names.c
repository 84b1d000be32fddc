/* SPDX-License-Identifier: Apache-2.0 */

/* Names: when they are listed, and what becomes of the answers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

static const char *const everything[] = {NULL};
static const char *const some[] = {"x", "y/z", NULL};
static const char *const others[] = {"x", "w", NULL};

static void tick(struct world *world)
{
    cache_tick(world->cache, clock_monotonic_ns());
}

/* The cache wants to be called after this time, give or take a tenth; and then it is called. */
static void pass_until_tick(struct world *world, uint64_t expected_ns)
{
    uint64_t left_ns = cache_next_tick_ns(world->cache) - clock_monotonic_ns();
    assert_in_range(left_ns, expected_ns - expected_ns / 10, expected_ns + expected_ns / 10);
    world_pass(left_ns - 1);
    tick(world);
    assert_asked(world, "");
    world_pass(1);
    tick(world);
}

static struct cache_options without_poll(void)
{
    struct cache_options options = world_options();
    options.poll_ns = 0;
    return options;
}

static void exact_names_need_no_listing(void **state)
{
    struct world *world = *state;
    const struct cache_options options = without_poll();
    world_start(world, (const char *const[]){"a", "b/c", NULL}, &options);
    assert_int_equal(cache_names_state(world->cache), NAMES_OFF);
    assert_int_equal(names_count(cache_names(world->cache)), 2);
    assert_string_equal(names_find(cache_names(world->cache), "b/c", NULL), "b/c");
    assert_true(cache_next_tick_ns(world->cache) == CLOCK_NEVER_NS);
    tick(world);
    cache_check(world->cache, NULL, NULL);
    assert_asked(world, "");
}

static void names_are_listed_at_once_and_again(void **state)
{
    struct world *world = *state;
    const struct cache_options options = without_poll();
    world_start(world, everything, &options);
    assert_int_equal(cache_names_state(world->cache), NAMES_LISTING);
    assert_int_equal(names_count(cache_names(world->cache)), 0);
    assert_true(cache_next_tick_ns(world->cache) <= clock_monotonic_ns());

    world->fake.names = some;
    fake_hold(&world->fake);
    tick(world);
    fake_wait_inside(&world->fake, 1);
    assert_true(cache_next_tick_ns(world->cache) == CLOCK_NEVER_NS);
    tick(world); /* one is enough */
    assert_int_equal(cache_names_state(world->cache), NAMES_LISTING);
    fake_release(&world->fake);
    world_run(world, 1);
    assert_int_equal(cache_names_state(world->cache), NAMES_COMPLETE);
    assert_asked(world, "list; ");
    assert_told(world, "names for the first time; arrived; ");
    assert_non_null(names_find(cache_names(world->cache), "y/z", NULL));

    world->fake.names = others;
    pass_until_tick(world, 300 * NS_PER_SEC);
    world_run(world, 1);
    assert_asked(world, "list; ");
    assert_told(world, "names +w -y/z; arrived; ");
    assert_int_equal(cache_counters(world->cache)->lists, 2);
    assert_int_equal(cache_names_error(world->cache)->kind, ERROR_NONE);
}

static void interval_of_zero_lists_once(void **state)
{
    struct world *world = *state;
    struct cache_options options = without_poll();
    options.list_interval_ns = 0;
    world_start(world, everything, &options);
    tick(world);
    world_run(world, 1);
    assert_true(cache_next_tick_ns(world->cache) == CLOCK_NEVER_NS);
}

static void denied_listing_is_tried_again_after_the_interval(void **state)
{
    struct world *world = *state;
    const struct cache_options options = without_poll();
    world_start(world, (const char *const[]){"x", "prod/*", NULL}, &options);
    world->fake.names = some;
    world->fake.list_failure = ERROR_ACCESS_DENIED;
    tick(world);
    world_run(world, 1);
    assert_int_equal(cache_names_state(world->cache), NAMES_DENIED);
    assert_int_equal(cache_names_error(world->cache)->kind, ERROR_ACCESS_DENIED);
    assert_int_equal(names_count(cache_names(world->cache)), 2); /* what the scope says */
    assert_asked(world, "list x prod; ");
    assert_told(world, "arrived; ");
    assert_int_equal(cache_counters(world->cache)->failures, 1);

    world->fake.list_failure = ERROR_NONE;
    pass_until_tick(world, 300 * NS_PER_SEC);
    world_run(world, 1);
    assert_int_equal(cache_names_state(world->cache), NAMES_COMPLETE);
    assert_told(world, "names for the first time; arrived; ");
}

static void failed_listing_is_tried_again_soon(void **state)
{
    struct world *world = *state;
    const struct cache_options options = without_poll();
    world_start(world, everything, &options);
    world->fake.names = some;
    world->fake.list_failure = ERROR_TIMEOUT; /* after some names: a part is not taken for the whole */
    tick(world);
    world_run(world, 1);
    assert_int_equal(cache_names_state(world->cache), NAMES_FAILED);
    assert_int_equal(names_count(cache_names(world->cache)), 0);
    assert_told(world, "arrived; ");
    assert_asked(world, "list; ");

    world->fake.list_failure = ERROR_NONE;
    pass_until_tick(world, 10 * NS_PER_SEC);
    world_run(world, 1);
    assert_int_equal(cache_names_state(world->cache), NAMES_COMPLETE);
    assert_told(world, "names for the first time; arrived; ");
    assert_asked(world, "list; ");

    world->fake.list_failure = ERROR_SERVER;
    pass_until_tick(world, 300 * NS_PER_SEC);
    world_run(world, 1);
    assert_int_equal(cache_names_state(world->cache), NAMES_COMPLETE); /* the old ones are still good */
    assert_int_equal(names_count(cache_names(world->cache)), 2);
    assert_told(world, "arrived; ");
    assert_asked(world, "list; ");

    world->fake.list_failure = ERROR_NONE;
    world->fake.names = others;
    pass_until_tick(world, 10 * NS_PER_SEC);
    world_run(world, 1);
    assert_told(world, "names +w -y/z; arrived; ");
}

static void only_names_in_scope_are_taken(void **state)
{
    struct world *world = *state;
    const struct cache_options options = without_poll();
    static const char *const names[] = {"prod/a", "/prod/b/c", "production", "prod", "test/a", "", "exact", NULL};
    world->fake.names = names;
    world_start(world, (const char *const[]){"exact", "prod/*", NULL}, &options);
    tick(world);
    world_run(world, 1);
    const struct names *known = cache_names(world->cache);
    enum name_kind kind;
    assert_int_equal(names_count(known), 4);
    assert_string_equal(names_find(known, "prod/a", NULL), "prod/a");
    assert_string_equal(names_find(known, "prod/b/c", NULL), "/prod/b/c");
    assert_string_equal(names_find(known, "exact", NULL), "exact");
    assert_non_null(names_find(known, "prod", &kind));
    assert_int_equal(kind, NAME_PREFIX);
}

static void check_of_everything_lists_again(void **state)
{
    struct world *world = *state;
    const struct cache_options options = without_poll();
    world_start(world, everything, &options);
    world->fake.names = some;
    tick(world);
    world_run(world, 1);
    assert_asked(world, "list; ");
    cache_check(world->cache, "x", NULL); /* a hint about one secret is none about names */
    assert_asked(world, "");
    cache_check(world->cache, NULL, NULL);
    world_run(world, 1);
    assert_asked(world, "list; ");
}

static void check_during_a_listing_lists_again_after_it(void **state)
{
    struct world *world = *state;
    const struct cache_options options = without_poll();
    world_start(world, everything, &options);
    world->fake.names = some;
    fake_hold(&world->fake);
    tick(world);
    fake_wait_inside(&world->fake, 1);
    world->fake.names = others;
    cache_check(world->cache, NULL, NULL);
    fake_release(&world->fake);
    world_run(world, 1);
    assert_in_range(cache_next_tick_ns(world->cache), clock_monotonic_ns(), clock_monotonic_ns() + 1);
    world_pass(1);
    tick(world);
    world_run(world, 1);
    assert_asked(world, "list; list; ");
    assert_told(world, "names for the first time; arrived; names +w -y/z; arrived; ");
    pass_until_tick(world, 300 * NS_PER_SEC);
    world_run(world, 1);
}

static void states_have_words(void **state)
{
    static const char *const words[] = {"off", "listing", "complete", "denied", "failed"};
    (void)state;
    for (unsigned i = NAMES_OFF; i <= NAMES_FAILED; i++)
        assert_string_equal(names_state_name((enum names_state)i), words[i]);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(exact_names_need_no_listing),
        TEST(names_are_listed_at_once_and_again),
        TEST(interval_of_zero_lists_once),
        TEST(denied_listing_is_tried_again_after_the_interval),
        TEST(failed_listing_is_tried_again_soon),
        TEST(only_names_in_scope_are_taken),
        TEST(check_of_everything_lists_again),
        TEST(check_during_a_listing_lists_again_after_it),
        TEST(states_have_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

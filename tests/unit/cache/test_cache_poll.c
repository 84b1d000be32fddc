/* SPDX-License-Identifier: Apache-2.0 */

/* What is checked without being asked for: polls, hints, batches; and versions with their stages. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "world.h"

/* Opens and reads the secrets "a", "b", … */
static void open_some(struct world *world, struct cache_secret **secrets, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        char id[] = {(char)('a' + i), '\0'};
        secrets[i] = world_open(world, id);
        assert_int_equal(world_read(world, secrets[i]), CACHE_READY);
    }
    (void)fake_asked(&world->fake, (char[16]){0}, 16);
    world->told[0] = '\0';
}

static void give_back(struct cache_secret **secrets, size_t count)
{
    for (size_t i = 0; i < count; i++)
        cache_secret_unref(secrets[i]);
}

static void poll_now(struct world *world)
{
    uint64_t left_ns = cache_next_tick_ns(world->cache) - clock_monotonic_ns();
    assert_in_range(left_ns, 54 * NS_PER_SEC, 66 * NS_PER_SEC);
    world_pass(left_ns - 1);
    cache_tick(world->cache, clock_monotonic_ns());
    assert_asked(world, "");
    world_pass(1);
    cache_tick(world->cache, clock_monotonic_ns());
}

static void poll_of_zero_never_comes(void **state)
{
    struct world *world = *state;
    struct cache_options options = world_options();
    options.poll_ns = 0;
    world_start(world, NULL, &options);
    assert_true(cache_next_tick_ns(world->cache) == CLOCK_NEVER_NS);
}

static void eager_asks_for_what_nobody_has_read(void **state)
{
    struct world *world = *state;
    struct cache_options options = world_options();
    options.eager = true;
    world_start(world, NULL, &options);
    struct cache_secret *secrets[] = {world_open(world, "a"), world_open(world, "b"), world_open(world, "c")};
    world->fake.missing = "b";
    cache_fetch_missing(world->cache);
    world_run(world, 3);
    assert_asked(world, "many a b c; ");
    assert_value(secrets[0], "one");

    cache_fetch_missing(world->cache); /* they have been answered for */
    assert_asked(world, "");
    world->fake.missing = NULL;
    poll_now(world);
    world_run(world, 3);
    assert_asked(world, "many a b c; ");
    assert_value(secrets[1], "one");
    give_back(secrets, 3);
}

static void what_got_no_answer_is_asked_for_again(void **state)
{
    struct world *world = *state;
    struct cache_options options = world_options();
    options.eager = true;
    world_start(world, NULL, &options);
    struct cache_secret *secrets[] = {world_open(world, "a"), world_open(world, "b")};
    world->fake.batch_failure = ERROR_TIMEOUT;
    cache_fetch_missing(world->cache);
    world_run(world, 2);
    world->fake.batch_failure = ERROR_NONE;
    cache_fetch_missing(world->cache);
    world_run(world, 2);
    assert_asked(world, "many a b; many a b; ");
    assert_value(secrets[1], "one");
    give_back(secrets, 2);
}

static void poll_checks_what_is_in_use(void **state)
{
    struct world *world = *state;
    struct cache_secret *secrets[4];
    world_start(world, NULL, NULL);
    open_some(world, secrets, 4);
    cache_secret_unref(secrets[3]); /* nobody refers to d */
    world->unused = "b";
    _cleanup_cache_secret_ struct cache_secret *never_read = world_open(world, "e");
    struct cache_secret *version = NULL;
    assert_int_equal(cache_secret_open(world->cache, "a", NULL, "v1", &version), 0);

    world->fake.version = "v2";
    world->fake.bytes = "two";
    poll_now(world);
    world_run(world, 2);
    assert_asked(world, "many a c; ");
    assert_told(world, "changed a; stages a; (from v1) arrived a; changed c; stages c; (from v1) arrived c; ");
    assert_value(secrets[0], "two");
    assert_value(secrets[1], "one");
    assert_value(version, "one");
    assert_null(cache_secret_value(never_read));
    assert_int_equal(cache_counters(world->cache)->batches, 1);
    cache_secret_unref(version);
    give_back(secrets, 3);
}

static void one_alone_needs_no_batch(void **state)
{
    struct world *world = *state;
    struct cache_secret *secret;
    world_start(world, NULL, NULL);
    open_some(world, &secret, 1);
    poll_now(world);
    world_run(world, 1);
    assert_asked(world, "get a; ");
    assert_told(world, "arrived a; ");
    assert_int_equal(cache_counters(world->cache)->batches, 0);
    cache_secret_unref(secret);
}

static void batch_has_twenty_at_most(void **state)
{
    struct world *world = *state;
    struct cache_secret *secrets[41];
    world_start(world, NULL, NULL);
    open_some(world, secrets, 41);
    world->fake.version = "v2";
    poll_now(world);
    world_run(world, 41);
    char asked[sizeof(world->fake.asked)];
    size_t batches = 0;
    size_t gets = 0;
    (void)fake_asked(&world->fake, asked, sizeof(asked));
    for (const char *p = asked; (p = strstr(p, "many ")); p++)
        batches++;
    for (const char *p = asked; (p = strstr(p, "get ")); p++)
        gets++;
    assert_int_equal(batches, 2);
    assert_int_equal(gets, 1);
    for (size_t i = 0; i < 41; i++)
        assert_string_equal(cache_secret_value(secrets[i])->version_id, "v2");
    give_back(secrets, 41);
}

static void denied_batch_is_remembered_for_an_hour(void **state)
{
    struct world *world = *state;
    struct cache_secret *secrets[2];
    struct cache_options options = world_options();
    options.poll_ns = 0;
    world_start(world, NULL, &options);
    open_some(world, secrets, 2);
    world->fake.batch_failure = ERROR_ACCESS_DENIED;
    cache_check(world->cache, NULL, NULL);
    world_run(world, 2);
    char asked[64];
    (void)fake_asked(&world->fake, asked, sizeof(asked));
    assert_memory_equal(asked, "many a b; ", 10);
    assert_true(strcmp(asked + 10, "get a; get b; ") == 0 || strcmp(asked + 10, "get b; get a; ") == 0);
    assert_value(secrets[0], "one"); /* it is the action that was denied, not the secret */
    assert_false(cache_secret_is_stale(secrets[0]));

    world->fake.batch_failure = ERROR_NONE;
    world_pass(3600 * NS_PER_SEC);
    cache_check(world->cache, NULL, NULL);
    world_run(world, 2);
    (void)fake_asked(&world->fake, asked, sizeof(asked));
    assert_null(strstr(asked, "many"));
    world_pass(1);
    cache_check(world->cache, NULL, NULL);
    world_run(world, 2);
    assert_asked(world, "many a b; ");
    give_back(secrets, 2);
}

static void failed_batch_makes_all_stale(void **state)
{
    struct world *world = *state;
    struct cache_secret *secrets[2];
    world_start(world, NULL, NULL);
    open_some(world, secrets, 2);
    world->fake.batch_failure = ERROR_THROTTLED;
    poll_now(world);
    world_run(world, 2);
    assert_asked(world, "many a b; ");
    assert_told(world, "arrived a; arrived b; ");
    for (size_t i = 0; i < 2; i++) {
        assert_true(cache_secret_is_stale(secrets[i]));
        assert_int_equal(cache_secret_error(secrets[i])->kind, ERROR_THROTTLED);
        assert_value(secrets[i], "one");
    }
    give_back(secrets, 2);
}

static void one_of_a_batch_may_be_gone(void **state)
{
    struct world *world = *state;
    struct cache_secret *secrets[3];
    world_start(world, NULL, NULL);
    open_some(world, secrets, 3);
    world->fake.missing = "b";
    poll_now(world);
    world_run(world, 3);
    assert_asked(world, "many a b c; ");
    assert_told(world, "arrived a; changed b; arrived b; arrived c; ");
    assert_null(cache_secret_value(secrets[1]));
    assert_int_equal(cache_secret_error(secrets[1])->kind, ERROR_NOT_FOUND);
    assert_value(secrets[2], "one");

    /* It had a value, so it is still looked for: it may come back. */
    world->fake.missing = NULL;
    poll_now(world);
    world_run(world, 3);
    assert_told(world, "arrived a; changed b; arrived b; arrived c; ");
    assert_value(secrets[1], "one");
    give_back(secrets, 3);
}

static void hint_checks_the_secret_that_it_means(void **state)
{
    static const struct {
        const char *id;
        const char *version_id;
        const char *asked;
    } rows[] = {
        {"b", NULL, "get b; "},     {"b", "v2", "get b; "}, {"b", "v1", ""},
        {"arn:b", NULL, "get b; "}, {"arn:b", "v1", ""},    {"arn:b", "v2", "get b; "},
        {"nobody", NULL, ""},       {"", NULL, ""},         {"arn:", "v2", ""},
    };
    struct world *world = *state;
    struct cache_secret *secrets[3];
    world_start(world, NULL, NULL);
    open_some(world, secrets, 3);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        cache_check(world->cache, rows[i].id, rows[i].version_id);
        if (rows[i].asked[0])
            world_run(world, 1);
        assert_asked(world, rows[i].asked);
    }
    cache_check(world->cache, NULL, NULL);
    world_run(world, 3);
    assert_asked(world, "many a b c; ");
    give_back(secrets, 3);
}

/* --- versions --- */

static void versions_are_listed_once_per_ttl(void **state)
{
    struct world *world = *state;
    struct cache_secret *secret;
    world_start(world, NULL, NULL);
    open_some(world, &secret, 1);
    uint64_t arrived_ns = clock_monotonic_ns();
    assert_string_equal(stages_find(cache_stages(secret), "AWSCURRENT"), "v1"); /* the value tells its own */
    assert_int_equal(cache_versions_need(secret, arrived_ns), CACHE_WAIT);
    assert_int_equal(cache_versions_need(secret, arrived_ns), CACHE_WAIT);
    world_run(world, 1);
    assert_int_equal(cache_versions_need(secret, arrived_ns), CACHE_READY);
    assert_string_equal(stages_find(cache_stages(secret), "AWSPREVIOUS"), "v0");
    world_pass(300 * NS_PER_SEC - 1);
    assert_int_equal(cache_versions_need(secret, clock_monotonic_ns()), CACHE_READY);
    assert_asked(world, "versions a; ");
    world_pass(1);
    assert_int_equal(cache_versions_need(secret, clock_monotonic_ns()), CACHE_WAIT);
    world_run(world, 1);
    assert_asked(world, "versions a; ");
    cache_secret_unref(secret);
}

static void denied_versions_leave_what_is_known(void **state)
{
    struct world *world = *state;
    struct cache_secret *secret;
    world_start(world, NULL, NULL);
    open_some(world, &secret, 1);
    world->fake.versions_failure = ERROR_ACCESS_DENIED;
    uint64_t arrived_ns = clock_monotonic_ns();
    assert_int_equal(cache_versions_need(secret, arrived_ns), CACHE_WAIT);
    world_run(world, 1);
    assert_int_equal(cache_versions_need(secret, arrived_ns), CACHE_READY);
    assert_string_equal(stages_find(cache_stages(secret), "AWSCURRENT"), "v1");
    cache_learn_stage(secret, "AWSPENDING", "v9");
    assert_string_equal(stages_find(cache_stages(secret), "AWSPENDING"), "v9");
    assert_value(secret, "one");
    assert_told(world, "arrived a; ");
    cache_secret_unref(secret);
}

static struct cache_secret *open_previous(struct world *world)
{
    struct cache_secret *previous = NULL;
    assert_int_equal(cache_secret_open(world->cache, "a", "AWSPREVIOUS", NULL, &previous), 0);
    return previous;
}

static void rotation_makes_stages_old(void **state)
{
    struct world *world = *state;
    struct cache_secret *secret;
    world_start(world, NULL, NULL);
    open_some(world, &secret, 1);
    struct cache_secret *previous = open_previous(world);
    assert_int_equal(world_read(world, previous), CACHE_READY);
    cache_secret_unref(previous); /* so that the check leaves it alone */
    assert_int_equal(cache_versions_need(secret, clock_monotonic_ns()), CACHE_WAIT);
    world_run(world, 1);
    assert_asked(world, "get a stage AWSPREVIOUS; versions a; ");
    world->told[0] = '\0';

    world_pass(NS_PER_SEC);
    world->fake.version = "v2";
    cache_check(world->cache, "a", "v2");
    world_run(world, 2); /* somebody has listed the versions, so they are listed once more */
    assert_asked(world, "get a; versions a; ");
    assert_told(world, "changed a; stages a; (from v1) arrived a; stages a; (from v2) arrived a; ");
    assert_string_equal(stages_find(cache_stages(secret), "AWSCURRENT"), "v2");

    previous = open_previous(world);
    assert_int_equal(cache_secret_need(previous, clock_monotonic_ns()), CACHE_WAIT); /* within its TTL */
    world_run(world, 1);
    assert_asked(world, "get a stage AWSPREVIOUS; ");
    cache_secret_unref(previous);
    cache_secret_unref(secret);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, world_set_up, world_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(poll_of_zero_never_comes),
        TEST(poll_checks_what_is_in_use),
        TEST(eager_asks_for_what_nobody_has_read),
        TEST(what_got_no_answer_is_asked_for_again),
        TEST(one_alone_needs_no_batch),
        TEST(batch_has_twenty_at_most),
        TEST(denied_batch_is_remembered_for_an_hour),
        TEST(failed_batch_makes_all_stale),
        TEST(one_of_a_batch_may_be_gone),
        TEST(hint_checks_the_secret_that_it_means),
        TEST(versions_are_listed_once_per_ttl),
        TEST(denied_versions_leave_what_is_known),
        TEST(rotation_makes_stages_old),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

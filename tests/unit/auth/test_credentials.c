/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/credentials_cache.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/clock.h"

#define MINUTE_NS (60 * NS_PER_SEC)
#define EXPIRED_FOR(interval_ns) (0 - (interval_ns)) /* as a life: the sum with the present wraps */
#define START_NS (UINT64_C(1000000) * NS_PER_SEC)

/* --- time, and a provider that does what a test says --- */

static struct {
    uint64_t now_ns; /* of both clocks; the real one when 0 */
    unsigned fetches;
    uint64_t limit_ns; /* the deadline that the last fetch was given, from then on */
    uint64_t life_ns;  /* of the next credentials; 0: for ever */
    const char *id;    /* of the next credentials; NULL: fail */
    enum error_kind kind;
    bool changed;
    pthread_barrier_t *barrier; /* entered twice during a fetch */
} world;

uint64_t __wrap_clock_wall_ns(void);
uint64_t __wrap_clock_monotonic_ns(void);
uint64_t __real_clock_monotonic_ns(void);

uint64_t __wrap_clock_monotonic_ns(void)
{
    return world.now_ns ? world.now_ns : __real_clock_monotonic_ns();
}

uint64_t __wrap_clock_wall_ns(void)
{
    return __wrap_clock_monotonic_ns();
}

static int world_fetch(struct credentials_provider *provider, struct http *http, uint64_t deadline_ns,
                       struct credentials **ret_credentials, struct error *ret_error)
{
    (void)provider;
    (void)http;
    world.fetches++;
    world.limit_ns = deadline_ns - clock_monotonic_ns();
    if (world.barrier) {
        (void)pthread_barrier_wait(world.barrier);
        (void)pthread_barrier_wait(world.barrier);
    }
    if (!world.id)
        return error_set(ret_error, world.kind, "the provider failed");
    uint64_t expires_ns = world.life_ns ? clock_wall_ns() + world.life_ns : CLOCK_NEVER_NS;
    return credentials_new(world.id, "S", NULL, expires_ns, "world", ret_credentials);
}

static bool world_changed(struct credentials_provider *provider)
{
    (void)provider;
    bool changed = world.changed;
    world.changed = false;
    return changed;
}

static void world_free(struct credentials_provider *provider)
{
    (void)provider;
}

static const struct credentials_provider_ops world_ops = {
    .name = "world",
    .fetch = world_fetch,
    .changed = world_changed,
    .free = world_free,
};
static struct credentials_provider world_provider = {.ops = &world_ops};

static int begin(void **state)
{
    memset(&world, 0, sizeof(world));
    world.now_ns = START_NS;
    world.id = "A";
    world.kind = ERROR_UNREACHABLE;
    struct credentials_cache *cache = NULL;
    int r = credentials_cache_new(&world_provider, &cache);
    *state = cache;
    return r;
}

static int end(void **state)
{
    credentials_cache_free(*state);
    return 0;
}

/* Gets credentials with one minute's time and checks their id; NULL: an error is expected. */
static struct credentials *expect(struct credentials_cache *cache, const char *id, unsigned fetches)
{
    _cleanup_credentials_ struct credentials *credentials = NULL;
    struct error error = {.kind = ERROR_NONE};
    int r = credentials_cache_get(cache, NULL, clock_monotonic_ns() + MINUTE_NS, &credentials, &error);
    assert_int_equal(world.fetches, fetches);
    assert_int_equal(r == 0, id != NULL);
    if (!id) {
        assert_int_equal(error.kind, world.kind);
        assert_string_equal(error.message, "the provider failed");
        assert_null(credentials);
        return NULL;
    }
    assert_string_equal(credentials->access_key_id, id);
    return credentials; /* the cache holds it as long as the caller only compares it */
}

/* --- tests --- */

static void test_credentials(void **state)
{
    (void)state;
    struct credentials *credentials = NULL;
    assert_int_equal(credentials_new("A", "S", "T", 5, "world", &credentials), 0);
    assert_string_equal(credentials->access_key_id, "A");
    assert_string_equal(secret_bytes(credentials->secret_access_key), "S");
    assert_string_equal(secret_bytes(credentials->session_token), "T");
    assert_string_equal(credentials->provider, "world");
    assert_int_equal(credentials->expires_ns, 5);
    assert_ptr_equal(credentials_ref(credentials), credentials);
    credentials_unref(credentials);
    credentials_unref(credentials);
    credentials_unref(NULL);

    static const char *const bad[] = {"", " ", "a b", "a\n", "\x7f", "\xc3\xb6"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(credentials_new(bad[i], "S", NULL, 5, "world", &credentials), -EINVAL);
        assert_int_equal(credentials_new("A", "S", bad[i], 5, "world", &credentials), -EINVAL);
    }
}

static void test_kept_for_ever_without_expiry(void **state)
{
    struct credentials *first = expect(*state, "A", 1);
    assert_int_equal(world.limit_ns, MINUTE_NS);
    world.now_ns += 100000 * MINUTE_NS;
    assert_ptr_equal(expect(*state, "A", 1), first);
}

static void test_refreshed_before_expiry(void **state)
{
    static const struct {
        uint64_t life_ns, window_ns;
    } lives[] = {
        {360 * MINUTE_NS, 15 * MINUTE_NS},
        {60 * MINUTE_NS, 15 * MINUTE_NS},
        {20 * MINUTE_NS, 5 * MINUTE_NS},
        {4 * MINUTE_NS, 1 * MINUTE_NS},
    };
    unsigned fetches = 0;
    world.now_ns += 1;
    for (size_t i = 0; i < sizeof(lives) / sizeof(lives[0]); i++) {
        struct credentials_cache *cache = NULL;
        assert_int_equal(credentials_cache_new(&world_provider, &cache), 0);
        world.id = "A";
        world.life_ns = lives[i].life_ns;
        (void)expect(cache, "A", ++fetches);
        world.now_ns += lives[i].life_ns - lives[i].window_ns - 1;
        (void)expect(cache, "A", fetches);
        world.now_ns += 1;
        world.id = "B";
        (void)expect(cache, "B", ++fetches);
        assert_int_equal(world.limit_ns, MINUTE_NS / 2);
        credentials_cache_free(cache);
    }
    (void)state;
}

static void test_old_ones_while_refresh_fails(void **state)
{
    world.life_ns = 60 * MINUTE_NS;
    (void)expect(*state, "A", 1);
    world.id = NULL;
    world.now_ns += 50 * MINUTE_NS;
    (void)expect(*state, "A", 2); /* fails, and there is a pause */
    (void)expect(*state, "A", 2);
    world.now_ns += 11 * NS_PER_SEC;
    (void)expect(*state, "A", 3);
    world.now_ns += 60 * MINUTE_NS; /* expired by our clock: AWS decides */
    (void)expect(*state, "A", 4);
    (void)expect(*state, "A", 4);
    world.now_ns += 11 * NS_PER_SEC;
    world.id = "B";
    (void)expect(*state, "B", 5);
    (void)expect(*state, "B", 5);
}

static void test_expired_answer_is_no_refresh(void **state)
{
    world.life_ns = 60 * MINUTE_NS;
    struct credentials *first = expect(*state, "A", 1);
    world.now_ns += 61 * MINUTE_NS;
    world.life_ns = EXPIRED_FOR(2 * MINUTE_NS); /* before the end of those there are */
    world.id = "B";
    assert_ptr_equal(expect(*state, "A", 2), first);
    (void)expect(*state, "A", 2);
}

/* Our clock is so far ahead that all credentials seem to have expired. */
static void test_newer_ones_though_expired(void **state)
{
    world.life_ns = EXPIRED_FOR(60 * MINUTE_NS);
    (void)expect(*state, "A", 1);
    (void)expect(*state, "A", 1);
    world.now_ns += 30 * MINUTE_NS;
    world.id = "B";
    (void)expect(*state, "B", 2);
    (void)expect(*state, "B", 2);
}

static void test_first_failure(void **state)
{
    world.id = NULL;
    (void)expect(*state, NULL, 1);
    (void)expect(*state, NULL, 1); /* a short pause */
    world.now_ns += 2 * NS_PER_SEC;
    (void)expect(*state, NULL, 2);
    world.now_ns += 2 * NS_PER_SEC;
    world.id = "A";
    (void)expect(*state, "A", 3);
}

static void test_timeout_is_not_shared(void **state)
{
    world.id = NULL;
    world.kind = ERROR_TIMEOUT;
    (void)expect(*state, NULL, 1);
    (void)expect(*state, NULL, 2);
}

static void test_refused(void **state)
{
    struct credentials *first = credentials_ref(expect(*state, "A", 1));
    world.id = "B";
    credentials_cache_refused(*state, first);
    (void)expect(*state, "B", 2);
    credentials_cache_refused(*state, first); /* replaced already */
    (void)expect(*state, "B", 2);
    credentials_unref(first);
}

static void test_refused_and_the_same_again(void **state)
{
    struct credentials *first = expect(*state, "A", 1);
    credentials_cache_refused(*state, first);
    assert_ptr_equal(expect(*state, "A", 2), first); /* the caller sees that asking AWS again is of no use */
    credentials_cache_refused(*state, first);
    assert_ptr_equal(expect(*state, "A", 2), first); /* a pause */
    world.now_ns += 11 * NS_PER_SEC;
    credentials_cache_refused(*state, first);
    assert_ptr_equal(expect(*state, "A", 3), first);
}

/* The instance metadata service does this: in an outage it gives the old keys, which are then given another expiry. */
static void test_refused_and_the_same_keys_again(void **state)
{
    world.life_ns = 60 * MINUTE_NS;
    struct credentials *first = expect(*state, "A", 1);
    world.now_ns += 10 * MINUTE_NS;
    credentials_cache_refused(*state, first);
    assert_ptr_equal(expect(*state, "A", 2), first);
    credentials_cache_refused(*state, first);
    (void)expect(*state, "A", 2); /* a pause */
}

static void test_refused_and_others_though_expired(void **state)
{
    struct credentials *first = expect(*state, "A", 1);
    credentials_cache_refused(*state, first);
    world.life_ns = EXPIRED_FOR(MINUTE_NS);
    world.id = "B";
    (void)expect(*state, "B", 2);
}

static void test_refused_and_refresh_fails(void **state)
{
    struct credentials *first = expect(*state, "A", 1);
    world.id = NULL;
    credentials_cache_refused(*state, first);
    (void)expect(*state, NULL, 2); /* the cause is told */
    (void)expect(*state, "A", 2);  /* but AWS may think better of it */
    credentials_cache_refused(*state, first);
    (void)expect(*state, NULL, 2);
    world.now_ns += 11 * NS_PER_SEC;
    credentials_cache_refused(*state, first);
    world.id = "B";
    (void)expect(*state, "B", 3);
}

static void test_changed_files(void **state)
{
    (void)expect(*state, "A", 1);
    world.changed = true;
    world.id = "B";
    (void)expect(*state, "B", 2);
    world.changed = true;
    world.id = NULL;              /* half written */
    (void)expect(*state, "B", 2); /* not looked at so soon */
    world.now_ns += 3 * NS_PER_SEC;
    (void)expect(*state, "B", 3);
    world.changed = true;
    world.id = "C";
    world.now_ns += 3 * NS_PER_SEC;
    (void)expect(*state, "C", 4); /* in spite of the pause */
}

static void test_changed_files_while_the_provider_fails(void **state)
{
    (void)expect(*state, "A", 1);
    world.changed = true;
    world.id = NULL;
    (void)expect(*state, "A", 2);
    world.id = "B";
    (void)expect(*state, "A", 2); /* a pause */
    world.now_ns += 11 * NS_PER_SEC;
    (void)expect(*state, "B", 3);
    world.now_ns += 11 * NS_PER_SEC;
    (void)expect(*state, "B", 3);
}

/* --- several threads, in real time --- */

struct getter {
    struct credentials_cache *cache;
    uint64_t time_ns;
    int result;
    struct error error;
    char id[8];
};

static void *get(void *argument)
{
    struct getter *getter = argument;
    _cleanup_credentials_ struct credentials *credentials = NULL;
    getter->result = credentials_cache_get(getter->cache, NULL, clock_monotonic_ns() + getter->time_ns, &credentials,
                                           &getter->error);
    if (getter->result == 0)
        (void)snprintf(getter->id, sizeof(getter->id), "%s", credentials->access_key_id);
    return NULL;
}

#define GETTERS 8

static void test_single_flight(void **state)
{
    pthread_barrier_t barrier;
    pthread_t first, threads[GETTERS];
    struct getter getters[GETTERS + 1];
    for (size_t i = 0; i <= GETTERS; i++)
        getters[i] = (struct getter){.cache = *state, .time_ns = MINUTE_NS};
    getters[0].time_ns = NS_PER_SEC / 100;
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    world.now_ns = 0;
    world.barrier = &barrier;

    assert_int_equal(pthread_create(&first, NULL, get, &getters[GETTERS]), 0);
    (void)pthread_barrier_wait(&barrier); /* the fetch is under way */
    for (size_t i = 0; i < GETTERS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, get, &getters[i]), 0);
    assert_int_equal(pthread_join(threads[0], NULL), 0); /* ends at its deadline, whatever the fetch does */
    (void)pthread_barrier_wait(&barrier);
    for (size_t i = 1; i < GETTERS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_int_equal(pthread_join(first, NULL), 0);
    assert_int_equal(pthread_barrier_destroy(&barrier), 0);

    assert_int_equal(world.fetches, 1);
    assert_int_equal(getters[0].result, -ETIMEDOUT);
    assert_int_equal(getters[0].error.kind, ERROR_TIMEOUT);
    for (size_t i = 1; i <= GETTERS; i++) {
        assert_int_equal(getters[i].result, 0);
        assert_string_equal(getters[i].id, "A");
    }
}

static void test_nobody_waits_for_an_early_refresh(void **state)
{
    pthread_barrier_t barrier;
    pthread_t thread;
    struct getter getter = {.cache = *state, .time_ns = MINUTE_NS};
    world.life_ns = 60 * MINUTE_NS;
    (void)expect(*state, "A", 1);
    world.now_ns += 50 * MINUTE_NS;
    world.id = "B";
    assert_int_equal(pthread_barrier_init(&barrier, NULL, 2), 0);
    world.barrier = &barrier;
    assert_int_equal(pthread_create(&thread, NULL, get, &getter), 0);
    (void)pthread_barrier_wait(&barrier);
    (void)expect(*state, "A", 2);
    (void)pthread_barrier_wait(&barrier);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(getter.id, "B");
    assert_int_equal(pthread_barrier_destroy(&barrier), 0);
}

#define TEST(function) cmocka_unit_test_setup_teardown(function, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_credentials),
        TEST(test_kept_for_ever_without_expiry),
        TEST(test_refreshed_before_expiry),
        TEST(test_old_ones_while_refresh_fails),
        TEST(test_expired_answer_is_no_refresh),
        TEST(test_newer_ones_though_expired),
        TEST(test_first_failure),
        TEST(test_timeout_is_not_shared),
        TEST(test_refused),
        TEST(test_refused_and_the_same_again),
        TEST(test_refused_and_the_same_keys_again),
        TEST(test_refused_and_others_though_expired),
        TEST(test_refused_and_refresh_fails),
        TEST(test_changed_files),
        TEST(test_changed_files_while_the_provider_fails),
        TEST(test_single_flight),
        TEST(test_nobody_waits_for_an_early_refresh),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "world.h"

#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/log.h"

#define LONGEST_WAIT_MS 20000

/* Fetchers read it too. */
static _Atomic uint64_t now_ns;

uint64_t __wrap_clock_monotonic_ns(void);

uint64_t __wrap_clock_monotonic_ns(void)
{
    return atomic_load(&now_ns);
}

void world_pass(uint64_t interval_ns)
{
    (void)atomic_fetch_add(&now_ns, interval_ns);
}

/* --- what the cache tells --- */

__attribute__((format(printf, 2, 3))) static void note(struct world *world, const char *format, ...)
{
    size_t size = strlen(world->told);
    va_list arguments;
    va_start(arguments, format);
    /* NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): a false alarm */
    (void)vsnprintf(world->told + size, sizeof(world->told) - size, format, arguments);
    va_end(arguments);
}

static void note_secret(struct world *world, const char *what, const struct cache_secret *secret)
{
    const char *stage = cache_secret_stage(secret);
    const char *version_id = cache_secret_version_id(secret);
    note(world, "%s %s%s%s%s%s; ", what, cache_secret_id(secret), stage ? " stage " : "", stage ? stage : "",
         version_id ? " version " : "", version_id ? version_id : "");
}

static void on_changed(void *context, struct cache_secret *secret)
{
    struct world *world = context;
    note_secret(world, "changed", secret);
    if (world->on_changed)
        world->on_changed(secret);
}

static void on_stages_changed(void *context, struct cache_secret *secret, const struct stages *before)
{
    const char *current = stages_find(before, "AWSCURRENT");
    note_secret(context, "stages", secret);
    note(context, "(from %s) ", current ? current : "nothing");
}

static void on_name(void *context, const char *path, bool added)
{
    note(context, " %c%s", added ? '+' : '-', path);
}

static void on_names_changed(void *context, const struct names *before, const struct names *after)
{
    note(context, "names");
    if (before)
        names_diff(before, after, on_name, context);
    else
        note(context, " for the first time");
    note(context, "; ");
}

static void on_give_up(void *context, struct cache_secret *secret)
{
    note_secret(context, "give up", secret);
}

static void on_arrived(void *context, struct cache_secret *secret)
{
    struct world *world = context;
    if (secret)
        note_secret(world, "arrived", secret);
    else
        note(world, "arrived; ");
    world->arrived++;
}

static bool in_use(void *context, struct cache_secret *secret)
{
    const struct world *world = context;
    return !world->unused || strcmp(world->unused, cache_secret_id(secret)) != 0;
}

/* --- life --- */

int world_set_up(void **state)
{
    struct world *world = calloc(1, sizeof(*world));
    if (!world)
        return -1;
    fake_init(&world->fake);
    atomic_store(&now_ns, 1000000 * NS_PER_SEC);
    *state = world;
    return log_open(LOG_TARGET_STDERR, NULL, LOG_LEVEL_ERROR);
}

int world_tear_down(void **state)
{
    struct world *world = *state;
    fake_release(&world->fake);
    int r = cache_stop(world->cache, LONGEST_WAIT_MS * NS_PER_MS);
    fake_clear(&world->fake);
    free(world);
    return r;
}

struct cache_options world_options(void)
{
    return (struct cache_options){
        .limits = {.ttl_ns = 300 * NS_PER_SEC, .negative_ttl_ns = 10 * NS_PER_SEC, .max_stale_ns = 3600 * NS_PER_SEC},
        .timeout_ns = 5 * NS_PER_SEC,
        .list_interval_ns = 300 * NS_PER_SEC,
        .poll_ns = 60 * NS_PER_SEC,
        .cache_bytes = 1024 * 1024,
    };
}

void world_start(struct world *world, const char *const *scope_texts, const struct cache_options *options)
{
    static const char *const exact[] = {"a", NULL};
    const struct cache_events events = {world,      on_changed, on_stages_changed, on_names_changed, on_arrived,
                                        on_give_up, in_use};
    const struct cache_options defaults = world_options();
    const char *const *texts = scope_texts ? scope_texts : exact;
    struct scope *scope = NULL;
    size_t count = 0;
    while (texts[count])
        count++;
    assert_int_equal(scope_new(texts, count, &scope, NULL), 0);
    assert_int_equal(cache_new(&world->fake.source, scope, options ? options : &defaults, &events, &world->cache), 0);
}

void world_run(struct world *world, unsigned count)
{
    unsigned until = world->arrived + count;
    while (world->arrived < until) {
        struct pollfd ready = {.fd = cache_fd(world->cache), .events = POLLIN};
        assert_int_equal(poll(&ready, 1, LONGEST_WAIT_MS), 1);
        cache_dispatch(world->cache);
    }
    assert_int_equal(world->arrived, until);
}

struct cache_secret *world_open(struct world *world, const char *id)
{
    struct cache_secret *secret = NULL;
    assert_int_equal(cache_secret_open(world->cache, id, NULL, NULL, &secret), 0);
    return secret;
}

enum cache_state world_read(struct world *world, struct cache_secret *secret)
{
    uint64_t arrived_ns = clock_monotonic_ns();
    enum cache_state state = cache_secret_need(secret, arrived_ns);
    if (state != CACHE_WAIT)
        return state;
    world_run(world, 1);
    return cache_secret_need(secret, arrived_ns);
}

void assert_told(struct world *world, const char *expected)
{
    assert_string_equal(world->told, expected);
    world->told[0] = '\0';
}

void assert_asked(struct world *world, const char *expected)
{
    char text[sizeof(world->fake.asked)];
    assert_string_equal(fake_asked(&world->fake, text, sizeof(text)), expected);
}

void assert_value(const struct cache_secret *secret, const char *bytes)
{
    const struct value *value = cache_secret_value(secret);
    assert_non_null(value);
    assert_int_equal(secret_size_bytes(value->bytes), strlen(bytes));
    assert_memory_equal(secret_bytes(value->bytes), bytes, strlen(bytes));
}

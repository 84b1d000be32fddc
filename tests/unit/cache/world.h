/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A cache over a fake source, with a clock that only the test moves; it writes down what the cache tells. To be linked
 * with --wrap=clock_monotonic_ns. */

#include "base/clock.h"
#include "cache/cache.h"
#include "fake_source.h"

struct world {
    struct fake_source fake;
    struct cache *cache;
    char told[2048]; /* "changed a; arrived a; stages a; names +x -y; arrived; " */
    unsigned arrived;
    const char *unused; /* the id that nobody uses, or NULL: all are in use */
    void (*on_changed)(struct cache_secret *secret);
};

/* cmocka fixtures: *state is a struct world without a cache. */
int world_set_up(void **state);
int world_tear_down(void **state);

/* TTL 300 s, negative TTL 10 s, max-stale 1 h, timeout 5 s, listing every 300 s, poll every 60 s, 1 MiB. */
struct cache_options world_options(void);

/* Makes the cache; `scope_texts` ends in NULL. With NULL there is one exact name, "a", so that nothing is listed. */
void world_start(struct world *world, const char *const *scope_texts, const struct cache_options *options);

void world_pass(uint64_t interval_ns);

/* Waits for so many fetches to end, and takes in what they bring. */
void world_run(struct world *world, unsigned count);

struct cache_secret *world_open(struct world *world, const char *id);

/* Asks for a secret as a request that comes now, and lets what it asks for end. */
enum cache_state world_read(struct world *world, struct cache_secret *secret);

void assert_told(struct world *world, const char *expected);
void assert_asked(struct world *world, const char *expected);
void assert_value(const struct cache_secret *secret, const char *bytes);

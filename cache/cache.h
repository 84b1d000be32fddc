/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the mount knows: secrets with their values, failures and ages, and the names that exist. It decides
 * what may be served and when AWS is asked, and makes one call for any number of readers. Owned by the loop
 * thread; nothing here blocks, and nothing needs a lock. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/source.h"
#include "cache/freshness.h"
#include "cache/names.h"
#include "cache/scope.h"
#include "cache/stages.h"

struct cache;
struct cache_secret; /* one secret, or one version or stage of it */

struct cache_options {
    struct freshness_limits limits;
    uint64_t timeout_ns;       /* deadline of a fetch */
    uint64_t list_interval_ns; /* 0: names are listed once */
    uint64_t poll_ns;          /* 0: never */
    uint64_t cache_bytes;      /* above it values that nobody uses are dropped */
    bool eager;                /* what is in use is checked also when it has never had a value */
};

/* What the cache tells its user, always from within cache_dispatch() or cache_tick(). */
struct cache_events {
    void *context;
    /* The value has changed, appeared or gone. No reference to any secret may be given back in here. */
    void (*changed)(void *context, struct cache_secret *secret);
    /* Stages have moved, come or gone; `before` is how they were. */
    void (*stages_changed)(void *context, struct cache_secret *secret, const struct stages *before);
    /* Names were added and removed. `before` is NULL for the first listing. */
    void (*names_changed)(void *context, const struct names *before, const struct names *after);
    /* A fetch has ended: what waits for this secret can be tried again. NULL: the list of names has arrived (or
     * failed). Comes after the two above. */
    void (*arrived)(void *context, struct cache_secret *secret);
    /* Memory is short: give up what refers to this secret, unless it is in use. May be done later. */
    void (*give_up)(void *context, struct cache_secret *secret);
    /* Is somebody still using this secret? Asked before it is polled. */
    bool (*in_use)(void *context, struct cache_secret *secret);
};

/* `source` is borrowed, `scope` taken, `events` copied. Returns 0 or a negative errno. */
int cache_new(struct source *source, struct scope *scope, const struct cache_options *options,
              const struct cache_events *events, struct cache **ret_cache);

/* Waits for fetches under way no longer than `wait_ns`; returns -ETIMEDOUT, with nothing freed, when one is still
 * running. All references to secrets must be given back before. */
int cache_stop(struct cache *cache, uint64_t wait_ns);

/* For the loop: a descriptor to poll for reading, what to call when it is ready, and when to call cache_tick() next. */
int cache_fd(const struct cache *cache);
void cache_dispatch(struct cache *cache);
uint64_t cache_next_tick_ns(const struct cache *cache);
void cache_tick(struct cache *cache, uint64_t now_ns);

/* Checks now what is in use of a secret (a name or an ARN), unless it has this version (or NULL) already. `id` NULL:
 * everything in use, and the names (SIGHUP, a changed local file). */
void cache_check(struct cache *cache, const char *id, const char *version_id);

/* Asks now for what is in use and has no value (or has one that nothing polls) because it was never asked for, or the
 * last attempt got no answer. */
void cache_fetch_missing(struct cache *cache);

/* How the secret at a path is asked for: by its name, or by an ARN where --secret has one. The caller frees the text.
 * Returns 0, -ENOENT when the path is out of scope, or -ENOMEM. */
int cache_path_id(const struct cache *cache, const char *path, char **ret_id);

/* --- secrets --- */

/* Finds or makes the entry for an id (name or ARN) a stage and a version id (or NULL; both must agree); makes no call.
 * The caller gets a reference. Returns 0 or -ENOMEM. */
int cache_secret_open(struct cache *cache, const char *id, const char *stage, const char *version_id,
                      struct cache_secret **ret_secret);
struct cache_secret *cache_secret_ref(struct cache_secret *secret);
void cache_secret_unref(struct cache_secret *secret);
DEFINE_CLEANUP(struct cache_secret, cache_secret_unref)
#define _cleanup_cache_secret_ _cleanup_(cache_secret_unrefp)

enum cache_state {
    CACHE_READY,  /* the value may be served */
    CACHE_WAIT,   /* a fetch is under way; `arrived` will tell */
    CACHE_FAILED, /* cache_secret_error() says why */
};

/* Asks for the value on behalf of a request that arrived at `arrived_ns`. */
enum cache_state cache_secret_need(struct cache_secret *secret, uint64_t arrived_ns);

/* For a reader whose time is over while the fetch is not: may the old value be served instead? */
bool cache_secret_may_serve_stale(const struct cache_secret *secret);

const char *cache_secret_id(const struct cache_secret *secret);
const char *cache_secret_stage(const struct cache_secret *secret);         /* or NULL */
const char *cache_secret_version_id(const struct cache_secret *secret);    /* or NULL */
const struct value *cache_secret_value(const struct cache_secret *secret); /* or NULL */
const struct error *cache_secret_error(const struct cache_secret *secret); /* of the last attempt */
uint64_t cache_secret_generation(const struct cache_secret *secret);       /* changes with the value; never 0 */
uint64_t cache_secret_left_ns(const struct cache_secret *secret);          /* see freshness_left_ns() */
uint64_t cache_secret_age_ns(const struct cache_secret *secret);           /* since the last good check */
bool cache_secret_is_stale(const struct cache_secret *secret);
bool cache_secret_in_use(struct cache_secret *secret);
bool cache_secret_is_fetching(const struct cache_secret *secret);
uint64_t cache_secret_failed_ns(const struct cache_secret *secret); /* since the last attempt, when that has failed */
/* Until it is checked without anybody reading it, or CLOCK_NEVER_NS. */
uint64_t cache_secret_next_check_ns(struct cache_secret *secret);

/* The user's own pointer, NULL at first; the user must clear it before it gives its last reference back. */
void *cache_secret_data(const struct cache_secret *secret);
void cache_secret_set_data(struct cache_secret *secret, void *data);

/* Calls `each` for every secret, in the order of their ids. */
void cache_each_secret(struct cache *cache, void (*each)(void *context, struct cache_secret *secret), void *context);

/* --- versions: of secrets opened without stage and version id --- */

/* Asks for the list of versions. It is READY also where listing them is not permitted: then only some are known. */
enum cache_state cache_versions_need(struct cache_secret *secret, uint64_t arrived_ns);

/* Tells the cache what was found out by asking for a stage. */
void cache_learn_stage(struct cache_secret *secret, const char *stage, const char *version_id);

/* All that is known of versions and stages. */
const struct stages *cache_stages(const struct cache_secret *secret);

/* --- names --- */

enum names_state {
    NAMES_OFF,      /* --secret has exact names only: nothing to list */
    NAMES_LISTING,  /* the first listing is under way */
    NAMES_COMPLETE, /* listed at least once */
    NAMES_DENIED,   /* ListSecrets is not permitted */
    NAMES_FAILED,   /* no listing has succeeded yet; tried again */
};

enum names_state cache_names_state(const struct cache *cache);
const char *names_state_name(enum names_state state);
const struct error *cache_names_error(const struct cache *cache); /* of the last listing */

/* What is known to exist; never NULL, valid until the loop goes on. */
const struct names *cache_names(const struct cache *cache);
const struct scope *cache_scope(const struct cache *cache);

enum cache_call {
    CACHE_CALL_GET,      /* GetSecretValue */
    CACHE_CALL_BATCH,    /* BatchGetSecretValue */
    CACHE_CALL_VERSIONS, /* DescribeSecret */
    CACHE_CALL_LIST,     /* a listing, of however many pages */
    CACHE_CALL_COUNT
};

struct cache_counters {
    uint64_t gets; /* begun */
    uint64_t batches;
    uint64_t lists;
    uint64_t failures; /* answers for a secret, or listings, that were none */
    uint64_t failures_of[ERROR_KIND_COUNT];
    uint64_t answered[CACHE_CALL_COUNT];
    uint64_t failed[CACHE_CALL_COUNT];
};
const struct cache_counters *cache_counters(const struct cache *cache);

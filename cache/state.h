/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of cache/ share. Owned by the loop thread. */

#include "cache/cache.h"
#include "cache/complain.h"
#include "cache/fetch.h"
#include "cache/stages.h"

struct cache_secret {
    unsigned references;
    struct cache *cache;
    char *id;
    char *stage;      /* or NULL */
    char *version_id; /* or NULL; with one the value never changes */
    struct value *value;
    struct freshness known;
    struct error error;
    uint64_t generation;
    uint64_t used_ns;     /* when it was last asked for */
    uint64_t given_up_ns; /* when its user was asked to give it up */
    bool fetching;
    bool check_again; /* something may have changed since the fetch under way began */
    struct complaint complaint;
    void *data;

    /* Of entries without stage and version id: what is known of all versions. */
    struct stages stages;
    bool versions_fetching;
    uint64_t versions_ns; /* when they were listed last, or 0 */
};

struct cache {
    struct source *source;
    struct scope *scope;
    struct fetch_pool *pool;
    struct cache_options options;
    struct cache_events events;
    struct cache_counters counters;
    void *secrets; /* tsearch tree of struct cache_secret, by id, stage and version id */
    size_t secret_count;
    uint64_t value_bytes;     /* of all values */
    uint64_t batch_denied_ns; /* when BatchGetSecretValue was refused, or 0 */
    struct names *names;
    enum names_state names_state;
    struct complaint names_complaint;
    struct error names_error;
    bool listed; /* at least once */
    bool listing;
    bool list_again;
    uint64_t next_list_ns;
    uint64_t next_poll_ns;
};

/* --- secret.c --- */

void secret_entry_free(struct cache_secret *secret);
/* Gives an entry a value (taken; NULL: none). */
void secret_set_value(struct cache_secret *secret, struct value *value);
/* A version never changes. Asked for together with a stage it is only there while it has that stage. */
bool secret_is_immutable(const struct cache_secret *secret);
/* Is it checked though nobody asks? */
bool secret_is_polled(struct cache_secret *secret);
/* Drops values that nobody refers to, the least recently used first, until all fit into cache_bytes. */
void secrets_trim(struct cache *cache);

/* Counts an answer for a secret, or a listing, that was none. */
static inline void count_failure(struct cache *cache, enum error_kind kind)
{
    cache->counters.failures++;
    cache->counters.failures_of[kind]++;
}

/* --- ask.c: what is asked of the source, and what becomes of the answers --- */

/* One fetch at a time, however many wait for it. */
void ask_value(struct cache_secret *secret);
void ask_versions(struct cache_secret *secret);
/* Checks all entries in use for which `chosen` is true, in batches where that is permitted. `again`: those too whose
 * fetch is under way, once it has ended. */
void ask_many(struct cache *cache, bool (*chosen)(const struct cache_secret *secret, const void *context),
              const void *context, bool again);

void answer_value(struct job *job);
void answer_many(struct job *job);
void answer_versions(struct job *job);

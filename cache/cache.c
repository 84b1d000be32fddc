/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/cache.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cache/state.h"

/* A listing of a region's 500,000 names takes 5,000 pages; it is given more time than a reader. */
#define LIST_TIMEOUT_NS (600 * NS_PER_SEC)
#define LIST_RETRY_NS (10 * NS_PER_SEC)

static void submit_list(struct cache *cache)
{
    struct job *job = cache->listing ? NULL : calloc(1, sizeof(*job));
    if (!job)
        return;
    job->kind = JOB_LIST;
    job->deadline_ns = clock_monotonic_ns() + LIST_TIMEOUT_NS;
    job->scope = cache->scope;
    cache->listing = true;
    cache->next_list_ns = CLOCK_NEVER_NS;
    cache->counters.lists++;
    fetch_pool_submit(cache->pool, job);
}

static void finish_list(struct cache *cache, struct job *job)
{
    cache->listing = false;
    uint64_t again_ns = cache->options.list_interval_ns;
    cache->names_error = job->error;
    bool first = !cache->listed;
    _cleanup_names_ struct names *before = NULL;
    if (job->result >= 0) {
        complaint_settle(&cache->names_complaint, NULL);
        before = cache->names;
        cache->names = STEAL(job->names);
        cache->names_state = NAMES_COMPLETE;
        cache->listed = true;
        if (names_skipped(cache->names) > 0)
            complaint_skipped(&cache->names_complaint, names_skipped(cache->names));
    } else {
        count_failure(cache, job->error.kind);
        complaint_list(&cache->names_complaint, &job->error, scope_is_empty(cache->scope));
        if (job->error.kind == ERROR_ACCESS_DENIED)
            cache->names_state = NAMES_DENIED;
        else {
            if (cache->names_state == NAMES_LISTING)
                cache->names_state = NAMES_FAILED;
            again_ns = LIST_RETRY_NS;
        }
    }
    if (cache->list_again)
        again_ns = 1;
    cache->list_again = false;
    cache->next_list_ns = again_ns > 0 ? clock_monotonic_ns() + clock_jitter_ns(again_ns) : CLOCK_NEVER_NS;
    if (before)
        cache->events.names_changed(cache->events.context, first ? NULL : before, cache->names);
    cache->events.arrived(cache->events.context, NULL);
}

static void count_answer(struct cache *cache, const struct job *job)
{
    static const enum cache_call calls[] = {
        [JOB_GET] = CACHE_CALL_GET,
        [JOB_GET_MANY] = CACHE_CALL_BATCH,
        [JOB_VERSIONS] = CACHE_CALL_VERSIONS,
        [JOB_LIST] = CACHE_CALL_LIST,
    };
    uint64_t *counters = job->result < 0 ? cache->counters.failed : cache->counters.answered;
    counters[calls[job->kind]]++;
}

void cache_dispatch(struct cache *cache)
{
    struct job *next;
    while ((next = fetch_pool_take(cache->pool))) {
        _cleanup_job_ struct job *job = next;
        count_answer(cache, job);
        switch (job->kind) {
        case JOB_GET:
            answer_value(job);
            break;
        case JOB_GET_MANY:
            answer_many(job);
            break;
        case JOB_VERSIONS:
            answer_versions(job);
            break;
        case JOB_LIST:
        default:
            finish_list(cache, job);
            break;
        }
    }
}

/* --- timers --- */

uint64_t cache_next_tick_ns(const struct cache *cache)
{
    return cache->next_list_ns < cache->next_poll_ns ? cache->next_list_ns : cache->next_poll_ns;
}

static bool any(const struct cache_secret *secret, const void *context)
{
    (void)secret;
    (void)context;
    return true;
}

static void plan_poll(struct cache *cache, uint64_t now_ns)
{
    cache->next_poll_ns =
        cache->options.poll_ns > 0 ? now_ns + clock_jitter_ns(cache->options.poll_ns) : CLOCK_NEVER_NS;
}

void cache_tick(struct cache *cache, uint64_t now_ns)
{
    if (now_ns >= cache->next_list_ns)
        submit_list(cache);
    if (now_ns >= cache->next_poll_ns) {
        plan_poll(cache, now_ns);
        ask_many(cache, any, NULL, false);
    }
}

static void list_soon(struct cache *cache)
{
    if (cache->names_state == NAMES_OFF)
        return;
    cache->list_again = cache->listing;
    submit_list(cache);
}

struct hint {
    const char *id;
    const char *version_id;
};

/* Is the hint about this secret, and does it tell something new? */
static bool is_meant(const struct cache_secret *secret, const void *context)
{
    const struct hint *hint = context;
    const struct value *value = secret->value;
    bool same = strcmp(secret->id, hint->id) == 0 ||
                (value && (strcmp(value->name, hint->id) == 0 || strcmp(value->arn, hint->id) == 0));
    bool known = value && !secret->stage && hint->version_id && strcmp(value->version_id, hint->version_id) == 0;
    return same && !known;
}

void cache_check(struct cache *cache, const char *id, const char *version_id)
{
    const struct hint hint = {id, version_id};
    if (id) {
        ask_many(cache, is_meant, &hint, true);
        return;
    }
    ask_many(cache, any, NULL, true);
    list_soon(cache);
}

/* Did the last attempt, if there was one, get no answer, and will nobody else try again soon? */
static bool is_missing(const struct cache_secret *secret, const void *context)
{
    bool polled = secret->value && secret->cache->options.poll_ns > 0;
    bool unanswered = secret->known.failure == ERROR_NONE ? !secret->value : !error_is_definite(secret->known.failure);
    (void)context;
    return unanswered && !polled;
}

void cache_fetch_missing(struct cache *cache)
{
    ask_many(cache, is_missing, NULL, false);
}

/* --- life --- */

int cache_new(struct source *source, struct scope *scope, const struct cache_options *options,
              const struct cache_events *events, struct cache **ret_cache)
{
    _cleanup_scope_ struct scope *taken = scope;
    _cleanup_(names_builder_freep) struct names_builder *builder = NULL;
    _cleanup_free_ struct cache *cache = calloc(1, sizeof(*cache));
    if (!cache)
        return -ENOMEM;
    int r = names_builder_new(&builder);
    if (r >= 0)
        r = scope_add_names(scope, builder);
    if (r >= 0)
        r = names_builder_finish(builder, &cache->names);
    if (r >= 0)
        r = fetch_pool_new(source, &cache->pool);
    if (r < 0) {
        names_unref(cache->names);
        return r;
    }
    cache->source = source;
    cache->scope = STEAL(taken);
    cache->options = *options;
    cache->events = *events;
    bool list = scope_is_empty(scope) || scope_has_patterns(scope);
    cache->names_state = list ? NAMES_LISTING : NAMES_OFF;
    cache->next_list_ns = list ? 0 : CLOCK_NEVER_NS;
    plan_poll(cache, clock_monotonic_ns());
    *ret_cache = STEAL(cache);
    return 0;
}

static void free_node(void *node)
{
    secret_entry_free(node);
}

int cache_stop(struct cache *cache, uint64_t wait_ns)
{
    if (!cache)
        return 0;
    int r = fetch_pool_stop(cache->pool, wait_ns);
    if (r < 0)
        return r;
    tdestroy(cache->secrets, free_node);
    names_unref(cache->names);
    scope_free(cache->scope);
    free(cache);
    return 0;
}

int cache_fd(const struct cache *cache)
{
    return fetch_pool_fd(cache->pool);
}

/* --- what others may know --- */

enum names_state cache_names_state(const struct cache *cache)
{
    return cache->names_state;
}

const char *names_state_name(enum names_state state)
{
    static const char *const names[] = {
        [NAMES_OFF] = "off",       [NAMES_LISTING] = "listing", [NAMES_COMPLETE] = "complete",
        [NAMES_DENIED] = "denied", [NAMES_FAILED] = "failed",
    };
    return names[state];
}

const struct error *cache_names_error(const struct cache *cache)
{
    return &cache->names_error;
}

const struct names *cache_names(const struct cache *cache)
{
    return cache->names;
}

const struct scope *cache_scope(const struct cache *cache)
{
    return cache->scope;
}

int cache_path_id(const struct cache *cache, const char *path, char **ret_id)
{
    const char *listed = names_find(cache->names, path, NULL);
    if (!scope_is_empty(cache->scope) || !listed || listed[0] != '/')
        return scope_id(cache->scope, path, ret_id);
    *ret_id = strdup(listed);
    return *ret_id ? 0 : -ENOMEM;
}

const struct cache_counters *cache_counters(const struct cache *cache)
{
    return &cache->counters;
}

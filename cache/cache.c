/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/cache.h"

#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cache/complain.h"
#include "cache/fetch.h"

/* A listing of a region's 500,000 names takes 5,000 pages; it is given more time than a reader. */
#define LIST_TIMEOUT_NS (600 * NS_PER_SEC)
#define LIST_RETRY_NS (10 * NS_PER_SEC)
/* Unused entries that hold no value (names that do not exist) are dropped above this number. */
#define MAX_EMPTY_ENTRIES 4096

struct cache_secret {
    unsigned references;
    struct cache *cache;
    char *id;
    char *stage;      /* or NULL */
    char *version_id; /* or NULL */
    struct value *value;
    struct freshness known;
    struct error error;
    uint64_t generation;
    bool fetching;
    bool check_again; /* something may have changed since the fetch under way began */
    struct complaint complaint;
    void *data;
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
    struct names *names;
    enum names_state names_state;
    struct complaint names_complaint;
    struct error names_error;
    bool listing;
    bool list_again;
    uint64_t next_list_ns;
    uint64_t next_poll_ns;
};

static int compare_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int compare_secrets(const void *a, const void *b)
{
    const struct cache_secret *left = a;
    const struct cache_secret *right = b;
    int order = strcmp(left->id, right->id);
    if (order == 0)
        order = compare_text(left->stage, right->stage);
    return order != 0 ? order : compare_text(left->version_id, right->version_id);
}

static void secret_free(struct cache_secret *secret)
{
    free(secret->id);
    free(secret->stage);
    free(secret->version_id);
    value_free(secret->value);
    free(secret);
}

static void secret_drop(struct cache_secret *secret)
{
    struct cache *cache = secret->cache;
    (void)tdelete(secret, &cache->secrets, compare_secrets);
    cache->secret_count--;
    secret_free(secret);
}

struct cache_secret *cache_secret_ref(struct cache_secret *secret)
{
    secret->references++;
    return secret;
}

/* What nobody refers to stays known, because its age and its failures still count; only when there are many such
 * entries without a value, they go. */
void cache_secret_unref(struct cache_secret *secret)
{
    if (!secret || --secret->references > 0)
        return;
    if (!secret->value && !secret->fetching && secret->cache->secret_count > MAX_EMPTY_ENTRIES)
        secret_drop(secret);
}

int cache_secret_open(struct cache *cache, const char *id, const char *stage, const char *version_id,
                      struct cache_secret **ret_secret)
{
    struct cache_secret key = {
        .id = (char *)(uintptr_t)id, .stage = (char *)(uintptr_t)stage, .version_id = (char *)(uintptr_t)version_id};
    struct cache_secret **found = tfind(&key, &cache->secrets, compare_secrets);
    if (found) {
        *ret_secret = cache_secret_ref(*found);
        return 0;
    }
    struct cache_secret *secret = calloc(1, sizeof(*secret));
    if (!secret)
        return -ENOMEM;
    secret->references = 1;
    secret->cache = cache;
    secret->generation = 1;
    secret->id = strdup(id);
    secret->stage = stage ? strdup(stage) : NULL;
    secret->version_id = version_id ? strdup(version_id) : NULL;
    if (!secret->id || (stage && !secret->stage) || (version_id && !secret->version_id) ||
        !tsearch(secret, &cache->secrets, compare_secrets)) {
        secret_free(secret);
        return -ENOMEM;
    }
    cache->secret_count++;
    *ret_secret = secret;
    return 0;
}

/* --- asking --- */

static int submit_get(struct cache_secret *secret)
{
    struct cache *cache = secret->cache;
    _cleanup_job_ struct job *job = calloc(1, sizeof(*job));
    if (!job)
        return -ENOMEM;
    job->kind = JOB_GET;
    job->deadline_ns = clock_monotonic_ns() + cache->options.timeout_ns;
    job->id = strdup(secret->id);
    job->stage = secret->stage ? strdup(secret->stage) : NULL;
    job->version_id = secret->version_id ? strdup(secret->version_id) : NULL;
    if (!job->id || (secret->stage && !job->stage) || (secret->version_id && !job->version_id))
        return -ENOMEM;
    job->owner = cache_secret_ref(secret);
    secret->fetching = true;
    cache->counters.gets++;
    fetch_pool_submit(cache->pool, STEAL(job));
    return 0;
}

/* One fetch at a time, however many wait for it. */
static void fetch(struct cache_secret *secret)
{
    if (secret->fetching || submit_get(secret) >= 0)
        return;
    (void)error_set(&secret->error, ERROR_INTERNAL, "out of memory");
    secret->known.failure = ERROR_INTERNAL;
    secret->known.failed_ns = clock_monotonic_ns();
}

enum cache_state cache_secret_need(struct cache_secret *secret, uint64_t arrived_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    switch (freshness_decide(&secret->known, &secret->cache->options.limits, arrived_ns, now_ns)) {
    case FRESHNESS_SERVE:
    case FRESHNESS_SERVE_STALE:
        return CACHE_READY;
    case FRESHNESS_SERVE_STALE_AND_FETCH:
        fetch(secret);
        return CACHE_READY;
    case FRESHNESS_FAIL:
        return CACHE_FAILED;
    case FRESHNESS_FETCH:
    default:
        fetch(secret);
        return secret->fetching ? CACHE_WAIT : CACHE_FAILED;
    }
}

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

/* --- answers --- */

static bool same_value(const struct value *a, const struct value *b)
{
    return a && b && strcmp(a->version_id, b->version_id) == 0 && a->binary == b->binary &&
           secret_size_bytes(a->bytes) == secret_size_bytes(b->bytes) &&
           memcmp(secret_bytes(a->bytes), secret_bytes(b->bytes), secret_size_bytes(a->bytes)) == 0;
}

static void set_value(struct cache_secret *secret, struct value *value)
{
    value_free(secret->value);
    secret->value = value;
    secret->known.has_value = value != NULL;
}

/* Returns true when the value has changed, appeared or gone. */
static bool take_answer(struct cache_secret *secret, struct job *job)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (job->result >= 0) {
        complaint_settle(&secret->complaint, secret->id);
        secret->known.failure = ERROR_NONE;
        secret->known.checked_ns = now_ns;
        secret->error = (struct error){0};
        bool changed = !same_value(secret->value, job->value);
        set_value(secret, STEAL(job->value)); /* also when equal: its stages may have moved */
        return changed;
    }
    secret->cache->counters.failures++;
    secret->error = job->error;
    secret->known.failure = job->error.kind;
    secret->known.failed_ns = now_ns;
    complaint_read(&secret->complaint, secret->id, &job->error, secret->value != NULL);
    if (!secret->value || !error_is_definite(job->error.kind))
        return false;
    set_value(secret, NULL);
    return true;
}

static void finish_get(struct cache *cache, struct job *job)
{
    struct cache_secret *secret = job->owner;
    secret->fetching = false;
    bool changed = take_answer(secret, job);
    if (changed)
        secret->generation++;
    if (changed)
        cache->events.changed(cache->events.context, secret);
    cache->events.arrived(cache->events.context, secret);
    if (secret->check_again)
        fetch(secret);
    secret->check_again = false;
    cache_secret_unref(secret);
}

static void finish_list(struct cache *cache, struct job *job)
{
    cache->listing = false;
    uint64_t again_ns = cache->options.list_interval_ns;
    cache->names_error = job->error;
    bool first = cache->names_state != NAMES_COMPLETE;
    _cleanup_names_ struct names *before = NULL;
    if (job->result >= 0) {
        complaint_settle(&cache->names_complaint, NULL);
        before = cache->names;
        cache->names = STEAL(job->names);
        cache->names_state = NAMES_COMPLETE;
        if (names_skipped(cache->names) > 0)
            complaint_skipped(&cache->names_complaint, names_skipped(cache->names));
    } else {
        cache->counters.failures++;
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

void cache_dispatch(struct cache *cache)
{
    struct job *next;
    while ((next = fetch_pool_take(cache->pool))) {
        _cleanup_job_ struct job *job = next;
        if (job->kind == JOB_GET)
            finish_get(cache, job);
        else
            finish_list(cache, job);
    }
}

/* --- timers --- */

uint64_t cache_next_tick_ns(const struct cache *cache)
{
    return cache->next_list_ns < cache->next_poll_ns ? cache->next_list_ns : cache->next_poll_ns;
}

static void check_if_used(void *context, struct cache_secret *secret)
{
    const struct cache *cache = context;
    if (secret->references == 0 || !cache->events.in_use(cache->events.context, secret))
        return;
    secret->check_again = secret->fetching;
    fetch(secret);
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
        cache_each_secret(cache, check_if_used, cache);
    }
}

void cache_check_all(struct cache *cache)
{
    cache_each_secret(cache, check_if_used, cache);
    if (cache->names_state == NAMES_OFF)
        return;
    cache->list_again = cache->listing;
    submit_list(cache);
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
    secret_free(node);
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

struct walk {
    void (*each)(void *context, struct cache_secret *secret);
    void *context;
};

static void visit(const void *node, VISIT order, void *closure)
{
    const struct walk *walk = closure;
    if (order == postorder || order == leaf)
        walk->each(walk->context, *(struct cache_secret *const *)node);
}

void cache_each_secret(struct cache *cache, void (*each)(void *context, struct cache_secret *secret), void *context)
{
    struct walk walk = {each, context};
    twalk_r(cache->secrets, visit, &walk);
}

bool cache_secret_may_serve_stale(const struct cache_secret *secret)
{
    return secret->value && cache_secret_age_ns(secret) <= secret->cache->options.limits.max_stale_ns;
}

const char *cache_secret_id(const struct cache_secret *secret)
{
    return secret->id;
}

const struct value *cache_secret_value(const struct cache_secret *secret)
{
    return secret->value;
}

const struct error *cache_secret_error(const struct cache_secret *secret)
{
    return &secret->error;
}

uint64_t cache_secret_generation(const struct cache_secret *secret)
{
    return secret->generation;
}

uint64_t cache_secret_left_ns(const struct cache_secret *secret)
{
    return freshness_left_ns(&secret->known, &secret->cache->options.limits, clock_monotonic_ns());
}

uint64_t cache_secret_age_ns(const struct cache_secret *secret)
{
    return clock_monotonic_ns() - secret->known.checked_ns;
}

bool cache_secret_is_stale(const struct cache_secret *secret)
{
    return secret->value && secret->known.failure != ERROR_NONE;
}

void *cache_secret_data(const struct cache_secret *secret)
{
    return secret->data;
}

void cache_secret_set_data(struct cache_secret *secret, void *data)
{
    secret->data = data;
}

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

const struct cache_counters *cache_counters(const struct cache *cache)
{
    return &cache->counters;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The entries of the cache: one for each (id, stage, version id) that was ever asked for. */
#include <errno.h>
#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "cache/state.h"

/* Unused entries that hold no value (names that do not exist) are dropped above this number. */
#define MAX_EMPTY_ENTRIES 4096

static int compare_text(const char *a, const char *b)
{
    return strcmp(a ? a : "", b ? b : "");
}

static int compare_entries(const void *a, const void *b)
{
    const struct cache_secret *left = a;
    const struct cache_secret *right = b;
    int order = strcmp(left->id, right->id);
    if (order == 0)
        order = compare_text(left->stage, right->stage);
    return order != 0 ? order : compare_text(left->version_id, right->version_id);
}

void secret_entry_free(struct cache_secret *secret)
{
    free(secret->id);
    free(secret->stage);
    free(secret->version_id);
    value_free(secret->value);
    stages_clear(&secret->stages);
    free(secret);
}

static void drop(struct cache_secret *secret)
{
    struct cache *cache = secret->cache;
    secret_set_value(secret, NULL);
    (void)tdelete(secret, &cache->secrets, compare_entries);
    cache->secret_count--;
    secret_entry_free(secret);
}

static bool is_idle(const struct cache_secret *secret)
{
    return secret->references == 0 && !secret->fetching && !secret->versions_fetching;
}

struct cache_secret *cache_secret_ref(struct cache_secret *secret)
{
    secret->references++;
    return secret;
}

/* What nobody refers to stays known, because its age and its failures still count, until memory is short or there
 * are many entries without a value. */
void cache_secret_unref(struct cache_secret *secret)
{
    if (!secret || --secret->references > 0)
        return;
    const struct cache *cache = secret->cache;
    bool too_many =
        secret->value ? cache->value_bytes > cache->options.cache_bytes : cache->secret_count > MAX_EMPTY_ENTRIES;
    if (too_many && is_idle(secret))
        drop(secret);
}

void secret_set_value(struct cache_secret *secret, struct value *value)
{
    struct cache *cache = secret->cache;
    if (secret->value)
        cache->value_bytes -= secret_size_bytes(secret->value->bytes);
    if (value)
        cache->value_bytes += secret_size_bytes(value->bytes);
    value_free(secret->value);
    secret->value = value;
    secret->known.has_value = value != NULL;
}

struct oldest {
    bool idle; /* look for what nobody refers to; else for what somebody might give up */
    struct cache_secret *found;
};

static void note_oldest(void *context, struct cache_secret *secret)
{
    struct oldest *oldest = context;
    bool candidate = oldest->idle ? is_idle(secret) : secret->references > 0 && secret->given_up_ns <= secret->used_ns;
    if (secret->value && candidate && (!oldest->found || secret->used_ns < oldest->found->used_ns))
        oldest->found = secret;
}

static struct cache_secret *find_oldest(struct cache *cache, bool idle)
{
    struct oldest oldest = {idle, NULL};
    cache_each_secret(cache, note_oldest, &oldest);
    return oldest.found;
}

void secrets_trim(struct cache *cache)
{
    struct cache_secret *secret;
    while (cache->value_bytes > cache->options.cache_bytes && (secret = find_oldest(cache, true)))
        drop(secret);
    /* The kernel remembers what was read long after it was closed. What it forgets when asked is dropped then. */
    uint64_t kept_bytes = cache->value_bytes;
    while (kept_bytes > cache->options.cache_bytes && (secret = find_oldest(cache, false))) {
        secret->given_up_ns = clock_monotonic_ns();
        kept_bytes -= secret_size_bytes(secret->value->bytes);
        cache->events.give_up(cache->events.context, secret);
    }
}

/* --- finding --- */

struct search {
    const char *id;
    const char *version_id;
    struct cache_secret *found;
};

/* A secret that is known by its name has its ARN in its value. */
static void match_arn(void *context, struct cache_secret *secret)
{
    struct search *search = context;
    if (!secret->stage && !secret->version_id && secret->value && strcmp(secret->value->arn, search->id) == 0)
        search->found = secret;
}

/* Another entry that holds the very version. */
static void match_version(void *context, struct cache_secret *secret)
{
    struct search *search = context;
    if (secret->value && strcmp(secret->id, search->id) == 0 &&
        strcmp(secret->value->version_id, search->version_id) == 0)
        search->found = secret;
}

static int add_entry(struct cache *cache, const struct cache_secret *key, struct cache_secret **ret_secret)
{
    struct cache_secret *secret = calloc(1, sizeof(*secret));
    if (!secret)
        return -ENOMEM;
    secret->references = 1;
    secret->cache = cache;
    secret->generation = 1;
    secret->used_ns = clock_monotonic_ns();
    secret->id = strdup(key->id);
    secret->stage = key->stage ? strdup(key->stage) : NULL;
    secret->version_id = key->version_id ? strdup(key->version_id) : NULL;
    if (!secret->id || (key->stage && !secret->stage) || (key->version_id && !secret->version_id) ||
        !tsearch(secret, &cache->secrets, compare_entries)) {
        secret_entry_free(secret);
        return -ENOMEM;
    }
    cache->secret_count++;
    *ret_secret = secret;
    return 0;
}

/* A new entry for a version that is known already, as the current one or by its stage, costs no call. */
static int borrow_value(struct cache_secret *secret)
{
    struct search search = {.id = secret->id, .version_id = secret->version_id};
    struct value *copy;
    cache_each_secret(secret->cache, match_version, &search);
    if (!search.found || search.found == secret)
        return 0;
    int r = value_copy(search.found->value, &copy);
    if (r < 0)
        return r;
    secret_set_value(secret, copy);
    secret->known.checked_ns = search.found->known.checked_ns;
    return 0;
}

int cache_secret_open(struct cache *cache, const char *id, const char *stage, const char *version_id,
                      struct cache_secret **ret_secret)
{
    if (stage && !version_id && strcmp(stage, "AWSCURRENT") == 0)
        stage = NULL;
    struct cache_secret key = {
        .id = (char *)(uintptr_t)id, .stage = (char *)(uintptr_t)stage, .version_id = (char *)(uintptr_t)version_id};
    struct cache_secret **known = tfind(&key, &cache->secrets, compare_entries);
    struct search by_arn = {.id = id};
    if (!known && !stage && !version_id && strncmp(id, "arn:", 4) == 0)
        cache_each_secret(cache, match_arn, &by_arn);
    if (known || by_arn.found) {
        *ret_secret = cache_secret_ref(known ? *known : by_arn.found);
        return 0;
    }
    _cleanup_cache_secret_ struct cache_secret *secret = NULL;
    int r = add_entry(cache, &key, &secret);
    if (r >= 0 && version_id && !stage)
        r = borrow_value(secret);
    if (r >= 0)
        *ret_secret = STEAL(secret);
    return r;
}

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

bool secret_is_immutable(const struct cache_secret *secret)
{
    return secret->version_id && !secret->stage && secret->value;
}

/* What has never had a value is asked for when somebody wants it. */
bool secret_is_polled(struct cache_secret *secret)
{
    bool had_value = secret->value || secret->generation > 1 || secret->cache->options.eager;
    return (!secret->version_id || secret->stage) && had_value && cache_secret_in_use(secret);
}

void cache_learn_stage(struct cache_secret *secret, const char *stage, const char *version_id)
{
    (void)stages_put(&secret->stages, version_id, stage);
}

const struct stages *cache_stages(const struct cache_secret *secret)
{
    return &secret->stages;
}

/* --- what others may know --- */

bool cache_secret_may_serve_stale(const struct cache_secret *secret)
{
    return secret->value && cache_secret_age_ns(secret) <= secret->cache->options.limits.max_stale_ns;
}

const char *cache_secret_id(const struct cache_secret *secret)
{
    return secret->id;
}

const char *cache_secret_stage(const struct cache_secret *secret)
{
    return secret->stage;
}

const char *cache_secret_version_id(const struct cache_secret *secret)
{
    return secret->version_id;
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
    if (secret_is_immutable(secret))
        return secret->cache->options.limits.ttl_ns;
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

bool cache_secret_in_use(struct cache_secret *secret)
{
    struct cache *cache = secret->cache;
    return secret->references > 0 && cache->events.in_use(cache->events.context, secret);
}

bool cache_secret_is_fetching(const struct cache_secret *secret)
{
    return secret->fetching;
}

uint64_t cache_secret_failed_ns(const struct cache_secret *secret)
{
    return clock_monotonic_ns() - secret->known.failed_ns;
}

uint64_t cache_secret_next_check_ns(struct cache_secret *secret)
{
    uint64_t poll_ns = secret->cache->next_poll_ns;
    uint64_t now_ns = clock_monotonic_ns();
    if (poll_ns == CLOCK_NEVER_NS || !secret_is_polled(secret))
        return CLOCK_NEVER_NS;
    return poll_ns > now_ns ? poll_ns - now_ns : 0;
}

void *cache_secret_data(const struct cache_secret *secret)
{
    return secret->data;
}

void cache_secret_set_data(struct cache_secret *secret, void *data)
{
    secret->data = data;
}

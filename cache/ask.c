/* SPDX-License-Identifier: Apache-2.0 */

/* What is asked of the source, and what becomes of the answers. However many readers wait for a secret, it is asked
 * for once; and what is merely checked goes twenty to a call where BatchGetSecretValue is permitted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "cache/state.h"

/* A refused BatchGetSecretValue is tried again after this time: policies change. */
#define BATCH_AGAIN_NS (3600 * NS_PER_SEC)

static struct job *new_job(const struct cache *cache, enum job_kind kind)
{
    struct job *job = calloc(1, sizeof(*job));
    if (!job)
        return NULL;
    job->kind = kind;
    job->deadline_ns = clock_monotonic_ns() + cache->options.timeout_ns;
    return job;
}

static int copy_text(const char *text, char **ret_copy)
{
    *ret_copy = text ? strdup(text) : NULL;
    return text && !*ret_copy ? -ENOMEM : 0;
}

static int submit(struct cache_secret *secret, enum job_kind kind)
{
    struct cache *cache = secret->cache;
    _cleanup_job_ struct job *job = new_job(cache, kind);
    if (!job || copy_text(secret->id, &job->id) < 0 || copy_text(secret->stage, &job->stage) < 0 ||
        copy_text(secret->version_id, &job->version_id) < 0)
        return -ENOMEM;
    job->owner = cache_secret_ref(secret);
    cache->counters.gets += kind == JOB_GET;
    fetch_pool_submit(cache->pool, STEAL(job));
    return 0;
}

void ask_value(struct cache_secret *secret)
{
    if (secret->fetching)
        return;
    secret->fetching = submit(secret, JOB_GET) >= 0;
    if (secret->fetching)
        return;
    (void)error_set(&secret->error, ERROR_INTERNAL, "out of memory");
    secret->known.failure = ERROR_INTERNAL;
    secret->known.failed_ns = clock_monotonic_ns();
}

void ask_versions(struct cache_secret *secret)
{
    if (secret->versions_fetching || !secret->cache->source->ops->versions)
        return;
    secret->versions_fetching = submit(secret, JOB_VERSIONS) >= 0;
}

/* --- many at once --- */

struct batch {
    struct cache *cache;
    bool (*chosen)(const struct cache_secret *secret, const void *context);
    const void *context;
    bool again;      /* what is being fetched just now may be old news: fetch it once more */
    struct job *job; /* being filled, or NULL */
};

static bool may_batch(struct cache *cache)
{
    if (cache->batch_denied_ns > 0 && clock_monotonic_ns() - cache->batch_denied_ns > BATCH_AGAIN_NS)
        cache->batch_denied_ns = 0;
    return cache->source->ops->get_many && cache->batch_denied_ns == 0;
}

static void flush_batch(struct batch *batch)
{
    if (!batch->job)
        return;
    batch->cache->counters.batches++;
    fetch_pool_submit(batch->cache->pool, STEAL(batch->job));
}

static struct job *new_batch(const struct cache *cache)
{
    _cleanup_job_ struct job *job = new_job(cache, JOB_GET_MANY);
    if (job)
        job->many = calloc(SOURCE_MAX_BATCH, sizeof(*job->many));
    return job && job->many ? STEAL(job) : NULL;
}

static void add_to_batch(struct batch *batch, struct cache_secret *secret)
{
    if (!batch->job)
        batch->job = new_batch(batch->cache);
    struct job *job = batch->job;
    char *id = job ? strdup(secret->id) : NULL;
    if (!id) {
        ask_value(secret);
        return;
    }
    job->many[job->many_count++] = (struct job_item){.id = id, .owner = cache_secret_ref(secret)};
    secret->fetching = true;
    if (job->many_count == SOURCE_MAX_BATCH)
        flush_batch(batch);
}

static void consider(void *context, struct cache_secret *secret)
{
    struct batch *batch = context;
    struct cache *cache = batch->cache;
    if (!secret_is_polled(secret) || !batch->chosen(secret, batch->context))
        return;
    if (secret->fetching) {
        secret->check_again = secret->check_again || batch->again;
        return;
    }
    if (secret->stage || !may_batch(cache)) /* a batch has current values only */
        ask_value(secret);
    else
        add_to_batch(batch, secret);
}

void ask_many(struct cache *cache, bool (*chosen)(const struct cache_secret *secret, const void *context),
              const void *context, bool again)
{
    struct batch batch = {cache, chosen, context, again, NULL};
    cache_each_secret(cache, consider, &batch);
    /* One alone needs no permission for batches. */
    if (batch.job && batch.job->many_count == 1) {
        struct cache_secret *secret = batch.job->many[0].owner;
        secret->fetching = false;
        ask_value(secret);
        cache_secret_unref(secret);
        job_free(batch.job);
        return;
    }
    flush_batch(&batch);
}

/* --- answers --- */

static bool same_value(const struct value *a, const struct value *b)
{
    return a && b && strcmp(a->version_id, b->version_id) == 0 && a->binary == b->binary &&
           secret_size_bytes(a->bytes) == secret_size_bytes(b->bytes) &&
           memcmp(secret_bytes(a->bytes), secret_bytes(b->bytes), secret_size_bytes(a->bytes)) == 0;
}

static void tell_changed(struct cache_secret *secret)
{
    struct cache *cache = secret->cache;
    secret->generation++;
    cache->events.changed(cache->events.context, secret);
}

/* A secret that has been revoked or deleted takes its versions along. */
static void drop_version(void *context, struct cache_secret *other)
{
    const struct cache_secret *gone = context;
    if (other == gone || !other->value || strcmp(other->id, gone->id) != 0)
        return;
    other->error = gone->error;
    other->known.failure = gone->known.failure;
    other->known.failed_ns = gone->known.failed_ns;
    secret_set_value(other, NULL);
    tell_changed(other);
}

/* After a rotation the values of other stages are no longer fresh. */
static void expire_stage(void *context, struct cache_secret *other)
{
    const struct cache_secret *rotated = context;
    if (other->stage && strcmp(other->id, rotated->id) == 0)
        other->known.expired = true;
}

/* Takes the stages of a current value into what is known. Nothing is news where nothing was known. */
static void take_stages(struct cache_secret *secret, const struct value *value)
{
    struct cache *cache = secret->cache;
    _cleanup_stages_ struct stages before = {0};
    bool known = secret->stages.count > 0 && stages_copy(&secret->stages, &before) >= 0;
    if (stages_put_current(&secret->stages, value) <= 0 || !known)
        return;
    cache_each_secret(cache, expire_stage, secret);
    cache->events.stages_changed(cache->events.context, secret, &before);
    if (secret->versions_ns > 0) /* somebody has listed them: tell where the other stages are now */
        ask_versions(secret);
}

static void take_value(struct cache_secret *secret, struct value *value)
{
    struct cache *cache = secret->cache;
    complaint_settle(&secret->complaint, secret->id);
    secret->known.failure = ERROR_NONE;
    secret->known.checked_ns = clock_monotonic_ns();
    secret->known.expired = false;
    secret->error = (struct error){0};
    bool changed = !same_value(secret->value, value);
    secret_set_value(secret, value); /* also when it is equal: its stages may have moved */
    if (changed)
        tell_changed(secret);
    if (!secret->stage && !secret->version_id)
        take_stages(secret, secret->value);
    secrets_trim(cache);
}

static void take_failure(struct cache_secret *secret, const struct error *error)
{
    struct cache *cache = secret->cache;
    bool definite = error_is_definite(error->kind);
    count_failure(cache, error->kind);
    secret->error = *error;
    secret->known.failure = error->kind;
    secret->known.failed_ns = clock_monotonic_ns();
    complaint_read(&secret->complaint, secret->id, error, secret->value != NULL);
    if (!secret->value || !definite)
        return;
    secret_set_value(secret, NULL);
    tell_changed(secret);
    if (!secret->stage && !secret->version_id)
        cache_each_secret(cache, drop_version, secret);
}

/* Ends a fetch: `value` is taken; NULL with an error. Gives the job's reference back. */
static void finish(struct cache_secret *secret, struct value *value, const struct error *error)
{
    struct cache *cache = secret->cache;
    secret->fetching = false;
    if (value)
        take_value(secret, value);
    else
        take_failure(secret, error);
    cache->events.arrived(cache->events.context, secret);
    if (secret->check_again)
        ask_value(secret);
    secret->check_again = false;
    cache_secret_unref(secret);
}

void answer_value(struct job *job)
{
    finish(job->owner, STEAL(job->value), &job->error);
}

void answer_many(struct job *job)
{
    for (size_t i = 0; i < job->many_count; i++) {
        struct cache_secret *secret = job->many[i].owner;
        struct cache *cache = secret->cache;
        if (job->result < 0 && job->error.kind == ERROR_ACCESS_DENIED) {
            if (cache->batch_denied_ns == 0)
                log_info("secretsmanager:BatchGetSecretValue is not permitted: secrets are checked one by one");
            cache->batch_denied_ns = clock_monotonic_ns();
            secret->fetching = false;
            ask_value(secret);
            cache_secret_unref(secret);
        } else
            finish(secret, STEAL(job->many[i].value), job->result < 0 ? &job->error : &job->many[i].error);
    }
}

void answer_versions(struct job *job)
{
    struct cache_secret *secret = job->owner;
    struct cache *cache = secret->cache;
    bool listed_before = secret->versions_ns > 0;
    secret->versions_fetching = false;
    secret->versions_ns = clock_monotonic_ns();
    if (job->result >= 0) {
        _cleanup_stages_ struct stages before = secret->stages;
        secret->stages = job->stages;
        job->stages = (struct stages){0};
        if (secret->value) /* it is fresher than a listing */
            (void)stages_put_current(&secret->stages, secret->value);
        if (listed_before)
            cache->events.stages_changed(cache->events.context, secret, &before);
    } else
        log_debug("versions of \"%s\" cannot be listed: %s", secret->id, job->error.message);
    cache->events.arrived(cache->events.context, secret);
    cache_secret_unref(secret);
}

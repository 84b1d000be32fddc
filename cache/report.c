/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/report.h"

#include <errno.h>

#include "base/clock.h"
#include "cache/state.h"

struct selection {
    void (*each)(void *context, struct cache_secret *secret);
    void *context;
    bool in_use; /* these now, or the others */
    size_t count;
};

static void consider(void *context, struct cache_secret *secret)
{
    struct selection *selection = context;
    bool asked_for = cache_secret_value(secret) || cache_secret_error(secret)->kind != ERROR_NONE ||
                     cache_secret_is_fetching(secret);
    if (asked_for && cache_secret_in_use(secret) == selection->in_use && selection->count++ < CACHE_REPORT_MAX_SECRETS)
        selection->each(selection->context, secret);
}

size_t cache_report_each(struct cache *cache, void (*each)(void *context, struct cache_secret *secret), void *context)
{
    struct selection selection = {each, context, true, 0};
    cache_each_secret(cache, consider, &selection);
    selection.in_use = false;
    cache_each_secret(cache, consider, &selection);
    return selection.count > CACHE_REPORT_MAX_SECRETS ? selection.count - CACHE_REPORT_MAX_SECRETS : 0;
}

/* Builders: each returns a tree owned by the caller, or NULL when out of memory. */

static struct json *calls_json(const struct cache *cache)
{
    const struct cache_counters *counters = cache_counters(cache);
    const uint64_t describes = counters->answered[CACHE_CALL_VERSIONS] + counters->failed[CACHE_CALL_VERSIONS];
    struct push_status push = {0};
    struct json *calls = json_new_object();
    uint64_t wire = cache->source->ops->call_count ? cache->source->ops->call_count(cache->source) : 0;
    if (cache->source->ops->push_status)
        cache->source->ops->push_status(cache->source, &push);
    if (calls && json_put_int(calls, "wire", (int64_t)wire) >= 0 &&
        json_put_int(calls, "queue", (int64_t)push.calls) >= 0 &&
        json_put_int(calls, "get", (int64_t)counters->gets) >= 0 &&
        json_put_int(calls, "batch", (int64_t)counters->batches) >= 0 &&
        json_put_int(calls, "describe", (int64_t)describes) >= 0 &&
        json_put_int(calls, "list", (int64_t)counters->lists) >= 0 &&
        json_put_int(calls, "failed", (int64_t)counters->failures) >= 0)
        return calls;
    json_free(calls);
    return NULL;
}

static struct json *push_json(const struct cache *cache)
{
    struct push_status push = {.state = "off"};
    struct json *json = json_new_object();
    if (cache->source->ops->push_status)
        cache->source->ops->push_status(cache->source, &push);
    if (json && json_put_text(json, "state", push.state) >= 0 && json_put_text(json, "queue", push.queue) >= 0 &&
        json_put_int(json, "received", (int64_t)push.received) >= 0 &&
        json_put_int(json, "unrecognized", (int64_t)push.unrecognized) >= 0)
        return json;
    json_free(json);
    return NULL;
}

static struct json *names_json(const struct cache *cache)
{
    const struct names *known = cache_names(cache);
    struct json *names = json_new_object();
    if (names && json_put_text(names, "state", names_state_name(cache_names_state(cache))) >= 0 &&
        json_put_int(names, "listed", (int64_t)names_count(known)) >= 0 &&
        json_put_int(names, "skipped", (int64_t)names_skipped(known)) >= 0)
        return names;
    json_free(names);
    return NULL;
}

static struct json *error_json(const struct cache_secret *secret)
{
    const struct error *failure = cache_secret_error(secret);
    struct json *error = json_new_object();
    if (error && json_put_text(error, "kind", error_kind_name(failure->kind)) >= 0 &&
        json_put_text(error, "code", failure->code) >= 0 && json_put_text(error, "message", failure->message) >= 0 &&
        json_put_text(error, "request_id", failure->request_id) >= 0 &&
        json_put_int(error, "seconds_ago", (int64_t)(cache_secret_failed_ns(secret) / NS_PER_SEC)) >= 0)
        return error;
    json_free(error);
    return NULL;
}

static int put_value(struct json *object, const struct cache_secret *secret, const struct value *value)
{
    struct json *stages = json_new_array();
    int r = stages ? 0 : -ENOMEM;
    for (size_t i = 0; i < value->stage_count && r >= 0; i++)
        r = json_append_text(stages, value->stages[i]);
    if (r < 0) {
        json_free(stages);
        return r;
    }
    r = json_put(object, "stages", stages);
    if (r >= 0)
        r = json_put_text(object, "name", value->name);
    if (r >= 0)
        r = json_put_text(object, "arn", value->arn);
    if (r >= 0)
        r = json_put_text(object, "version_id", value->version_id);
    if (r >= 0)
        r = json_put_int(object, "bytes", (int64_t)secret_size_bytes(value->bytes));
    if (r >= 0)
        r = json_put_int(object, "age_seconds", (int64_t)(cache_secret_age_ns(secret) / NS_PER_SEC));
    return r;
}

static void append_secret(void *context, struct cache_secret *secret)
{
    struct json *secrets = context;
    const struct value *value = cache_secret_value(secret);
    uint64_t next_check_ns = cache_secret_next_check_ns(secret);
    struct json *object = json_new_object();
    int r = object ? json_put_text(object, "id", cache_secret_id(secret)) : -ENOMEM;
    if (r >= 0)
        r = json_put_text(object, "asked_stage", cache_secret_stage(secret));
    if (r >= 0)
        r = json_put_text(object, "asked_version_id", cache_secret_version_id(secret));
    if (r >= 0 && value)
        r = put_value(object, secret, value);
    if (r >= 0)
        r = json_put_bool(object, "in_use", cache_secret_in_use(secret));
    if (r >= 0)
        r = json_put_bool(object, "stale", cache_secret_is_stale(secret));
    if (r >= 0)
        r = json_put_bool(object, "fetching", cache_secret_is_fetching(secret));
    if (r >= 0 && next_check_ns != CLOCK_NEVER_NS)
        r = json_put_int(object, "next_check_seconds", (int64_t)(next_check_ns / NS_PER_SEC));
    if (r >= 0 && cache_secret_error(secret)->kind != ERROR_NONE)
        r = json_put(object, "error", error_json(secret));
    if (r >= 0)
        (void)json_append(secrets, object);
    else
        json_free(object);
}

static int put_secrets(struct json *status, struct cache *cache)
{
    struct json *secrets = json_new_array();
    if (!secrets)
        return -ENOMEM;
    size_t more = cache_report_each(cache, append_secret, secrets);
    int r = json_put(status, "secrets", secrets);
    return r < 0 ? r : json_put_int(status, "secrets_omitted", (int64_t)more);
}

int cache_report(struct cache *cache, struct json *status)
{
    int r = json_put(status, "calls", calls_json(cache));
    if (r >= 0)
        r = json_put(status, "push", push_json(cache));
    if (r >= 0)
        r = json_put(status, "names", names_json(cache));
    return r < 0 ? r : put_secrets(status, cache);
}

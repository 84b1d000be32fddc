/* SPDX-License-Identifier: Apache-2.0 */

/* /.secretsfs/status.json */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "fs/self.h"

static const char *const operation_names[OP_COUNT] = {
    [OP_LOOKUP] = "lookup",   [OP_GETATTR] = "getattr",   [OP_READ] = "read",
    [OP_READDIR] = "readdir", [OP_GETXATTR] = "getxattr", [OP_LISTXATTR] = "listxattr",
    [OP_OPEN] = "open",       [OP_OPENDIR] = "opendir",   [OP_READLINK] = "readlink",
};

const char *self_operation_name(enum operation operation)
{
    return operation_names[operation];
}

/* Builders: each returns a tree owned by the caller, or NULL when out of memory. */

static struct json *requests_json(const struct fs *fs)
{
    struct json *requests = json_new_object();
    uint64_t total = 0;
    int r = requests ? 0 : -ENOMEM;
    for (size_t i = 0; i < OP_COUNT && r >= 0; i++) {
        r = json_put_int(requests, operation_names[i], (int64_t)fs->counters[i]);
        total += fs->counters[i];
    }
    if (r >= 0)
        r = json_put_int(requests, "total", (int64_t)total);
    if (r >= 0)
        return requests;
    json_free(requests);
    return NULL;
}

static struct json *calls_json(const struct fs *fs)
{
    const struct cache_counters *counters = cache_counters(fs->cache);
    const uint64_t describes = counters->answered[CACHE_CALL_VERSIONS] + counters->failed[CACHE_CALL_VERSIONS];
    struct push_status push = {0};
    struct json *calls = json_new_object();
    uint64_t wire = fs->source->ops->call_count ? fs->source->ops->call_count(fs->source) : 0;
    if (fs->source->ops->push_status)
        fs->source->ops->push_status(fs->source, &push);
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

static struct json *push_json(const struct fs *fs)
{
    struct push_status push = {.state = "off"};
    struct json *json = json_new_object();
    if (fs->source->ops->push_status)
        fs->source->ops->push_status(fs->source, &push);
    if (json && json_put_text(json, "state", push.state) >= 0 && json_put_text(json, "queue", push.queue) >= 0 &&
        json_put_int(json, "received", (int64_t)push.received) >= 0 &&
        json_put_int(json, "unrecognized", (int64_t)push.unrecognized) >= 0)
        return json;
    json_free(json);
    return NULL;
}

static struct json *names_json(const struct fs *fs)
{
    const struct names *known = cache_names(fs->cache);
    struct json *names = json_new_object();
    if (names && json_put_text(names, "state", names_state_name(cache_names_state(fs->cache))) >= 0 &&
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

static int put_secrets(struct json *status, const struct fs *fs)
{
    struct json *secrets = json_new_array();
    if (!secrets)
        return -ENOMEM;
    size_t more = self_each_secret(fs, append_secret, secrets);
    int r = json_put(status, "secrets", secrets);
    return r < 0 ? r : json_put_int(status, "secrets_omitted", (int64_t)more);
}

static struct json *status_json(const struct fs *fs)
{
    struct json *status = json_new_object();
    uint64_t up_ns = clock_monotonic_ns() - fs->started_ns;
    if (status && json_put_text(status, "version", fs->options.version) >= 0 &&
        json_put_text(status, "source", fs->source->ops->describe(fs->source)) >= 0 &&
        json_put_text(status, "mountpoint", fs->options.mountpoint) >= 0 &&
        json_put_bool(status, "ready", fs->ready) >= 0 &&
        json_put_double(status, "uptime_seconds", (double)up_ns / (double)NS_PER_SEC) >= 0 &&
        json_put(status, "requests", requests_json(fs)) >= 0 && json_put(status, "calls", calls_json(fs)) >= 0 &&
        json_put(status, "push", push_json(fs)) >= 0 && json_put(status, "names", names_json(fs)) >= 0 &&
        put_secrets(status, fs) >= 0)
        return status;
    json_free(status);
    return NULL;
}

int self_status(const struct fs *fs, struct secret **ret_text)
{
    _cleanup_json_ struct json *status = status_json(fs);
    const char *json = status ? json_format(status, true) : NULL;
    _cleanup_free_ char *text = NULL;
    if (!json || asprintf(&text, "%s\n", json) < 0)
        return -ENOMEM;
    return secret_new(text, strlen(text), ret_text);
}

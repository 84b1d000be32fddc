/* SPDX-License-Identifier: Apache-2.0 */

/* /.secretsfs/status.json */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/json.h"
#include "cache/report.h"
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

static struct json *status_json(const struct fs *fs)
{
    struct json *status = json_new_object();
    uint64_t up_ns = clock_monotonic_ns() - fs->started_ns;
    if (status && json_put_text(status, "version", fs->options.version) >= 0 &&
        json_put_text(status, "source", fs->source->ops->describe(fs->source)) >= 0 &&
        json_put_text(status, "mountpoint", fs->options.mountpoint) >= 0 &&
        json_put_bool(status, "ready", fs->ready) >= 0 &&
        json_put_double(status, "uptime_seconds", (double)up_ns / (double)NS_PER_SEC) >= 0 &&
        json_put(status, "requests", requests_json(fs)) >= 0 && cache_report(fs->cache, status) >= 0)
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

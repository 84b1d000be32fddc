/* SPDX-License-Identifier: Apache-2.0 */

/* DIR/.secretsfs/status.json: as the mount's, as of when it was written. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cache/report.h"
#include "sync/state.h"

static struct json *status_json(struct sync *sync)
{
    struct json *status = json_new_object();
    uint64_t up_ns = clock_monotonic_ns() - sync->started_ns;
    if (status && json_put_text(status, "version", sync->options.version) >= 0 &&
        json_put_text(status, "source", sync->source->ops->describe(sync->source)) >= 0 &&
        json_put_text(status, "directory", sync->options.directory) >= 0 &&
        json_put_bool(status, "ready", sync->ready) >= 0 && json_put_bool(status, "once", sync->options.once) >= 0 &&
        json_put_double(status, "uptime_seconds", (double)up_ns / (double)NS_PER_SEC) >= 0 &&
        json_put_int(status, "entries", (int64_t)sync->made.count) >= 0 &&
        json_put_int(status, "entries_failed", (int64_t)sync->failed_count) >= 0 &&
        cache_report(sync->cache, status) >= 0)
        return status;
    json_free(status);
    return NULL;
}

void status_write(struct sync *sync)
{
    _cleanup_json_ struct json *status = status_json(sync);
    const char *text = status ? json_format(status, true) : NULL;
    if (text) /* when DIR is full the last one stays */
        (void)files_put_own(&sync->files, "status.json", text, strlen(text), true);
    (void)futimens(sync->place.lock_fd, NULL);
    sync->status_ns = clock_monotonic_ns() + PLACE_TOUCH_SECONDS * NS_PER_SEC;
}

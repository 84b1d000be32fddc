/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/serve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache/cache.h"
#include "cli/process.h"
#include "cli/source.h"
#include "fs/fs.h"
#include "sync/sync.h"

static void alive(void *context)
{
    (void)context;
    process_notify("WATCHDOG=1");
}

static struct cache_options cache_options_of(const struct options *options)
{
    return (struct cache_options){
        .limits = {options->ttl_ns, options->negative_ttl_ns, options->max_stale_ns},
        .timeout_ns = options->timeout_ns,
        .list_interval_ns = options->list_interval_ns,
        .poll_ns = options->poll_ns,
        .cache_bytes = options->cache_bytes,
    };
}

/* A thread that still waits for a hung server cannot be joined; all else is done, so the process may go. */
static int finish(int freed, int r, const struct error *error)
{
    if (freed != -ETIMEDOUT)
        return r;
    if (r < 0)
        log_error("%s", error->message);
    _exit(r < 0 ? EXIT_FAILURE : EXIT_SUCCESS);
}

static int make_fs(const struct options *options, const char *mountpoint, void (*ready)(void *context), void *context,
                   struct source *source, struct fs **ret_fs, struct error *ret_error)
{
    const struct cache_options cache_options = cache_options_of(options);
    const struct fs_options fs_options = {
        .mountpoint = mountpoint,
        .uid = options->uid,
        .gid = options->gid,
        .mode = options->mode,
        .timeout_ns = options->timeout_ns,
        .grace_ns = options->grace_ns,
        .version = SECRETSFS_VERSION,
        .ready = ready,
        .alive = alive,
        .alive_ns = process_watchdog_ns(),
        .context = context,
    };
    struct scope *scope;
    int r = scope_new(options->secrets.texts, options->secrets.count, &scope, ret_error);
    if (r < 0)
        return r;
    r = fs_new(source, scope, &cache_options, &fs_options, ret_fs);
    return r < 0 ? error_set(ret_error, ERROR_INTERNAL, "%s", strerror(-r)) : 0;
}

int serve_mount(const struct options *options, const char *mountpoint, void (*ready)(void *context), void *context,
                struct error *ret_error)
{
    _cleanup_source_ struct source *source = NULL;
    struct fs *fs;
    int r = source_open(options, &source, ret_error);
    if (r < 0)
        return r;
    process_scrub_environment();
    r = make_fs(options, mountpoint, ready, context, source, &fs, ret_error);
    if (r < 0)
        return r;
    r = fs_mount(fs, ret_error);
    if (r >= 0) {
        r = fs_run(fs);
        if (r < 0)
            (void)error_set(ret_error, ERROR_INTERNAL, "%s", strerror(-r));
        process_notify("STOPPING=1");
    }
    return finish(fs_free(fs), r, ret_error);
}

static int make_sync(const struct options *options, const char *directory, void (*ready)(void *context), void *context,
                     struct source *source, struct sync **ret_sync, struct error *ret_error)
{
    const struct cache_options cache_options = cache_options_of(options);
    const struct sync_options sync_options = {
        .directory = directory,
        .uid = options->uid,
        .gid = options->gid,
        .mode = options->mode,
        .atomic = options->atomic,
        .allow_disk = options->allow_disk,
        .keep = options->keep,
        .once = options->once,
        .max_stale_ns = options->max_stale_ns,
        .version = SECRETSFS_VERSION,
        .ready = ready,
        .alive = alive,
        .alive_ns = process_watchdog_ns(),
        .context = context,
    };
    struct scope *scope;
    int r = scope_new(options->secrets.texts, options->secrets.count, &scope, ret_error);
    return r < 0 ? r : sync_new(source, scope, &cache_options, &sync_options, ret_sync, ret_error);
}

int serve_sync(const struct options *options, const char *directory, void (*ready)(void *context), void *context,
               struct error *ret_error)
{
    _cleanup_source_ struct source *source = NULL;
    struct sync *sync;
    int r = source_open(options, &source, ret_error);
    if (r < 0)
        return r;
    process_scrub_environment();
    r = make_sync(options, directory, ready, context, source, &sync, ret_error);
    if (r < 0)
        return r;
    r = sync_run(sync, ret_error);
    process_notify("STOPPING=1");
    return finish(sync_free(sync), r, ret_error);
}

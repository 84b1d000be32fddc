/* SPDX-License-Identifier: Apache-2.0 */

/* The life of a sync, and its loop: one thread that waits for fetchers, hints, signals and time. What the cache tells
 * only marks DIR as out of date; once per turn a pass brings it up to date. */
#include "sync/sync.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/log.h"
#include "base/wait.h"
#include "sync/state.h"

/* Secrets that were not answered for are asked for again after this time, then after twice the time, and so on. */
#define FIRST_BACKOFF_NS NS_PER_SEC
#define LAST_BACKOFF_NS (60 * NS_PER_SEC)
#define STATUS_EVERY_NS (NS_PER_SEC / 2)

enum {
    POLL_CACHE,
    POLL_SIGNALS,
    POLL_SOURCE,
    POLL_COUNT,
};

/* --- what the cache tells --- */

static void on_changed(void *context, struct cache_secret *secret)
{
    (void)context;
    (void)secret;
}

static void on_stages_changed(void *context, struct cache_secret *secret, const struct stages *before)
{
    (void)context;
    (void)secret;
    (void)before;
}

static void on_names_changed(void *context, const struct names *before, const struct names *after)
{
    struct sync *sync = context;
    (void)before;
    (void)after;
    sync->names_dirty = true;
}

/* Comes after each of the above. */
static void on_arrived(void *context, struct cache_secret *secret)
{
    struct sync *sync = context;
    (void)secret;
    sync->dirty = true;
}

static void on_give_up(void *context, struct cache_secret *secret)
{
    (void)context;
    (void)secret;
}

static bool in_use(void *context, struct cache_secret *secret)
{
    (void)context;
    return cache_secret_data(secret) != NULL;
}

static void on_hint(void *context, const char *id, const char *version_id)
{
    const struct sync *sync = context;
    cache_check(sync->cache, id, version_id);
}

/* --- life --- */

int sync_new(struct source *source, struct scope *scope, const struct cache_options *cache_options,
             const struct sync_options *options, struct sync **ret_sync, struct error *ret_error)
{
    _cleanup_scope_ struct scope *taken = scope;
    _cleanup_free_ struct sync *sync = calloc(1, sizeof(*sync));
    if (!sync)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    const struct cache_events events = {sync,       on_changed, on_stages_changed, on_names_changed, on_arrived,
                                        on_give_up, in_use};
    struct cache_options eager = *cache_options;
    eager.eager = true;
    eager.cache_bytes = UINT64_MAX;
    sync->options = *options;
    sync->source = source;
    sync->started_ns = clock_monotonic_ns();
    sync->names_dirty = sync->dirty = true;
    sync->retry_ns = sync->review_ns = sync->missing_ns = CLOCK_NEVER_NS;
    sync->backoff_ns = FIRST_BACKOFF_NS;
    int r = place_open(options->directory, options->allow_disk, &sync->place, ret_error);
    if (r < 0)
        return r;
    files_init(&sync->files, &sync->place, options->uid, options->gid, options->mode);
    r = pass_adopt(sync, ret_error);
    if (r >= 0 && (r = cache_new(source, STEAL(taken), &eager, &events, &sync->cache)) < 0)
        (void)error_set(ret_error, ERROR_INTERNAL, "%s", strerror(-r));
    if (r < 0) {
        (void)sync_free(sync);
        (void)STEAL(sync);
        return r;
    }
    *ret_sync = STEAL(sync);
    return 0;
}

int sync_free(struct sync *sync)
{
    if (!sync)
        return 0;
    items_free(sync);
    if (sync->cache && cache_stop(sync->cache, NS_PER_SEC / 2) < 0)
        return -ETIMEDOUT;
    files_clear(&sync->files);
    entries_clear(&sync->made);
    buffer_clear(&sync->ledger);
    place_close(&sync->place, false);
    free(sync);
    return 0;
}

/* --- how far it is --- */

struct progress {
    bool fetching;  /* something is still under way */
    size_t waiting; /* secrets without an answer */
    size_t missing; /* secrets that are not there */
};

static struct progress progress_of(const struct sync *sync)
{
    struct progress progress = {.fetching = cache_names_state(sync->cache) == NAMES_LISTING};
    for (size_t i = 0; i < sync->item_count; i++) {
        enum item_state state = item_state(sync, sync->items[i]);
        progress.fetching = progress.fetching || cache_secret_is_fetching(sync->items[i]->secret);
        progress.waiting += state == ITEM_WAITING;
        progress.missing += state != ITEM_THERE;
    }
    return progress;
}

static void become_ready(struct sync *sync, const struct progress *progress)
{
    if (sync->ready || progress->waiting > 0 || sync->failed_count > 0 || !names_are_settled(sync))
        return;
    sync->ready = true;
    log_info("%s: %zu secrets are there%s", sync->options.directory, sync->item_count - progress->missing,
             progress->missing > 0 ? ", others could not be read" : "");
    if (cache_names_state(sync->cache) == NAMES_DENIED)
        log_warning("a pattern of --secret, and --filter, need secretsmanager:ListSecrets; allow it, or name each "
                    "secret with --secret NAME");
    status_write(sync); /* so that whoever waits for this finds it there */
    if (sync->options.ready)
        sync->options.ready(sync->options.context);
}

/* Asks again for what was not answered, at growing intervals. */
static void plan_missing(struct sync *sync, const struct progress *progress, uint64_t now_ns)
{
    if (progress->waiting == 0) {
        sync->missing_ns = CLOCK_NEVER_NS;
        sync->backoff_ns = FIRST_BACKOFF_NS;
    } else if (sync->missing_ns == CLOCK_NEVER_NS && !progress->fetching) {
        sync->missing_ns = now_ns + clock_jitter_ns(sync->backoff_ns);
        sync->backoff_ns = sync->backoff_ns * 2 < LAST_BACKOFF_NS ? sync->backoff_ns * 2 : LAST_BACKOFF_NS;
    }
}

/* --- once --- */

/* Logs what is missing. Returns 0, or an error that counts it. */
static int judge(const struct sync *sync, const struct progress *progress, struct error *ret_error)
{
    for (size_t i = 0; i < sync->item_count; i++) {
        const struct item *item = sync->items[i];
        if (item_state(sync, item) != ITEM_THERE)
            log_error("secret \"%s\" is missing: %s", cache_secret_id(item->secret),
                      cache_secret_error(item->secret)->message);
    }
    enum names_state names = cache_names_state(sync->cache);
    if (names == NAMES_DENIED || names == NAMES_FAILED)
        return error_set(ret_error, ERROR_NOT_FOUND, "the names could not be listed: %s",
                         cache_names_error(sync->cache)->message);
    if (progress->missing > 0 || sync->failed_count > 0)
        return error_set(ret_error, ERROR_NOT_FOUND, "%zu of %zu secrets are missing, %zu files could not be written",
                         progress->missing, sync->item_count, sync->failed_count);
    if (sync->item_count == 0)
        return error_set(ret_error, ERROR_NOT_FOUND, "no secret matches --secret or --filter");
    return 0;
}

/* --- one turn --- */

static void take_signals(struct sync *sync, int fd)
{
    struct signalfd_siginfo info;
    while (read(fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            log_info("SIGHUP: checking everything");
            for (size_t i = 0; i < sync->made.count; i++)
                sync->made.list[i].doubtful = true;
            sync->dirty = true;
            cache_check(sync->cache, NULL, NULL);
        } else {
            log_info("%s: %s %s", info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT",
                     sync->options.keep ? "leaving" : "emptying", sync->options.directory);
            sync->stopping = true;
        }
    }
}

static void take_time(struct sync *sync, uint64_t *alive_at_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (now_ns >= *alive_at_ns) {
        sync->options.alive(sync->options.context);
        *alive_at_ns = now_ns + sync->options.alive_ns;
    }
    cache_tick(sync->cache, now_ns);
    if (now_ns >= sync->missing_ns) {
        sync->missing_ns = CLOCK_NEVER_NS;
        cache_fetch_missing(sync->cache);
    }
    if (sync->dirty || now_ns >= sync->retry_ns || now_ns >= sync->review_ns) {
        pass_run(sync, now_ns);
        if (sync->status_ns > now_ns + STATUS_EVERY_NS)
            sync->status_ns = now_ns + STATUS_EVERY_NS;
    }
    const struct progress progress = progress_of(sync);
    if (!sync->options.once)
        plan_missing(sync, &progress, now_ns);
    become_ready(sync, &progress);
    if (now_ns >= sync->status_ns)
        status_write(sync);
}

static int wait_for_events(const struct sync *sync, struct pollfd *polled, uint64_t alive_at_ns)
{
    const uint64_t ticks[] = {cache_next_tick_ns(sync->cache),
                              sync->retry_ns,
                              sync->review_ns,
                              sync->missing_ns,
                              sync->status_ns,
                              alive_at_ns};
    uint64_t next_ns = sync->dirty ? 0 : CLOCK_NEVER_NS;
    for (size_t i = 0; i < sizeof(ticks) / sizeof(*ticks); i++)
        if (ticks[i] < next_ns)
            next_ns = ticks[i];
    return wait_for_descriptors(polled, POLL_COUNT, next_ns);
}

static int run_loop(struct sync *sync, struct pollfd *polled)
{
    uint64_t alive_at_ns = sync->options.alive_ns > 0 ? 0 : CLOCK_NEVER_NS;
    while (!sync->stopping) {
        int r = wait_for_events(sync, polled, alive_at_ns);
        if (r < 0)
            return r;
        if (polled[POLL_SIGNALS].revents)
            take_signals(sync, polled[POLL_SIGNALS].fd);
        if (polled[POLL_SOURCE].revents)
            sync->source->ops->change_drain(sync->source, on_hint, sync);
        if (polled[POLL_CACHE].revents)
            cache_dispatch(sync->cache);
        take_time(sync, &alive_at_ns);
        if (sync->options.once && !sync->names_dirty && !progress_of(sync).fetching)
            return 0;
    }
    return sync->options.once ? -EINTR : 0;
}

int sync_run(struct sync *sync, struct error *ret_error)
{
    struct source *source = sync->source;
    _cleanup_close_ int signals = wait_open_signals();
    if (signals < 0)
        return error_set(ret_error, ERROR_INTERNAL, "%s", strerror(-signals));
    struct pollfd polled[POLL_COUNT] = {
        [POLL_CACHE] = {.fd = cache_fd(sync->cache), .events = POLLIN},
        [POLL_SIGNALS] = {.fd = signals, .events = POLLIN},
        [POLL_SOURCE] = {.fd = source->ops->change_fd ? source->ops->change_fd(source) : -1, .events = POLLIN},
    };
    int r = run_loop(sync, polled);
    if (r < 0)
        return error_set(ret_error, ERROR_INTERNAL, "%s", strerror(-r));
    if (sync->options.once) {
        const struct progress progress = progress_of(sync);
        status_write(sync);
        return judge(sync, &progress, ret_error);
    }
    if (!sync->options.keep) {
        pass_remove_all(sync);
        place_close(&sync->place, true);
    }
    return 0;
}

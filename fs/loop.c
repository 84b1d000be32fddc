/* SPDX-License-Identifier: Apache-2.0 */

/* The loop: one thread that owns all state, waits for the kernel, the fetchers, signals and time, and never for
 * anything else. What happened in one turn is answered in that turn; what has to be announced about it is handed over
 * at the end of the turn, when all requests that waited for it have been answered. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/wait.h"
#include "fs/state.h"

/* After a signal the mount is gone within this time, whatever hangs. */
#define STOP_NS (1500 * NS_PER_MS)
/* Requests taken from the kernel before others get their turn. */
#define MAX_REQUESTS_PER_TURN 64

enum {
    POLL_FUSE,
    POLL_CACHE,
    POLL_SIGNALS,
    POLL_SOURCE,
    POLL_MOUNTS,
    POLL_ANNOUNCER,
    POLL_COUNT,
};

struct loop {
    struct fs *fs;
    struct pollfd polled[POLL_COUNT];
    struct fuse_buf buffer;
    uint64_t stop_at_ns;
    uint64_t alive_at_ns;
    bool done;
};

/* --- what the cache tells --- */

static void on_give_up(void *context, struct cache_secret *secret)
{
    changes_give_up(context, secret);
}

static void on_arrived(void *context, struct cache_secret *secret)
{
    struct view *view = secret ? view_of(secret) : NULL;
    if (!secret || view)
        request_replay(context, view);
}

static void on_changed(void *context, struct cache_secret *secret)
{
    changes_secret(context, secret);
}

static void on_stages_changed(void *context, struct cache_secret *secret, const struct stages *before)
{
    changes_stages(context, secret, before);
}

static void on_names_changed(void *context, const struct names *before, const struct names *after)
{
    changes_names(context, before, after);
}

/* A secret is in use while the kernel knows a directory or file that shows it. */
static bool in_use(void *context, struct cache_secret *secret)
{
    const struct view *view = view_of(secret);
    (void)context;
    for (const struct inode *inode = view ? view->shown : NULL; inode; inode = inode->sibling)
        if (inode->lookups > 0)
            return true;
    return false;
}

static void on_hint(void *context, const char *id, const char *version_id)
{
    const struct fs *fs = context;
    cache_check(fs->cache, id, version_id);
}

/* --- life --- */

__attribute__((format(printf, 2, 0))) static void log_fuse(enum fuse_log_level level, const char *format,
                                                           va_list arguments)
{
    char text[512];
    (void)vsnprintf(text, sizeof(text), format, arguments);
    text[strcspn(text, "\n")] = '\0';
    if (level <= FUSE_LOG_ERR)
        log_warning("%s", text);
    else
        log_debug("%s", text);
}

static int new_session(struct fs *fs)
{
    char *arguments[] = {(char *)(uintptr_t) "secretsfs", (char *)(uintptr_t) "-o",
                         (char *)(uintptr_t) "fsname=secretsfs,subtype=secretsfs", NULL};
    struct fuse_args args = FUSE_ARGS_INIT(3, arguments);
    fuse_set_log_func(log_fuse);
    fs->session = fuse_session_new(&args, &fs_operations, sizeof(fs_operations), fs);
    fuse_opt_free_args(&args);
    return fs->session ? 0 : -ENOMEM;
}

int fs_new(struct source *source, struct scope *scope, const struct cache_options *cache_options,
           const struct fs_options *options, struct fs **ret_fs)
{
    _cleanup_scope_ struct scope *taken = scope;
    struct fs *fs = calloc(1, sizeof(*fs));
    if (!fs)
        return -ENOMEM;
    const struct cache_events events = {fs,         on_changed, on_stages_changed, on_names_changed, on_arrived,
                                        on_give_up, in_use};
    fs->options = *options;
    fs->source = source;
    fs->started_ns = clock_monotonic_ns();
    fs->started_wall_ns = clock_wall_ns();
    fs->announcements_end = &fs->announcements;
    fs->followers_end = &fs->followers;
    fs->bounce = malloc(BOUNCE_BYTES);
    int r = fs->bounce ? inode_table_new(&fs->inodes) : -ENOMEM;
    if (r >= 0)
        r = new_session(fs);
    if (r >= 0)
        r = cache_new(source, STEAL(taken), cache_options, &events, &fs->cache);
    if (r < 0) {
        (void)fs_free(fs);
        return r;
    }
    *ret_fs = fs;
    return 0;
}

int fs_mount(struct fs *fs, struct error *ret_error)
{
    int r = mount_attach(&fs->mount, fs->session, fs->options.mountpoint, ret_error);
    if (r < 0)
        return r;
    fs->answers_open = fs->mount.by_helper;
    int fd = fuse_session_fd(fs->session);
    if (fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
        r = -errno;
    if (r >= 0)
        r = announcer_new(fs->session, steal_fd(&fs->mount.clone_fd), fs->options.mountpoint, &fs->announcer);
    if (r < 0) {
        mount_detach(&fs->mount, fs->session);
        return error_set(ret_error, ERROR_INTERNAL, "%s", strerror(-r));
    }
    return 0;
}

int fs_free(struct fs *fs)
{
    if (!fs)
        return 0;
    inode_table_free(STEAL(fs->inodes)); /* gives back its references to secrets */
    follow_free(fs);
    if (fs->cache && cache_stop(fs->cache, NS_PER_SEC / 2) < 0)
        return -ETIMEDOUT;
    announcer_free(fs->announcer);
    if (fs->session)
        fuse_session_destroy(fs->session);
    if (fs->mount.mountinfo_fd > 0)
        (void)close(fs->mount.mountinfo_fd);
    free(fs->bounce);
    free(fs);
    return 0;
}

/* --- stopping --- */

static void detach_mount(void *context)
{
    struct fs *fs = context;
    mount_detach(&fs->mount, fs->session);
}

static void stop(struct loop *loop, bool unmount)
{
    struct fs *fs = loop->fs;
    if (fs->stopping)
        return;
    fs->stopping = true;
    loop->stop_at_ns = clock_monotonic_ns() + STOP_NS;
    request_fail_all(fs, ECONNABORTED);
    announcer_finish(fs->announcer, unmount ? detach_mount : NULL, fs);
}

/* --- one turn --- */

static void serve_kernel(struct loop *loop)
{
    struct fs *fs = loop->fs;
    for (int i = 0; i < MAX_REQUESTS_PER_TURN; i++) {
        int r = fuse_session_receive_buf(fs->session, &loop->buffer);
        if (r == -EINTR || r == -EAGAIN)
            return;
        if (r <= 0) {
            if (r < 0)
                log_error("cannot read requests: %s", strerror(-r));
            loop->polled[POLL_FUSE].fd = -1;
            stop(loop, r < 0);
            return;
        }
        fuse_session_process_buf(fs->session, &loop->buffer);
        if (fs->ready && fs->options.ready) {
            fs->options.ready(fs->options.context);
            fs->options.ready = NULL;
        }
    }
}

static void take_signals(struct loop *loop)
{
    struct signalfd_siginfo info;
    while (read(loop->polled[POLL_SIGNALS].fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGHUP) {
            log_info("SIGHUP: checking everything in use");
            cache_check(loop->fs->cache, NULL, NULL);
        } else {
            log_info("%s: unmounting %s", info.ssi_signo == SIGTERM ? "SIGTERM" : "SIGINT",
                     loop->fs->options.mountpoint);
            stop(loop, true);
        }
    }
}

static void take_events(struct loop *loop)
{
    struct fs *fs = loop->fs;
    struct pollfd *polled = loop->polled;
    if (polled[POLL_SIGNALS].revents)
        take_signals(loop);
    if (polled[POLL_SOURCE].revents) {
        fs->source->ops->change_drain(fs->source, on_hint, fs);
    }
    if (polled[POLL_MOUNTS].revents && !mount_is_there(&fs->mount) && !fs->stopping) {
        log_info("%s has been unmounted", fs->options.mountpoint);
        stop(loop, false);
    }
    if (polled[POLL_CACHE].revents)
        cache_dispatch(fs->cache);
    if (polled[POLL_FUSE].revents)
        serve_kernel(loop);
    if (polled[POLL_ANNOUNCER].revents)
        loop->done = true;
}

static uint64_t next_tick_ns(const struct loop *loop)
{
    const struct fs *fs = loop->fs;
    uint64_t ticks[] = {cache_next_tick_ns(fs->cache), request_next_tick_ns(fs), follow_next_tick_ns(fs),
                        fs->stopping ? loop->stop_at_ns : CLOCK_NEVER_NS, loop->alive_at_ns};
    uint64_t next_ns = ticks[0];
    for (size_t i = 1; i < sizeof(ticks) / sizeof(*ticks); i++)
        if (ticks[i] < next_ns)
            next_ns = ticks[i];
    return next_ns;
}

static void tell_alive(struct loop *loop, uint64_t now_ns)
{
    const struct fs_options *options = &loop->fs->options;
    if (now_ns < loop->alive_at_ns)
        return;
    options->alive(options->context);
    loop->alive_at_ns = now_ns + options->alive_ns;
}

static void take_time(struct loop *loop)
{
    uint64_t now_ns = clock_monotonic_ns();
    tell_alive(loop, now_ns);
    request_tick(loop->fs, now_ns);
    follow_tick(loop->fs, now_ns);
    if (!loop->fs->stopping)
        cache_tick(loop->fs->cache, now_ns);
    else if (now_ns >= loop->stop_at_ns) {
        log_warning("the mount is still busy; leaving it");
        loop->done = true;
    }
}

static int wait_for_events(struct loop *loop)
{
    return wait_for_descriptors(loop->polled, POLL_COUNT, next_tick_ns(loop));
}

int fs_run(struct fs *fs)
{
    struct source *source = fs->source;
    struct loop loop = {
        .fs = fs, .stop_at_ns = CLOCK_NEVER_NS, .alive_at_ns = fs->options.alive_ns > 0 ? 0 : CLOCK_NEVER_NS};
    _cleanup_close_ int signals = wait_open_signals();
    if (signals < 0)
        return signals;
    loop.polled[POLL_FUSE] = (struct pollfd){.fd = fuse_session_fd(fs->session), .events = POLLIN};
    loop.polled[POLL_CACHE] = (struct pollfd){.fd = cache_fd(fs->cache), .events = POLLIN};
    loop.polled[POLL_SIGNALS] = (struct pollfd){.fd = signals, .events = POLLIN};
    loop.polled[POLL_SOURCE] =
        (struct pollfd){.fd = source->ops->change_fd ? source->ops->change_fd(source) : -1, .events = POLLIN};
    loop.polled[POLL_MOUNTS] = (struct pollfd){.fd = fs->mount.mountinfo_fd, .events = POLLPRI};
    loop.polled[POLL_ANNOUNCER] = (struct pollfd){.fd = announcer_fd(fs->announcer), .events = POLLIN};

    int r = 0;
    while (!loop.done && r >= 0) {
        r = wait_for_events(&loop);
        if (r >= 0)
            take_events(&loop);
        take_time(&loop);
        announcements_post(fs);
    }
    free(loop.buffer.mem);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Park and replay.
 *
 * A request that needs a fetch is not answered, and nobody waits for it: it is copied to a list, and when the fetch
 * ends it is tried again from its very start, as if it had just come in. So handlers are plain functions without
 * states. That a replay ends is the arrival time's doing: an answer (or failure) that came after the request arrived is
 * good enough for it (see freshness_decide()).
 *
 * A parked request leaves the list in one of three ways: replayed with a reply; interrupted, because the reader
 * got a signal; or its time is over, then it is replayed too and must take what there is. */
#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "fs/errno_table.h"
#include "fs/state.h"

/* How long a lookup waits for the first listing of names before it asks for the name itself. */
#define NAMES_PATIENCE_NS NS_PER_SEC

static int handle(struct request *request)
{
    switch (request->operation) {
    case OP_LOOKUP:
        return handle_lookup(request);
    case OP_GETATTR:
        return handle_getattr(request);
    case OP_READDIR:
        return handle_readdir(request);
    case OP_GETXATTR:
        return handle_getxattr(request);
    case OP_LISTXATTR:
        return handle_listxattr(request);
    case OP_READ:
    case OP_OPEN:
    case OP_OPENDIR:
    case OP_READLINK:
    case OP_COUNT:
    default:
        return -ENOSYS;
    }
}

static void unlink_parked(struct request *request)
{
    for (struct request **link = &request->fs->parked; *link; link = &(*link)->next)
        if (*link == request) {
            *link = request->next;
            return;
        }
}

static void request_free(struct request *request)
{
    view_unref(request->waits_for);
    free(request);
}

static void interrupted(fuse_req_t handle, void *data)
{
    struct request *request = data;
    unlink_parked(request);
    (void)fuse_reply_err(handle, EINTR);
    request_free(request);
}

/* Puts a waiting request at the end of the list. */
static void park(struct request *request)
{
    struct request **end = &request->fs->parked;
    while (*end)
        end = &(*end)->next;
    request->next = NULL;
    *end = request;
    fuse_req_interrupt_func(request->handle, interrupted, request);
}

/* Tries a request. Returns false when it has to wait. */
static bool try(struct request *request)
{
    request->waits = false;
    request->wake_ns = request->arrived_ns + request->fs->options.timeout_ns;
    int r = handle(request);
    if (r == -EINPROGRESS && request->waits)
        return false;
    if (r < 0)
        (void)fuse_reply_err(request->handle, -r);
    return true;
}

void request_begin(struct fs *fs, struct request *request)
{
    request->fs = fs;
    if (try(request))
        return;
    struct request *parked = malloc(sizeof(*parked));
    if (!parked) {
        view_unref(request->waits_for);
        (void)fuse_reply_err(request->handle, ENOMEM);
        return;
    }
    *parked = *request;
    park(parked);
}

static void replay(struct request *request)
{
    unlink_parked(request);
    fuse_req_interrupt_func(request->handle, NULL, NULL);
    view_unref(STEAL(request->waits_for));
    if (try(request))
        request_free(request);
    else
        park(request);
}

/* All that is ready leaves the list first, so that what has to be parked again is not taken twice. */
void request_replay(struct fs *fs, const struct view *view)
{
    struct request *ready = NULL;
    struct request **end = &ready;
    for (struct request **link = &fs->parked; *link;) {
        struct request *request = *link;
        if (request->waits_for != view) {
            link = &request->next;
            continue;
        }
        *link = request->next;
        request->next = NULL;
        *end = request;
        end = &request->next;
    }
    while (ready) {
        struct request *request = ready;
        ready = request->next;
        replay(request);
    }
}

void request_tick(struct fs *fs, uint64_t now_ns)
{
    struct request *next;
    for (struct request *request = fs->parked; request; request = next) {
        next = request->next;
        if (now_ns >= request->wake_ns)
            replay(request);
    }
}

uint64_t request_next_tick_ns(const struct fs *fs)
{
    uint64_t next_ns = CLOCK_NEVER_NS;
    for (const struct request *request = fs->parked; request; request = request->next)
        if (request->wake_ns < next_ns)
            next_ns = request->wake_ns;
    return next_ns;
}

void request_fail_all(struct fs *fs, int error)
{
    while (fs->parked) {
        struct request *request = fs->parked;
        fs->parked = request->next;
        fuse_req_interrupt_func(request->handle, NULL, NULL);
        (void)fuse_reply_err(request->handle, error);
        request_free(request);
    }
}

static bool time_is_over(const struct request *request)
{
    return clock_monotonic_ns() >= request->arrived_ns + request->fs->options.timeout_ns;
}

int want(struct request *request, struct view *view)
{
    if (request->announcer) /* it must never wait for what it announces */
        return cache_secret_value(view->secret) ? 0 : -ENOENT;
    switch (cache_secret_need(view->secret, request->arrived_ns)) {
    case CACHE_READY:
        return 0;
    case CACHE_FAILED:
        return -errno_of(cache_secret_error(view->secret)->kind);
    case CACHE_WAIT:
    default:
        break;
    }
    if (request->fs->stopping)
        return -ECONNABORTED;
    int r = wait_for(request, view);
    return r < 0 || cache_secret_may_serve_stale(view->secret) ? r : -ETIMEDOUT;
}

int wait_for(struct request *request, struct view *view)
{
    if (time_is_over(request))
        return 0;
    request->waits = true;
    view->references++;
    request->waits_for = view;
    return -EINPROGRESS;
}

int wait_for_names(struct request *request)
{
    struct fs *fs = request->fs;
    uint64_t patience_ns = request->operation == OP_READDIR || fs->options.timeout_ns < NAMES_PATIENCE_NS
                               ? fs->options.timeout_ns
                               : NAMES_PATIENCE_NS;
    uint64_t until_ns = request->arrived_ns + patience_ns;
    if (request->announcer || cache_names_state(fs->cache) != NAMES_LISTING || clock_monotonic_ns() >= until_ns)
        return 0;
    request->waits = true;
    request->wake_ns = until_ns;
    return -EINPROGRESS;
}

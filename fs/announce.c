/* SPDX-License-Identifier: Apache-2.0 */

/* How a change becomes an inotify event.
 *
 * The kernel makes no event out of FUSE invalidations, but it does out of operations made through the mount.
 * So the daemon operates on its own mount: it truncates a changed file to the size it has anyway (IN_MODIFY,
 * IN_CLOSE_WRITE), creates a name that has appeared (IN_CREATE), unlinks one that has gone (IN_DELETE). The
 * loop accepts such operations from this thread's id alone and answers them as a matter of form.
 *
 * These calls, and the invalidations before them, wait in the kernel for locks of the directory, which a pending
 * lookup holds; and each of them becomes requests that the loop must answer. Hence a thread of its own, which owns
 * nothing but its queue: an announcement says all in plain values.
 *
 * Before it creates a name the kernel looks it up, and must not find it, though for everybody else it is there; and
 * the other way round for a removal. While such an announcement is under way, announcer_expects() tells the
 * loop so. */
#include "fs/announce.h"

#include <errno.h>
#include <fcntl.h>
#include <fuse_lowlevel.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"

struct announcer {
    struct fuse_session *session;
    int root_fd;
    const char *mountpoint;
    int done_fd;
    pthread_t thread;
    atomic_int thread_id;
    pthread_mutex_t lock;
    pthread_cond_t work;
    /* Protected by `lock`. */
    struct announcement *first;
    struct announcement **end;
    const struct announcement *current;
    bool finishing;
    void (*last)(void *context);
    void *context;
};

void announcement_free_all(struct announcement *first)
{
    while (first) {
        struct announcement *next = first->next;
        free(first->path);
        free(first->entry);
        free(first->target);
        free(first);
        first = next;
    }
}

/* The path of an entry for the *at() calls. NULL when out of memory. */
static char *full_path(const struct announcer *announcer, const struct announcement *a)
{
    char *path = NULL;
    const char *base = announcer->root_fd < 0 ? announcer->mountpoint : ".";
    int r;
    if (a->kind == ANNOUNCE_FOLLOW)
        r = asprintf(&path, "%s/.ino/%llu", base, (unsigned long long)a->number);
    else
        r = asprintf(&path, "%s/%s%s%s", base, a->path, a->path[0] != '\0' ? "/" : "", a->entry);
    return r < 0 ? NULL : path;
}

/* Opens for writing, truncates to the size it has, closes: IN_MODIFY and IN_CLOSE_WRITE. */
static int poke(const struct announcer *announcer, const char *path, size_t size_bytes)
{
    _cleanup_close_ int fd = openat(announcer->root_fd, path, O_WRONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || ftruncate(fd, (off_t)size_bytes) < 0)
        return -errno;
    return 0;
}

static int create(const struct announcer *announcer, const char *path, const struct announcement *a)
{
    if (a->directory)
        return mkdirat(announcer->root_fd, path, 0500) < 0 ? -errno : 0;
    _cleanup_close_ int fd = openat(announcer->root_fd, path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0400);
    return fd < 0 ? -errno : 0;
}

/* IN_CREATE of a passing name, then IN_MOVED_TO: what a program sees that replaces a link properly. */
static int relink(const struct announcer *announcer, const char *path, const struct announcement *a)
{
    _cleanup_free_ char *passing = NULL;
    if (asprintf(&passing, "%.*s" ANNOUNCE_LINK_ENTRY, (int)(strlen(path) - strlen(a->entry)), path) < 0)
        return -ENOMEM;
    if (symlinkat(a->target, announcer->root_fd, passing) < 0 ||
        renameat(announcer->root_fd, passing, announcer->root_fd, path) < 0)
        return -errno;
    return 0;
}

static int announce(struct announcer *announcer, const struct announcement *a)
{
    int r = 0;
    if (a->kind == ANNOUNCE_DROP)
        return fuse_lowlevel_notify_inval_inode(announcer->session, a->number, 0, 0);
    if (a->kind == ANNOUNCE_DOUBT)
        return fuse_lowlevel_notify_inval_entry(announcer->session, a->parent, a->entry, strlen(a->entry));
    _cleanup_free_ char *path = full_path(announcer, a);
    if (!path)
        return -ENOMEM;
    switch (a->kind) {
    case ANNOUNCE_CHANGED:
        (void)fuse_lowlevel_notify_inval_entry(announcer->session, a->parent, a->entry, strlen(a->entry));
        r = poke(announcer, path, a->size_bytes);
        break;
    case ANNOUNCE_ADDED:
        (void)fuse_lowlevel_notify_inval_entry(announcer->session, a->parent, a->entry, strlen(a->entry));
        (void)fuse_lowlevel_notify_inval_inode(announcer->session, a->parent, 0, 0);
        r = create(announcer, path, a);
        if (r == -EEXIST) /* somebody has found it already */
            r = a->directory ? 0 : poke(announcer, path, a->size_bytes);
        break;
    case ANNOUNCE_REMOVED:
        r = unlinkat(announcer->root_fd, path, a->directory ? AT_REMOVEDIR : 0) < 0 ? -errno : 0;
        (void)fuse_lowlevel_notify_inval_entry(announcer->session, a->parent, a->entry, strlen(a->entry));
        (void)fuse_lowlevel_notify_inval_inode(announcer->session, a->parent, 0, 0);
        break;
    case ANNOUNCE_LINKED:
        r = relink(announcer, path, a);
        (void)fuse_lowlevel_notify_inval_entry(announcer->session, a->parent, ANNOUNCE_LINK_ENTRY,
                                               strlen(ANNOUNCE_LINK_ENTRY));
        break;
    case ANNOUNCE_FOLLOW:
    case ANNOUNCE_DOUBT:
    case ANNOUNCE_DROP:
    default:
        (void)fuse_lowlevel_notify_inval_inode(announcer->session, a->number, 0, 0);
        r = poke(announcer, path, a->size_bytes);
        break;
    }
    return r;
}

static void *run(void *argument)
{
    struct announcer *announcer = argument;
    struct stat root;
    atomic_store(&announcer->thread_id, gettid());
    /* Until the kernel has asked for the root's mode it has none, so that nobody may enter; and it throws the answer
     * away when a notification comes in between. So no notification before this. */
    if (announcer->root_fd >= 0)
        (void)fstat(announcer->root_fd, &root);
    (void)pthread_mutex_lock(&announcer->lock);
    while (true) {
        while (!announcer->finishing && !announcer->first)
            (void)pthread_cond_wait(&announcer->work, &announcer->lock);
        if (announcer->finishing)
            break;
        struct announcement *a = announcer->first;
        announcer->first = a->next;
        if (!announcer->first)
            announcer->end = &announcer->first;
        announcer->current = a;
        (void)pthread_mutex_unlock(&announcer->lock);
        int r = announce(announcer, a);
        if (r < 0)
            log_debug("cannot announce %s/%s: %s", a->path ? a->path : "", a->entry ? a->entry : "", strerror(-r));
        (void)pthread_mutex_lock(&announcer->lock);
        announcer->current = NULL;
        a->next = NULL;
        announcement_free_all(a);
    }
    void (*last)(void *) = announcer->last;
    (void)pthread_mutex_unlock(&announcer->lock);

    if (last)
        last(announcer->context);
    if (announcer->root_fd >= 0)
        (void)close(announcer->root_fd);
    uint64_t one = 1;
    (void)!write(announcer->done_fd, &one, sizeof(one));
    return NULL;
}

int announcer_new(struct fuse_session *session, int root_fd, const char *mountpoint, struct announcer **ret_announcer)
{
    _cleanup_close_ int root = root_fd;
    _cleanup_free_ struct announcer *announcer = calloc(1, sizeof(*announcer));
    if (!announcer)
        return -ENOMEM;
    _cleanup_close_ int done = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (done < 0)
        return -errno;
    announcer->session = session;
    announcer->root_fd = root;
    announcer->mountpoint = mountpoint;
    announcer->done_fd = done;
    announcer->end = &announcer->first;
    (void)pthread_mutex_init(&announcer->lock, NULL);
    (void)pthread_cond_init(&announcer->work, NULL);

    sigset_t all;
    sigset_t before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&announcer->thread, NULL, run, announcer);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r > 0)
        return -r;
    (void)steal_fd(&root);
    (void)steal_fd(&done);
    *ret_announcer = STEAL(announcer);
    return 0;
}

void announcer_post(struct announcer *announcer, struct announcement *first)
{
    if (!first)
        return;
    struct announcement *last = first;
    while (last->next)
        last = last->next;
    (void)pthread_mutex_lock(&announcer->lock);
    *announcer->end = first;
    announcer->end = &last->next;
    (void)pthread_cond_signal(&announcer->work);
    (void)pthread_mutex_unlock(&announcer->lock);
}

bool announcer_is(const struct announcer *announcer, pid_t pid)
{
    return announcer && pid != 0 && atomic_load(&announcer->thread_id) == pid;
}

enum announcer_expects announcer_expects(struct announcer *announcer, uint64_t parent, const char *entry)
{
    enum announcer_expects expects = EXPECTS_TREE;
    (void)pthread_mutex_lock(&announcer->lock);
    const struct announcement *a = announcer->current;
    if (a && a->kind == ANNOUNCE_LINKED && a->parent == parent && strcmp(entry, ANNOUNCE_LINK_ENTRY) == 0)
        expects = EXPECTS_ABSENT;
    else if (a && a->entry && a->parent == parent && strcmp(a->entry, entry) == 0) {
        if (a->kind == ANNOUNCE_ADDED)
            expects = EXPECTS_ABSENT;
        else if (a->kind == ANNOUNCE_REMOVED)
            expects = a->directory ? EXPECTS_DIRECTORY : EXPECTS_FILE;
    }
    (void)pthread_mutex_unlock(&announcer->lock);
    return expects;
}

void announcer_finish(struct announcer *announcer, void (*last)(void *context), void *context)
{
    (void)pthread_mutex_lock(&announcer->lock);
    announcement_free_all(announcer->first);
    announcer->first = NULL;
    announcer->end = &announcer->first;
    announcer->last = last;
    announcer->context = context;
    announcer->finishing = true;
    (void)pthread_cond_signal(&announcer->work);
    (void)pthread_mutex_unlock(&announcer->lock);
}

int announcer_fd(const struct announcer *announcer)
{
    return announcer->done_fd;
}

void announcer_free(struct announcer *announcer)
{
    if (!announcer)
        return;
    (void)pthread_join(announcer->thread, NULL);
    announcement_free_all(announcer->first);
    (void)pthread_cond_destroy(&announcer->work);
    (void)pthread_mutex_destroy(&announcer->lock);
    (void)close(announcer->done_fd);
    free(announcer);
}

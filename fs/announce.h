/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The announcer: the one thread that makes system calls on the mount itself, so that the kernel sends inotify events.
 * Its essay is in announce.c. Functions are for the loop thread unless they say otherwise. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct announcer;
struct fuse_session;

enum announcement_kind {
    ANNOUNCE_CHANGED, /* a file has other bytes under the same name */
    ANNOUNCE_ADDED,   /* a file or directory is new */
    ANNOUNCE_REMOVED, /* a file or directory is gone */
    ANNOUNCE_LINKED,  /* a symbolic link has another target */
    ANNOUNCE_DOUBT,   /* an entry that the kernel has cached must be looked up again; no event */
    ANNOUNCE_FOLLOW,  /* a held inode shows other bytes now */
    ANNOUNCE_DROP,    /* what the kernel has cached of an inode (pages, listing) is no longer true */
};

struct announcement {
    enum announcement_kind kind;
    bool directory;    /* of ADDED, REMOVED: what kind of thing */
    uint64_t parent;   /* inode number of the directory; not of FOLLOW, DROP */
    char *path;        /* of the directory, without a leading slash; owned */
    char *entry;       /* owned */
    char *target;      /* of LINKED; owned */
    uint64_t number;   /* of FOLLOW, DROP: the inode */
    size_t size_bytes; /* of CHANGED, FOLLOW */
    struct announcement *next;
};

/* Frees a list of them; NULL is accepted. */
void announcement_free_all(struct announcement *first);

/* Starts the thread. It works below `root_fd` (taken: the private writable clone of the mount) or, when that is
 * negative, below the path `mountpoint` (borrowed). Returns 0 or a negative errno. */
int announcer_new(struct fuse_session *session, int root_fd, const char *mountpoint, struct announcer **ret_announcer);

/* Queues a list of announcements (taken). */
void announcer_post(struct announcer *announcer, struct announcement *first);

/* Was this request made by the announcer? `pid` is fuse_ctx.pid, which is a thread id. */
bool announcer_is(const struct announcer *announcer, pid_t pid);

enum announcer_expects {
    EXPECTS_TREE,      /* what the tree says */
    EXPECTS_ABSENT,    /* about to create this name */
    EXPECTS_FILE,      /* about to remove this file */
    EXPECTS_DIRECTORY, /* about to remove this directory */
};

/* The passing name of a link before it is renamed into place. */
#define ANNOUNCE_LINK_ENTRY ".new"

/* What the announcer's own lookup of a name must find for its work to succeed. */
enum announcer_expects announcer_expects(struct announcer *announcer, uint64_t parent, const char *entry);

/* Drops what is queued, lets the thread call `last(context)` as its final work (or NULL), give up the root_fd, and end;
 * announcer_fd() becomes readable then. The loop must go on serving until that. */
void announcer_finish(struct announcer *announcer, void (*last)(void *context), void *context);
int announcer_fd(const struct announcer *announcer);

/* Joins the ended thread. */
void announcer_free(struct announcer *announcer);

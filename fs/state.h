/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of fs/ share: the state of one mount, owned by the loop thread, and the requests it serves. */

#include <fuse_lowlevel.h>
#include <stdbool.h>
#include <stdint.h>

#include "cache/cache.h"
#include "fs/announce.h"
#include "fs/fs.h"
#include "fs/inode.h"
#include "fs/mount.h"
#include "fs/view.h"

enum operation {
    OP_LOOKUP,
    OP_GETATTR,
    OP_READ,
    OP_READDIR,
    OP_GETXATTR,
    OP_LISTXATTR,
    OP_OPEN,
    OP_OPENDIR,
    OP_READLINK,
    OP_COUNT,
};

/* One request of the kernel. On the stack while it is tried; copied to the heap when it has to wait ("parked"), and
 * tried again from its start ("replayed") when what it waits for has arrived. */
struct request {
    fuse_req_t handle;
    enum operation operation;
    fuse_ino_t number;
    char name[NAME_MAX_BYTES + 1]; /* LOOKUP: entry; GETXATTR: attribute */
    size_t size_bytes;
    off_t offset;
    bool announcer;
    uint64_t arrived_ns;

    /* Set by want() and wait_for_names() when the request has to wait. */
    struct view *waits_for; /* NULL with `waits`: for the names */
    bool waits;
    uint64_t wake_ns; /* replay at the latest */

    struct fs *fs;
    struct request *next;
};

/* A detached inode that is looked at again after the grace. */
struct follower {
    uint64_t number;
    uint64_t due_ns;
    unsigned delays;
    struct follower *next;
};

struct fs {
    struct fs_options options;
    struct source *source;
    struct cache *cache;
    struct inode_table *inodes;
    struct fuse_session *session;
    struct mount mount;
    struct announcer *announcer;
    struct request *parked;

    struct announcement *announcements; /* made in this turn of the loop, posted at its end */
    struct announcement **announcements_end;
    struct follower *followers; /* in the order they are due */
    struct follower **followers_end;

    uint64_t counters[OP_COUNT];
    uint64_t started_ns;
    uint64_t started_wall_ns;
    char *bounce;                /* BOUNCE_BYTES: secrets on their way to the kernel */
    bool wants_parallel_lookups; /* INIT is being answered; see device.c */
    bool answers_open;           /* the kernel asks at each open (no private clone of the mount) */
    bool ready;
    bool stopping;
};

#define BOUNCE_BYTES ((size_t)1024 * 1024)
#define LONG_TIMEOUT_NS (24 * 3600 * NS_PER_SEC)

/* --- park.c --- */

/* Tries a request; replies, or parks it. */
void request_begin(struct fs *fs, struct request *request);
/* Replays what waits for this view (NULL: for the names). */
void request_replay(struct fs *fs, const struct view *view);
/* Replays requests whose time has come; and tells when the next one's will. */
void request_tick(struct fs *fs, uint64_t now_ns);
uint64_t request_next_tick_ns(const struct fs *fs);
/* Answers all parked requests with an error. */
void request_fail_all(struct fs *fs, int error);

/* The value of a view for a request: 0, -EINPROGRESS (the request has been told to wait), or the negative errno to
 * report. */
int want(struct request *request, struct view *view);
/* Makes the request wait for a view's next answer, whatever that is: -EINPROGRESS, or 0 when its time is over. */
int wait_for(struct request *request, struct view *view);
/* 0 when the names are known (or time is over), or -EINPROGRESS. */
int wait_for_names(struct request *request);

/* --- handlers of parkable operations: 0 when replied, -EINPROGRESS, or a negative errno to reply with --- */

int handle_lookup(struct request *request);
int handle_getattr(struct request *request);
int handle_readdir(struct request *request);
int handle_getxattr(struct request *request);
int handle_listxattr(struct request *request);

/* --- resolve.c: what is at a name --- */

struct found {
    enum inode_kind kind;
    char *path;            /* as in struct inode; owned */
    bool is_secret;        /* INODE_NAMES: found by asking */
    struct view *view;     /* of INODE_ARN, INODE_VERSIONS, INODE_VERSION, a valueFrom file; a reference, or NULL */
    struct tree_node node; /* INODE_FILE, INODE_OBJECT */
    uint64_t timeout_ns;   /* how long the kernel may keep the entry */
};

void found_clear(struct found *found);
#define _cleanup_found_ _cleanup_(found_clear)

/* Returns 0, -ENOENT, -EINPROGRESS, or another negative errno to reply with. */
int resolve(struct request *request, struct inode *directory, const char *entry, struct found *ret_found);
int resolve_arn(struct request *request, struct inode *directory, const char *entry, struct found *ret_found);

/* The path of names that an entry of an INODE_NAMES directory stands for; the caller frees it. Returns 0, -EINVAL when
 * no name leads there, or -ENOMEM. */
int names_path(const struct inode *directory, const char *entry, char **ret_path);

/* A key of a view's tree. */
int resolve_key(struct view *view, uint32_t directory, const char *entry, struct found *ret_found);

/* What the json-key of a valueFrom string stands for in a view: "" is the whole value, an object its text. */
int resolve_value_key(struct view *view, const char *key, struct found *ret_found);

/* The view of the secret that an INODE_NAMES directory may be, or NULL. Opens it on first use. */
struct view *names_view(struct fs *fs, struct inode *directory);

/* --- versions.c --- */

#define VERSIONS_ENTRY ".versions"

int resolve_version(struct request *request, struct inode *versions, const char *entry, struct found *ret_found);
/* May the versions be listed now? As want(). */
int versions_ready(struct request *request, struct inode *versions);
int versions_list(struct inode *versions, struct listing *listing);

/* --- lookup.c --- */

/* The inode at a name, found or made; without counting a lookup. As resolve(). */
int lookup_inode(struct request *request, struct inode *directory, const char *entry, struct inode **ret_inode,
                 uint64_t *ret_timeout_ns);

/* --- attr.c --- */

void fill_stat(const struct fs *fs, const struct inode *inode, struct stat *ret_status);
struct fuse_entry_param entry_of(const struct fs *fs, const struct inode *inode, uint64_t timeout_ns);
void reply_entry(struct request *request, struct inode *inode, uint64_t timeout_ns);
double seconds_of(uint64_t timeout_ns);
uint64_t attr_timeout_ns(const struct inode *inode);

/* --- self.c: /.secretsfs --- */

#define SELF_ENTRY ".secretsfs"
#define HANDLES_ENTRY ".ino"

int self_lookup(struct request *request, struct inode *directory, const char *entry);
int self_list(struct listing *listing);

/* --- tell.c: the announcements of this turn --- */

void announce(struct fs *fs, enum announcement_kind kind, bool is_directory, const struct inode *directory,
              const char *entry, size_t size_bytes);
void announce_link(struct fs *fs, const struct inode *directory, const char *entry, const char *target);
void announce_inode(struct fs *fs, enum announcement_kind kind, const struct inode *inode);
/* Hands them to the announcer. */
void announcements_post(struct fs *fs);

/* --- follow.c --- */

/* An inode, or all detached ones of an entry, are looked at again after the grace. */
void follow_later(struct fs *fs, const struct inode *inode);
void follow_detached(struct fs *fs, const struct inode *directory, const char *entry);
/* The detached ones of an entry have nothing left to show: wiped, and the kernel's pages dropped. */
void drop_detached(struct fs *fs, struct inode *directory, const char *entry);
/* What the name of a detached inode leads to now (kept in `found`), or NULL. */
const struct tree_node *current_node(const struct inode *inode, struct found *found);
void follow_tick(struct fs *fs, uint64_t now_ns);
uint64_t follow_next_tick_ns(const struct fs *fs);
void follow_free(struct fs *fs);

/* --- changes.c --- */

void changes_secret(struct fs *fs, struct cache_secret *secret);
void changes_give_up(struct fs *fs, struct cache_secret *secret);
void changes_stages(struct fs *fs, struct cache_secret *secret, const struct stages *before);
void changes_names(struct fs *fs, const struct names *before, const struct names *after);

/* --- ops.c --- */

extern const struct fuse_lowlevel_ops fs_operations;

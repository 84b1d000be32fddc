/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The inodes that the kernel knows, and who owns them.
 *
 * Identity. A file's inode is (parent directory, entry, bytes): the bytes behind an inode that a name leads to never
 * change, so the kernel may keep its pages for ever. When the bytes behind a name change, the inode is detached: no
 * name leads to it, and the next lookup makes a new one. A directory's inode is (parent, entry, kind). Numbers come
 * from a counter and are never used again.
 *
 * Life. The kernel counts lookups: each reply that carries an inode adds one, FORGET takes them back. An inode
 * lives while its count is above zero or another inode has it as parent. The root lives always.
 *
 * Held. The kernel sends no FORGET for a detached inode that somebody holds open, watches, or has bind-mounted.
 * Detached inodes stand in a list of their directory, where fs/follow.c finds them.
 *
 * Loop thread only. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/secret.h"

struct view;
struct listing;

enum inode_kind {
    INODE_NAMES,    /* root, prefix of names, or secret */
    INODE_ARN,      /* a component of a path that is an ARN */
    INODE_OBJECT,   /* nested JSON object */
    INODE_FILE,     /* immutable bytes */
    INODE_VERSIONS, /* .versions of a secret */
    INODE_VERSION,  /* a version in it */
    INODE_STAGE,    /* a stage in it: a symbolic link to a version */
    INODE_SELF,     /* /.secretsfs */
    INODE_HANDLES,  /* /.ino: detached inodes by number, for the announcer alone */
};

struct inode {
    uint64_t number;
    uint64_t lookups;
    uint32_t children;
    enum inode_kind kind;
    struct inode *parent; /* NULL for the root; counted in parent->children */
    char *entry;
    bool named; /* a lookup of (parent, entry) leads here */

    /* Directories. */
    char *path; /* INODE_NAMES: of names, NULL for the root; INODE_ARN: the ARN so far; INODE_FILE of a valueFrom path:
                 * the key; INODE_STAGE: the version it links to */
    bool is_secret;          /* INODE_NAMES: found by asking, though it is not listed */
    struct view *view;       /* of the secret here, or NULL; a reference */
    struct inode *sibling;   /* next inode that shows the same view */
    struct listing *listing; /* of a READDIR under way */
    struct inode *detached;  /* files that were children, first of a list through `next_detached` */

    /* INODE_FILE. */
    struct inode *next_detached;
    struct secret *bytes; /* NULL once they are wiped: reads answer ESTALE */
    size_t offset;
    size_t size_bytes;
    uint64_t mtime_ns;
    uint64_t read_ns; /* when the kernel last fetched some of it */
    bool own;         /* below /.secretsfs: not counted among the requests */
};

#define INODE_ROOT 1U

struct inode_table;

/* Makes the table with the root in it. */
int inode_table_new(struct inode_table **ret_table);
void inode_table_free(struct inode_table *table);
DEFINE_CLEANUP(struct inode_table, inode_table_free)

struct inode *inode_find(const struct inode_table *table, uint64_t number);
struct inode *inode_child(const struct inode_table *table, const struct inode *parent, const char *entry);

/* A new named inode; any inode that had the name must have been detached before. Freed by inode_settle() unless
 * it gets a lookup or a child. Returns 0 or -ENOMEM. */
int inode_new(struct inode_table *table, enum inode_kind kind, struct inode *parent, const char *entry,
              struct inode **ret_inode);

/* Sets what a file shows; takes a reference. `bytes` NULL wipes. */
void inode_set_bytes(struct inode *inode, struct secret *bytes, size_t offset, size_t size_bytes);

/* No name leads here any more. A file goes to its directory's list of detached inodes. */
void inode_detach(struct inode_table *table, struct inode *inode);

/* Gives a named inode another entry in the same directory; what had that name is detached. Returns 0 or -ENOMEM. */
int inode_rename(struct inode_table *table, struct inode *inode, const char *entry);

/* FORGET of `count` lookups. May free the inode. */
void inode_forget(struct inode_table *table, struct inode *inode, uint64_t count);

/* Frees the inode, and upwards its parents, if nobody needs them. */
void inode_settle(struct inode_table *table, struct inode *inode);

/* The path from the root, "" for the root itself, without a leading slash. The caller frees it. NULL when out
 * of memory, or when a directory above is detached. */
char *inode_path(const struct inode *inode);

/* Calls `each` for every inode; it must not make or free any. */
void inode_each(struct inode_table *table, void (*each)(void *context, struct inode *inode), void *context);

size_t inode_count(const struct inode_table *table);

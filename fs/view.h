/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A secret of the cache together with its tree, and the inodes that show it: the directory of its name, and those
 * of its ARN. One view per cache_secret. Loop thread only. */

#include "cache/cache.h"
#include "fs/inode.h"
#include "tree/tree.h"

struct view {
    unsigned references;
    struct cache_secret *secret;
    struct tree *tree;   /* of the current value; NULL: not read yet, or gone */
    struct inode *shown; /* first inode that shows it, a list through `sibling` */
    bool was_there;      /* it has had a tree before, so that a new one is an event */
};

/* Finds or makes the view of a secret (see cache_secret_open()); the caller gets a reference. */
int view_open(struct cache *cache, const char *id, const char *stage, const char *version_id, struct view **ret_view);
void view_unref(struct view *view);
DEFINE_CLEANUP(struct view, view_unref)
#define _cleanup_view_ _cleanup_(view_unrefp)

/* The view of a cache_secret, or NULL. */
struct view *view_of(const struct cache_secret *secret);

/* The tree of the current value, made when it is first needed. NULL when there is no value or no memory. */
const struct tree *view_tree(struct view *view);

/* Lets an inode show the view; takes a reference of its own. And the reverse. */
void view_show(struct view *view, struct inode *inode);
void view_hide(struct inode *inode);

/* The view and the node that a directory inode shows (climbing up from a nested object). TREE_NONE when the directory
 * shows no secret, or what it showed is no longer a directory. */
uint32_t view_node(const struct inode *directory, struct view **ret_view);

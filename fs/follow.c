/* SPDX-License-Identifier: Apache-2.0 */

/* Followers: inodes that no name leads to any more, but that somebody holds (an open descriptor, a watch, a bind
 * mount). They keep the old bytes for the grace, then follow the name's current bytes, or lose them when the name is
 * gone. So a watch on a file, an old descriptor and a single bind-mounted file go on for ever. */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "fs/state.h"

/* A holder that never stops reading gets the new bytes all the same. */
#define MAX_DELAYS 8

/* To the end of the queue, which is in the order of due times because the grace is always the same. */
static void enqueue(struct fs *fs, struct follower *follower, uint64_t now_ns)
{
    follower->due_ns = now_ns + fs->options.grace_ns;
    follower->next = NULL;
    *fs->followers_end = follower;
    fs->followers_end = &follower->next;
}

void follow_later(struct fs *fs, const struct inode *inode)
{
    struct follower *follower = calloc(1, sizeof(*follower));
    if (!follower)
        return;
    follower->number = inode->number;
    enqueue(fs, follower, clock_monotonic_ns());
}

/* All detached inodes of an entry are looked at again after the grace. */
void follow_detached(struct fs *fs, const struct inode *directory, const char *entry)
{
    for (const struct inode *inode = directory->detached; inode; inode = inode->next_detached)
        if (strcmp(inode->entry, entry) == 0)
            follow_later(fs, inode);
}

/* They have nothing left to show: wiped, and the kernel's pages dropped. */
void drop_detached(struct fs *fs, struct inode *directory, const char *entry)
{
    for (struct inode *inode = directory->detached; inode; inode = inode->next_detached)
        if (strcmp(inode->entry, entry) == 0 && inode->bytes) {
            inode_set_bytes(inode, NULL, 0, 0);
            announce_inode(fs, ANNOUNCE_DROP, inode);
        }
}

/* What the name of a detached inode leads to now, or NULL. */
const struct tree_node *current_node(const struct inode *inode, struct found *found)
{
    struct view *view = NULL;
    if (inode->view) {
        if (view_tree(inode->view) && resolve_value_key(inode->view, inode->path, found) >= 0)
            return &found->node;
        return NULL;
    }
    uint32_t directory = view_node(inode->parent, &view);
    if (directory == TREE_NONE || resolve_key(view, directory, inode->entry, found) < 0 || found->kind != INODE_FILE)
        return NULL;
    return &found->node;
}

static void follow_now(struct fs *fs, struct inode *inode)
{
    struct found found = {0};
    const struct tree_node *node = current_node(inode, &found);
    if (!node) {
        inode_set_bytes(inode, NULL, 0, 0);
        announce_inode(fs, ANNOUNCE_DROP, inode);
        return;
    }
    const struct tree_node shown = {.bytes = inode->bytes, .offset = inode->offset, .size_bytes = inode->size_bytes};
    bool same = inode->bytes && tree_same_bytes(&shown, node);
    inode_set_bytes(inode, node->bytes, node->offset, node->size_bytes);
    inode->mtime_ns = node->mtime_ns;
    if (!same)
        announce_inode(fs, ANNOUNCE_FOLLOW, inode);
}

/* Somebody is just reading it in parts: whoever that is shall finish. */
static bool is_being_read(const struct fs *fs, const struct inode *inode, uint64_t now_ns)
{
    return inode->bytes && now_ns - inode->read_ns < fs->options.grace_ns;
}

void follow_tick(struct fs *fs, uint64_t now_ns)
{
    while (fs->followers && fs->followers->due_ns <= now_ns) {
        struct follower *follower = fs->followers;
        struct inode *inode = inode_find(fs->inodes, follower->number);
        fs->followers = follower->next;
        if (!fs->followers)
            fs->followers_end = &fs->followers;
        if (inode && !inode->named && !inode->own) {
            if (follower->delays < MAX_DELAYS && is_being_read(fs, inode, now_ns)) {
                follower->delays++;
                enqueue(fs, follower, now_ns);
                continue;
            }
            follow_now(fs, inode);
        }
        free(follower);
    }
}

uint64_t follow_next_tick_ns(const struct fs *fs)
{
    return fs->followers ? fs->followers->due_ns : CLOCK_NEVER_NS;
}

void follow_free(struct fs *fs)
{
    announcement_free_all(STEAL(fs->announcements));
    while (fs->followers) {
        struct follower *next = fs->followers->next;
        free(fs->followers);
        fs->followers = next;
    }
}

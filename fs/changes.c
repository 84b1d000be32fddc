/* SPDX-License-Identifier: Apache-2.0 */

/* From a new version to what must be announced.
 *
 * When a secret's value changes, its old and new trees are walked side by side, below each directory that the kernel
 * knows:
 *
 *   same bytes   the inode stays, and only its reference moves to the new version's memory;
 *   other bytes  the inode is detached, so that the next lookup makes a new one; announced as changed;
 *   new, gone    announced as added, removed (children first).
 *
 * What becomes of detached inodes that somebody holds is follow.c's business.
 *
 * The first reading of a secret is no change: nobody can have seen it before. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "fs/listing.h"
#include "fs/state.h"
#include "tree/name.h"

struct side {
    const struct tree *tree; /* or NULL */
    uint32_t directory;
};

static void compare_directories(struct fs *fs, struct inode *directory, struct side before, struct side after);

/* The child inode of an entry, unless a name hides the key there. */
static struct inode *key_inode(const struct fs *fs, const struct inode *directory, const char *entry, bool *ret_hidden)
{
    struct inode *inode = inode_child(fs->inodes, directory, entry);
    *ret_hidden = inode && inode->kind == INODE_NAMES;
    return *ret_hidden ? NULL : inode;
}

static void keep_file(struct fs *fs, struct inode *directory, const struct tree_node *before,
                      const struct tree_node *after)
{
    struct inode *named = inode_child(fs->inodes, directory, after->entry);
    if (named && named->kind == INODE_FILE)
        inode_set_bytes(named, after->bytes, after->offset, after->size_bytes);
    for (struct inode *inode = directory->detached; inode; inode = inode->next_detached)
        if (strcmp(inode->entry, after->entry) == 0 && inode->bytes == before->bytes && inode->offset == before->offset)
            inode_set_bytes(inode, after->bytes, after->offset, after->size_bytes);
}

static void change_file(struct fs *fs, struct inode *directory, const struct tree_node *after)
{
    bool hidden;
    struct inode *inode = key_inode(fs, directory, after->entry, &hidden);
    if (hidden)
        return;
    if (inode)
        inode_detach(fs->inodes, inode);
    follow_detached(fs, directory, after->entry);
    announce(fs, ANNOUNCE_CHANGED, false, directory, after->entry, after->size_bytes);
}

static void add_entry(struct fs *fs, struct inode *directory, const struct tree_node *after)
{
    bool hidden;
    (void)key_inode(fs, directory, after->entry, &hidden);
    if (hidden)
        return;
    follow_detached(fs, directory, after->entry);
    announce(fs, ANNOUNCE_ADDED, after->directory, directory, after->entry, after->size_bytes);
}

static void remove_entry(struct fs *fs, struct inode *directory, const struct side before, uint32_t node)
{
    const struct tree_node *gone = tree_node(before.tree, node);
    bool hidden;
    struct inode *inode = key_inode(fs, directory, gone->entry, &hidden);
    if (hidden)
        return;
    if (inode && gone->directory)
        compare_directories(fs, inode, (struct side){before.tree, node}, (struct side){NULL, TREE_NONE});
    announce(fs, ANNOUNCE_REMOVED, gone->directory, directory, gone->entry, 0);
    if (inode)
        inode_detach(fs->inodes, inode);
    drop_detached(fs, directory, gone->entry);
}

static void compare_entries(struct fs *fs, struct inode *directory, struct side before, uint32_t b, struct side after,
                            uint32_t a)
{
    const struct tree_node *old = tree_node(before.tree, b);
    const struct tree_node *new = tree_node(after.tree, a);
    if (old->directory && new->directory) {
        struct inode *inode = inode_child(fs->inodes, directory, new->entry);
        if (inode && inode->kind == INODE_OBJECT)
            compare_directories(fs, inode, (struct side){before.tree, b}, (struct side){after.tree, a});
    } else if (old->directory != new->directory) {
        remove_entry(fs, directory, before, b);
        add_entry(fs, directory, new);
    } else if (tree_same_bytes(old, new))
        keep_file(fs, directory, old, new);
    else
        change_file(fs, directory, new);
}

static void compare_directories(struct fs *fs, struct inode *directory, struct side before, struct side after)
{
    uint32_t b = 0;
    uint32_t a = 0;
    uint32_t b_end = before.tree ? tree_children(before.tree, before.directory, &b) : 0;
    uint32_t a_end = after.tree ? tree_children(after.tree, after.directory, &a) : 0;
    b_end += b;
    a_end += a;
    listing_free(STEAL(directory->listing));
    while (b < b_end || a < a_end) {
        int order = b == b_end   ? 1
                    : a == a_end ? -1
                                 : strcmp(tree_node(before.tree, b)->entry, tree_node(after.tree, a)->entry);
        if (order < 0)
            remove_entry(fs, directory, before, b++);
        else if (order > 0)
            add_entry(fs, directory, tree_node(after.tree, a++));
        else
            compare_entries(fs, directory, before, b++, after, a++);
    }
}

/* A file that is one key of one version or stage (a valueFrom path). */
static void compare_value_file(struct fs *fs, struct inode *inode)
{
    struct found found = {0};
    const struct tree_node *node = current_node(inode, &found);
    const struct tree_node shown = {.bytes = inode->bytes, .offset = inode->offset, .size_bytes = inode->size_bytes};
    if (node && inode->bytes && tree_same_bytes(&shown, node)) {
        inode_set_bytes(inode, node->bytes, node->offset, node->size_bytes);
        return;
    }
    if (!inode->named) {
        follow_later(fs, inode);
        return;
    }
    inode_detach(fs->inodes, inode);
    if (node) {
        follow_later(fs, inode);
        announce(fs, ANNOUNCE_CHANGED, false, inode->parent, inode->entry, node->size_bytes);
    } else {
        announce(fs, ANNOUNCE_REMOVED, false, inode->parent, inode->entry, 0);
        drop_detached(fs, inode->parent, inode->entry);
    }
}

/* The directory of a secret that nobody listed stands and falls with the secret. */
static void remove_unlisted(struct fs *fs, struct inode *directory)
{
    if (directory->kind != INODE_NAMES || !directory->is_secret ||
        names_find(cache_names(fs->cache), directory->path, NULL) ||
        names_has_below(cache_names(fs->cache), directory->path))
        return;
    announce(fs, ANNOUNCE_REMOVED, true, directory->parent, directory->entry, 0);
    inode_detach(fs->inodes, directory);
}

void changes_secret(struct fs *fs, struct cache_secret *secret)
{
    struct view *view = view_of(secret);
    const struct value *value = cache_secret_value(secret);
    if (!view || !view->was_there)
        return;
    struct tree *before = STEAL(view->tree);
    if (value && tree_new(value, before, &view->tree) < 0)
        log_error("out of memory: the change of \"%s\" is not announced", cache_secret_id(secret));
    const struct side old = {before, TREE_ROOT};
    const struct side new = {view->tree, TREE_ROOT};
    for (struct inode *inode = view->shown; inode; inode = inode->sibling) {
        if (inode->kind == INODE_FILE)
            compare_value_file(fs, inode);
        if (inode->kind == INODE_FILE || inode->kind == INODE_VERSIONS)
            continue;
        compare_directories(fs, inode, old, new);
        if (!value)
            remove_unlisted(fs, inode);
    }
    tree_free(before);
}

/* --- stages and versions --- */

/* What has become of one stage or version that is known now. */
static void compare_stage(struct fs *fs, const struct inode *versions, const struct stages *before,
                          const struct stage *stage)
{
    char entry[NAME_MAX_BYTES + 1];
    /* A version that somebody has found already is no news. */
    if (!stages_has_version(before, stage->version_id) && !inode_child(fs->inodes, versions, stage->version_id))
        announce(fs, ANNOUNCE_ADDED, true, versions, stage->version_id, 0);
    if (!stage->name || name_escape(stage->name, strlen(stage->name), entry) < 0)
        return;
    const char *old = stages_find(before, stage->name);
    if (stage->doubtful)
        announce(fs, ANNOUNCE_DOUBT, false, versions, entry, 0);
    else if (!old || strcmp(old, stage->version_id) != 0)
        announce_link(fs, versions, entry, stage->version_id);
}

static void compare_stages(struct fs *fs, struct inode *versions, const struct stages *before,
                           const struct stages *after)
{
    char entry[NAME_MAX_BYTES + 1];
    listing_free(STEAL(versions->listing));
    for (size_t i = 0; i < after->count; i++)
        compare_stage(fs, versions, before, &after->entries[i]);
    for (size_t i = 0; i < before->count; i++) {
        const char *stage = before->entries[i].name;
        if (stage && !stages_find(after, stage) && name_escape(stage, strlen(stage), entry) >= 0)
            announce(fs, ANNOUNCE_REMOVED, false, versions, entry, 0);
    }
}

void changes_stages(struct fs *fs, struct cache_secret *secret, const struct stages *before)
{
    const struct view *view = view_of(secret);
    for (struct inode *inode = view ? view->shown : NULL; inode; inode = inode->sibling)
        if (inode->kind == INODE_VERSIONS)
            compare_stages(fs, inode, before, cache_stages(secret));
}

/* Makes the kernel forget the secret's directories, with all below them that nobody holds. */
void changes_give_up(struct fs *fs, struct cache_secret *secret)
{
    const struct view *view = view_of(secret);
    for (const struct inode *inode = view ? view->shown : NULL; inode; inode = inode->sibling)
        if (inode->parent)
            announce(fs, ANNOUNCE_DOUBT, false, inode->parent, inode->entry, 0);
}

/* --- names --- */

struct name_changes {
    struct fs *fs;
    const struct names *before;
    const struct names *after;
    const struct inode *last_directory; /* announced last, so that a new prefix is announced once */
    char last_entry[NAME_MAX_BYTES + 1];
};

static bool exists(const struct names *names, const char *path)
{
    return names_find(names, path, NULL) || names_has_below(names, path);
}

static void announce_name(struct name_changes *changes, struct inode *directory, const char *entry, bool added)
{
    struct fs *fs = changes->fs;
    if (changes->last_directory == directory && strcmp(changes->last_entry, entry) == 0)
        return;
    changes->last_directory = directory;
    memcpy(changes->last_entry, entry, strlen(entry) + 1);
    listing_free(STEAL(directory->listing));
    struct inode *inode = inode_child(fs->inodes, directory, entry);
    if (added && inode) { /* somebody has found it before it was listed */
        announce_inode(fs, ANNOUNCE_DROP, directory);
        return;
    }
    announce(fs, added ? ANNOUNCE_ADDED : ANNOUNCE_REMOVED, true, directory, entry, 0);
    if (inode)
        inode_detach(fs->inodes, inode);
}

/* Finds the first component of a path that only one side has, in a directory that the kernel knows. */
static void change_name(void *context, const char *path, bool added)
{
    struct name_changes *changes = context;
    struct fs *fs = changes->fs;
    struct inode *directory = inode_find(fs->inodes, INODE_ROOT);
    _cleanup_free_ char *prefix = strdup(path);
    char *component = prefix;
    while (component && directory && directory->kind == INODE_NAMES) {
        char entry[NAME_MAX_BYTES + 1];
        char *slash = strchr(component, '/');
        if (slash)
            *slash = '\0';
        if (name_escape(component, strlen(component), entry) < 0)
            return;
        if (!exists(added ? changes->before : changes->after, prefix)) {
            announce_name(changes, directory, entry, added);
            return;
        }
        directory = inode_child(fs->inodes, directory, entry);
        component = slash ? slash + 1 : NULL;
        if (slash)
            *slash = '/';
    }
}

static void forget_listing(void *context, struct inode *inode)
{
    if (inode->kind != INODE_NAMES)
        return;
    listing_free(STEAL(inode->listing));
    announce_inode(context, ANNOUNCE_DROP, inode);
}

void changes_names(struct fs *fs, const struct names *before, const struct names *after)
{
    struct name_changes changes = {.fs = fs, .before = before, .after = after};
    if (before)
        names_diff(before, after, change_name, &changes);
    else /* the first listing: nothing new, only cached listings that are too short */
        inode_each(fs->inodes, forget_listing, fs);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "fs/errno_table.h"
#include "fs/listing.h"
#include "fs/state.h"
#include "tree/name.h"

static uint64_t number_of(const struct fs *fs, const struct inode *directory, const char *entry)
{
    const struct inode *inode = inode_child(fs->inodes, directory, entry);
    return inode ? inode->number : 0;
}

static int add(struct fs *fs, struct listing *listing, const struct inode *directory, const char *entry, mode_t type)
{
    return listing_add(listing, entry, type, number_of(fs, directory, entry));
}

static int add_dots(struct listing *listing, const struct inode *directory)
{
    const struct inode *parent = directory->parent ? directory->parent : directory;
    int r = listing_add(listing, ".", S_IFDIR, directory->number);
    return r < 0 ? r : listing_add(listing, "..", S_IFDIR, parent->number);
}

/* Is there a secret or a prefix where this key would be? Then the key is not shown. */
static bool is_hidden_by_name(const struct fs *fs, const struct inode *directory, const char *entry)
{
    _cleanup_free_ char *path = NULL;
    if (directory->kind != INODE_NAMES || names_path(directory, entry, &path) < 0)
        return false;
    return names_find(cache_names(fs->cache), path, NULL) || names_has_below(cache_names(fs->cache), path);
}

static int add_keys(struct fs *fs, struct listing *listing, const struct inode *directory)
{
    struct view *view = NULL;
    uint32_t node = view_node(directory, &view);
    uint32_t first;
    if (node == TREE_NONE)
        return 0;
    uint32_t count = tree_children(view->tree, node, &first);
    for (uint32_t i = first; i < first + count; i++) {
        const struct tree_node *key = tree_node(view->tree, i);
        if (is_hidden_by_name(fs, directory, key->entry))
            continue;
        int r = add(fs, listing, directory, key->entry, key->directory ? S_IFDIR : S_IFREG);
        if (r < 0)
            return r;
    }
    return 0;
}

static int add_names(struct fs *fs, struct listing *listing, const struct inode *directory)
{
    const struct names *names = cache_names(fs->cache);
    const char *component;
    size_t bytes;
    size_t position = 0;
    while (names_next_child(names, directory->path, &position, &component, &bytes)) {
        char entry[NAME_MAX_BYTES + 1];
        if (name_escape(component, bytes, entry) < 0)
            continue;
        int r = add(fs, listing, directory, entry, S_IFDIR);
        if (r < 0)
            return r;
    }
    return 0;
}

/* May the directory be listed now? 0, -EINPROGRESS, or a negative errno. */
static int ready_to_list(struct request *request, struct inode *directory)
{
    struct fs *fs = request->fs;
    const struct inode *top = directory;
    while (top->kind == INODE_OBJECT)
        top = top->parent;
    if (directory->kind == INODE_NAMES) {
        int r = wait_for_names(request);
        if (r < 0)
            return r;
        if (directory->number == INODE_ROOT && cache_names_state(fs->cache) == NAMES_FAILED &&
            scope_is_empty(cache_scope(fs->cache)))
            return -errno_of(cache_names_error(fs->cache)->kind);
        (void)names_view(fs, directory);
    }
    if (directory->kind == INODE_VERSIONS)
        return versions_ready(request, directory);
    if (!top->view)
        return 0;
    int r = want(request, top->view);
    /* An unreadable secret does not hide the names below it. */
    bool names_below = directory->kind == INODE_NAMES && names_has_below(cache_names(fs->cache), directory->path);
    return r < 0 && r != -EINPROGRESS && names_below ? 0 : r;
}

static bool has_versions(const struct inode *directory)
{
    return (directory->kind == INODE_NAMES || directory->kind == INODE_ARN) && directory->view &&
           cache_secret_value(directory->view->secret);
}

static int make_listing(struct fs *fs, struct inode *directory)
{
    _cleanup_listing_ struct listing *listing = NULL;
    int r = listing_new(&listing);
    if (r >= 0)
        r = add_dots(listing, directory);
    if (r >= 0 && directory->kind == INODE_NAMES)
        r = add_names(fs, listing, directory);
    if (r >= 0 && directory->kind != INODE_VERSIONS)
        r = add_keys(fs, listing, directory);
    if (r >= 0 && directory->kind == INODE_VERSIONS)
        r = versions_list(directory, listing);
    if (r >= 0 && has_versions(directory))
        r = add(fs, listing, directory, VERSIONS_ENTRY, S_IFDIR);
    if (r >= 0 && directory->number == INODE_ROOT)
        r = add(fs, listing, directory, SELF_ENTRY, S_IFDIR);
    if (r >= 0 && directory->kind == INODE_SELF)
        r = self_list(listing);
    if (r < 0)
        return r;
    listing_free(directory->listing);
    directory->listing = STEAL(listing);
    return 0;
}

/* Fills one answer from the snapshot; the last one frees it. */
static int reply_listing(struct request *request, struct inode *directory)
{
    struct fs *fs = request->fs;
    size_t room = request->size_bytes < BOUNCE_BYTES ? request->size_bytes : BOUNCE_BYTES;
    size_t used = 0;
    size_t count = listing_count(directory->listing);
    size_t index = (size_t)request->offset;
    for (; index < count; index++) {
        struct stat status = {0};
        uint64_t number;
        mode_t type;
        const char *entry = listing_at(directory->listing, index, &type, &number);
        status.st_mode = type;
        status.st_ino = number > 0 ? number : UINT32_MAX; /* FUSE's "unknown" */
        size_t bytes =
            fuse_add_direntry(request->handle, fs->bounce + used, room - used, entry, &status, (off_t)index + 1);
        if (bytes > room - used)
            break;
        used += bytes;
    }
    (void)fuse_reply_buf(request->handle, fs->bounce, used);
    if (index >= count && used == 0)
        listing_free(STEAL(directory->listing));
    return 0;
}

int handle_readdir(struct request *request)
{
    struct fs *fs = request->fs;
    struct inode *directory = inode_find(fs->inodes, request->number);
    if (!directory)
        return -ESTALE;
    if (directory->kind == INODE_FILE || directory->kind == INODE_STAGE)
        return -ENOTDIR;
    if (request->offset == 0 || !directory->listing) {
        int r = directory->kind == INODE_SELF ? 0 : ready_to_list(request, directory);
        if (r >= 0)
            r = make_listing(fs, directory);
        if (r < 0)
            return r;
    }
    return reply_listing(request, directory);
}

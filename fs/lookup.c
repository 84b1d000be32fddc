/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/parse.h"
#include "fs/state.h"

/* Does an inode that has the name already show what was found? Then it stays: same bytes, same inode. */
static bool shows(const struct inode *inode, const struct found *found)
{
    if (inode->kind != found->kind)
        return false;
    if (inode->kind == INODE_STAGE)
        return strcmp(inode->path, found->path) == 0;
    if (inode->kind != INODE_FILE)
        return true;
    return inode->bytes && inode->size_bytes == found->node.size_bytes &&
           memcmp(secret_bytes(inode->bytes) + inode->offset, secret_bytes(found->node.bytes) + found->node.offset,
                  inode->size_bytes) == 0;
}

static int make_inode(struct fs *fs, struct inode *directory, const char *entry, struct found *found,
                      struct inode **ret_inode)
{
    struct inode *inode = inode_child(fs->inodes, directory, entry);
    if (inode && !shows(inode, found)) {
        inode_detach(fs->inodes, inode);
        inode = NULL;
    }
    if (!inode) {
        int r = inode_new(fs->inodes, found->kind, directory, entry, &inode);
        if (r < 0)
            return r;
        inode->mtime_ns = found->node.mtime_ns;
        inode->path = STEAL(found->path);
        if (found->view)
            view_show(found->view, inode);
    }
    if (found->kind == INODE_FILE)
        inode_set_bytes(inode, found->node.bytes, found->node.offset, found->node.size_bytes);
    inode->is_secret = inode->is_secret || found->is_secret;
    *ret_inode = inode;
    return 0;
}

int lookup_inode(struct request *request, struct inode *directory, const char *entry, struct inode **ret_inode,
                 uint64_t *ret_timeout_ns)
{
    _cleanup_found_ struct found found = {0};
    int r = resolve(request, directory, entry, &found);
    if (r >= 0)
        r = make_inode(request->fs, directory, entry, &found, ret_inode);
    if (r >= 0)
        *ret_timeout_ns = found.timeout_ns;
    return r;
}

/* The announcer's way to an inode that no name leads to. */
static int lookup_handle(struct request *request)
{
    uint64_t number;
    int r = parse_uint(request->name, INODE_ROOT + 1, UINT64_MAX, &number);
    struct inode *inode = r >= 0 ? inode_find(request->fs->inodes, number) : NULL;
    if (!inode || inode->kind != INODE_FILE)
        return -ENOENT;
    reply_entry(request, inode, 0);
    return 0;
}

/* An entry that the announcer is about to remove is there for it, whatever the tree says. */
static int lookup_removed(struct request *request, struct inode *directory, enum inode_kind kind)
{
    struct fs *fs = request->fs;
    struct inode *inode = inode_child(fs->inodes, directory, request->name);
    if (!inode) {
        int r = inode_new(fs->inodes, kind, directory, request->name, &inode);
        if (r < 0)
            return r;
    }
    reply_entry(request, inode, 0);
    return 0;
}

static int lookup_special(struct request *request, struct inode *directory, enum inode_kind kind)
{
    struct found found = {.kind = kind};
    struct inode *inode;
    int r = make_inode(request->fs, directory, request->name, &found, &inode);
    if (r >= 0)
        reply_entry(request, inode, kind == INODE_SELF ? LONG_TIMEOUT_NS : 0);
    return r;
}

int handle_lookup(struct request *request)
{
    struct fs *fs = request->fs;
    struct inode *directory = inode_find(fs->inodes, request->number);
    if (!directory)
        return -ESTALE;
    if (directory->kind == INODE_SELF)
        return self_lookup(request, directory, request->name);
    if (directory->kind == INODE_HANDLES)
        return lookup_handle(request);
    if (directory->number == INODE_ROOT && strcmp(request->name, SELF_ENTRY) == 0)
        return lookup_special(request, directory, INODE_SELF);
    if (request->announcer) {
        if (directory->number == INODE_ROOT && strcmp(request->name, HANDLES_ENTRY) == 0)
            return lookup_special(request, directory, INODE_HANDLES);
        switch (announcer_expects(fs->announcer, directory->number, request->name)) {
        case EXPECTS_ABSENT:
            return -ENOENT;
        case EXPECTS_FILE:
            return lookup_removed(request, directory, INODE_FILE);
        case EXPECTS_DIRECTORY:
            return lookup_removed(request, directory, INODE_OBJECT);
        case EXPECTS_TREE:
        default:
            break;
        }
    }
    struct inode *inode;
    uint64_t timeout_ns;
    int r = lookup_inode(request, directory, request->name, &inode, &timeout_ns);
    if (r >= 0)
        reply_entry(request, inode, timeout_ns);
    return r;
}

/* The attributes of a secret's directory are asked for again when its TTL is over; that is the moment to check
 * the secret. What has never been read is not fetched for this. */
int handle_getattr(struct request *request)
{
    struct inode *inode = inode_find(request->fs->inodes, request->number);
    struct stat status;
    if (!inode)
        return -ESTALE;
    if (inode->kind != INODE_FILE && inode->view && cache_secret_value(inode->view->secret) &&
        want(request, inode->view) == -EINPROGRESS)
        return -EINPROGRESS;
    fill_stat(request->fs, inode, &status);
    (void)fuse_reply_attr(request->handle, &status, seconds_of(attr_timeout_ns(inode)));
    return 0;
}

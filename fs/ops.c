/* SPDX-License-Identifier: Apache-2.0 */

/* The operations that the kernel sends. Each handler counts the request, then replies at once or passes it on to
 * park.c. Writing operations answer EROFS to everybody but the announcer, for whom they mean nothing but the event
 * that the kernel makes of them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>

#include "base/clock.h"
#include "base/log.h"
#include "fs/state.h"

static struct fs *fs_of(fuse_req_t handle)
{
    return fuse_req_userdata(handle);
}

static bool from_announcer(fuse_req_t handle)
{
    return announcer_is(fs_of(handle)->announcer, fuse_req_ctx(handle)->pid);
}

static bool is_own(const struct fs *fs, fuse_ino_t number)
{
    const struct inode *inode = inode_find(fs->inodes, number);
    return inode && (inode->own || inode->kind == INODE_SELF);
}

static void count(struct fs *fs, enum operation operation, fuse_ino_t number)
{
    if (!is_own(fs, number))
        fs->counters[operation]++;
}

static void begin(fuse_req_t handle, enum operation operation, fuse_ino_t number, const char *name, size_t size_bytes,
                  off_t offset)
{
    struct fs *fs = fs_of(handle);
    struct request request = {
        .handle = handle,
        .operation = operation,
        .number = number,
        .size_bytes = size_bytes,
        .offset = offset,
        .announcer = from_announcer(handle),
        .arrived_ns = clock_monotonic_ns(),
    };
    if (name && strlen(name) > NAME_MAX_BYTES) {
        (void)fuse_reply_err(handle, operation == OP_LOOKUP ? ENAMETOOLONG : ENODATA);
        return;
    }
    if (name)
        memcpy(request.name, name, strlen(name) + 1);
    bool for_self = number == INODE_ROOT && strcmp(request.name, SELF_ENTRY) == 0;
    if (!request.announcer && !for_self)
        count(fs, operation, number);
    request_begin(fs, &request);
}

static void op_lookup(fuse_req_t handle, fuse_ino_t parent, const char *name)
{
    begin(handle, OP_LOOKUP, parent, name, 0, 0);
}

static void op_getattr(fuse_req_t handle, fuse_ino_t number, struct fuse_file_info *file)
{
    (void)file;
    begin(handle, OP_GETATTR, number, NULL, 0, 0);
}

static void op_readdir(fuse_req_t handle, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *file)
{
    (void)file;
    begin(handle, OP_READDIR, number, NULL, size, offset);
}

static void op_getxattr(fuse_req_t handle, fuse_ino_t number, const char *name, size_t size)
{
    begin(handle, OP_GETXATTR, number, name, size, 0);
}

static void op_listxattr(fuse_req_t handle, fuse_ino_t number, size_t size)
{
    begin(handle, OP_LISTXATTR, number, NULL, size, 0);
}

static void op_forget(fuse_req_t handle, fuse_ino_t number, uint64_t lookups)
{
    struct fs *fs = fs_of(handle);
    struct inode *inode = inode_find(fs->inodes, number);
    if (inode)
        inode_forget(fs->inodes, inode, lookups);
    fuse_reply_none(handle);
}

static void op_forget_multi(fuse_req_t handle, size_t count_forgets, struct fuse_forget_data *forgets)
{
    struct fs *fs = fs_of(handle);
    for (size_t i = 0; i < count_forgets; i++) {
        struct inode *inode = inode_find(fs->inodes, forgets[i].ino);
        if (inode)
            inode_forget(fs->inodes, inode, forgets[i].nlookup);
    }
    fuse_reply_none(handle);
}

/* ENOSYS tells the kernel never to ask again, and to keep pages and listings. */
static void op_open(fuse_req_t handle, fuse_ino_t number, struct fuse_file_info *file)
{
    struct fs *fs = fs_of(handle);
    count(fs, OP_OPEN, number);
    file->keep_cache = 1;
    if (!fs->answers_open)
        (void)fuse_reply_err(handle, ENOSYS);
    else if ((file->flags & O_ACCMODE) != O_RDONLY && !from_announcer(handle))
        (void)fuse_reply_err(handle, EROFS);
    else
        (void)fuse_reply_open(handle, file);
}

static void op_opendir(fuse_req_t handle, fuse_ino_t number, struct fuse_file_info *file)
{
    (void)file;
    count(fs_of(handle), OP_OPENDIR, number);
    (void)fuse_reply_err(handle, ENOSYS);
}

/* The kernel pins the pages of what is written to /dev/fuse, which secret memory refuses: hence the bounce. */
static void op_read(fuse_req_t handle, fuse_ino_t number, size_t size, off_t offset, struct fuse_file_info *file)
{
    struct fs *fs = fs_of(handle);
    struct inode *inode = inode_find(fs->inodes, number);
    (void)file;
    count(fs, OP_READ, number);
    if (!inode || inode->kind != INODE_FILE || !inode->bytes) {
        (void)fuse_reply_err(handle, ESTALE);
        return;
    }
    if (offset < 0 || (size_t)offset >= inode->size_bytes) {
        (void)fuse_reply_buf(handle, NULL, 0);
        return;
    }
    inode->read_ns = clock_monotonic_ns();
    size_t left = inode->size_bytes - (size_t)offset;
    size_t bytes = size < left ? size : left;
    if (bytes > BOUNCE_BYTES)
        bytes = BOUNCE_BYTES;
    memcpy(fs->bounce, secret_bytes(inode->bytes) + inode->offset + (size_t)offset, bytes);
    (void)fuse_reply_buf(handle, fs->bounce, bytes);
    explicit_bzero(fs->bounce, bytes);
}

static void op_readlink(fuse_req_t handle, fuse_ino_t number)
{
    struct fs *fs = fs_of(handle);
    const struct inode *inode = inode_find(fs->inodes, number);
    count(fs, OP_READLINK, number);
    if (inode && inode->kind == INODE_STAGE)
        (void)fuse_reply_readlink(handle, inode->path);
    else
        (void)fuse_reply_err(handle, inode ? EINVAL : ESTALE);
}

static void op_statfs(fuse_req_t handle, fuse_ino_t number)
{
    struct statvfs status = {.f_bsize = 4096, .f_frsize = 4096, .f_namemax = NAME_MAX_BYTES, .f_flag = ST_RDONLY};
    (void)number;
    status.f_files = inode_count(fs_of(handle)->inodes);
    (void)fuse_reply_statfs(handle, &status);
}

/* --- writing --- */

static void op_setattr(fuse_req_t handle, fuse_ino_t number, struct stat *attributes, int what,
                       struct fuse_file_info *file)
{
    struct fs *fs = fs_of(handle);
    const struct inode *inode = inode_find(fs->inodes, number);
    struct stat status;
    (void)attributes;
    (void)what;
    (void)file;
    if (!inode || !from_announcer(handle)) {
        (void)fuse_reply_err(handle, EROFS);
        return;
    }
    fill_stat(fs, inode, &status);
    (void)fuse_reply_attr(handle, &status, seconds_of(attr_timeout_ns(inode)));
}

/* What the announcer creates is what the tree has there anyway. Returns the inode, or NULL after an error reply. */
static struct inode *announced(fuse_req_t handle, fuse_ino_t parent, const char *name,
                               struct fuse_entry_param *ret_entry)
{
    struct fs *fs = fs_of(handle);
    struct request request = {.handle = handle, .fs = fs, .announcer = true, .arrived_ns = clock_monotonic_ns()};
    struct inode *directory = inode_find(fs->inodes, parent);
    struct inode *inode = NULL;
    uint64_t timeout_ns = 0;
    int r = from_announcer(handle) && directory ? lookup_inode(&request, directory, name, &inode, &timeout_ns) : -EROFS;
    if (r < 0) {
        (void)fuse_reply_err(handle, -r);
        return NULL;
    }
    *ret_entry = entry_of(fs, inode, timeout_ns);
    inode->lookups++;
    return inode;
}

static void op_create(fuse_req_t handle, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *file)
{
    struct fuse_entry_param entry;
    (void)mode;
    struct inode *inode = announced(handle, parent, name, &entry);
    file->keep_cache = 1;
    if (inode && fuse_reply_create(handle, &entry, file) < 0)
        inode_forget(fs_of(handle)->inodes, inode, 1);
}

static void op_mkdir(fuse_req_t handle, fuse_ino_t parent, const char *name, mode_t mode)
{
    struct fuse_entry_param entry;
    (void)mode;
    struct inode *inode = announced(handle, parent, name, &entry);
    if (inode && fuse_reply_entry(handle, &entry) < 0)
        inode_forget(fs_of(handle)->inodes, inode, 1);
}

static void op_unlink(fuse_req_t handle, fuse_ino_t parent, const char *name)
{
    struct fs *fs = fs_of(handle);
    const struct inode *directory = inode_find(fs->inodes, parent);
    if (!from_announcer(handle) || !directory) {
        (void)fuse_reply_err(handle, EROFS);
        return;
    }
    struct inode *inode = inode_child(fs->inodes, directory, name);
    if (inode) {
        inode_detach(fs->inodes, inode);
        inode_settle(fs->inodes, inode);
    }
    (void)fuse_reply_err(handle, 0);
}

static void op_mknod(fuse_req_t handle, fuse_ino_t parent, const char *name, mode_t mode, dev_t device)
{
    (void)parent, (void)name, (void)mode, (void)device;
    (void)fuse_reply_err(handle, EROFS);
}

/* The announcer makes a stage's new link under a passing name, then renames it into place. */
static void op_symlink(fuse_req_t handle, const char *target, fuse_ino_t parent, const char *name)
{
    struct fs *fs = fs_of(handle);
    struct inode *directory = inode_find(fs->inodes, parent);
    struct inode *inode = NULL;
    bool allowed = from_announcer(handle) && directory && directory->kind == INODE_VERSIONS;
    int r = allowed ? inode_new(fs->inodes, INODE_STAGE, directory, name, &inode) : -EROFS;
    if (r >= 0 && !(inode->path = strdup(target))) {
        inode_settle(fs->inodes, inode);
        r = -ENOMEM;
    }
    if (r < 0) {
        (void)fuse_reply_err(handle, -r);
        return;
    }
    /* The entry must live until the rename, and is the stage's own then. */
    struct request request = {.handle = handle, .fs = fs};
    reply_entry(&request, inode, cache_secret_left_ns(directory->view->secret) + NS_PER_SEC);
}

static void op_rename(fuse_req_t handle, fuse_ino_t parent, const char *name, fuse_ino_t new_parent,
                      const char *new_name, unsigned flags)
{
    struct fs *fs = fs_of(handle);
    const struct inode *directory = inode_find(fs->inodes, parent);
    struct inode *inode = directory ? inode_child(fs->inodes, directory, name) : NULL;
    if (!from_announcer(handle) || parent != new_parent || flags != 0 || !inode || inode->kind != INODE_STAGE)
        (void)fuse_reply_err(handle, EROFS);
    else
        (void)fuse_reply_err(handle, -inode_rename(fs->inodes, inode, new_name));
}

static void op_link(fuse_req_t handle, fuse_ino_t number, fuse_ino_t new_parent, const char *new_name)
{
    (void)number, (void)new_parent, (void)new_name;
    (void)fuse_reply_err(handle, EROFS);
}

static void op_write(fuse_req_t handle, fuse_ino_t number, const char *bytes, size_t size, off_t offset,
                     struct fuse_file_info *file)
{
    (void)number, (void)bytes, (void)size, (void)offset, (void)file;
    (void)fuse_reply_err(handle, EROFS);
}

static void op_setxattr(fuse_req_t handle, fuse_ino_t number, const char *name, const char *value, size_t size,
                        int flags)
{
    (void)number, (void)name, (void)value, (void)size, (void)flags;
    (void)fuse_reply_err(handle, EROFS);
}

static void op_removexattr(fuse_req_t handle, fuse_ino_t number, const char *name)
{
    (void)number, (void)name;
    (void)fuse_reply_err(handle, EROFS);
}

static void op_init(void *context, struct fuse_conn_info *connection)
{
    struct fs *fs = context;
    const unsigned unwanted = FUSE_CAP_SPLICE_READ | FUSE_CAP_SPLICE_WRITE | FUSE_CAP_SPLICE_MOVE |
                              FUSE_CAP_ATOMIC_O_TRUNC | FUSE_CAP_WRITEBACK_CACHE | FUSE_CAP_READDIRPLUS |
                              FUSE_CAP_POSIX_LOCKS | FUSE_CAP_FLOCK_LOCKS;
    connection->want &= ~unwanted;
    /* A directory's new mtime makes the kernel drop its cached listing; a file's never changes. */
    connection->want |= connection->capable & (FUSE_CAP_AUTO_INVAL_DATA | FUSE_CAP_CACHE_SYMLINKS);
    fs->wants_parallel_lookups = (connection->capable & FUSE_CAP_PARALLEL_DIROPS) != 0;
    if (!(connection->capable & FUSE_CAP_NO_OPEN_SUPPORT))
        fs->answers_open = true;
    fs->ready = true;
}

const struct fuse_lowlevel_ops fs_operations = {
    .init = op_init,
    .lookup = op_lookup,
    .forget = op_forget,
    .forget_multi = op_forget_multi,
    .getattr = op_getattr,
    .setattr = op_setattr,
    .open = op_open,
    .read = op_read,
    .readlink = op_readlink,
    .opendir = op_opendir,
    .readdir = op_readdir,
    .getxattr = op_getxattr,
    .listxattr = op_listxattr,
    .statfs = op_statfs,
    .create = op_create,
    .mkdir = op_mkdir,
    .unlink = op_unlink,
    .rmdir = op_unlink,
    .mknod = op_mknod,
    .symlink = op_symlink,
    .rename = op_rename,
    .link = op_link,
    .write = op_write,
    .setxattr = op_setxattr,
    .removexattr = op_removexattr,
};

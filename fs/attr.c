/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "fs/state.h"

static struct timespec timespec_of(uint64_t time_ns)
{
    return (struct timespec){(time_t)(time_ns / NS_PER_SEC), (long)(time_ns % NS_PER_SEC)};
}

/* Of what is no file: when the version it shows was made. */
static uint64_t directory_time(const struct fs *fs, const struct inode *inode)
{
    struct view *view = NULL;
    uint32_t node = view_node(inode, &view);
    const struct value *value = node != TREE_NONE ? cache_secret_value(view->secret) : NULL;
    return value && value->created_ns > 0 ? value->created_ns : fs->started_wall_ns;
}

static mode_t mode_of(const struct fs *fs, const struct inode *inode)
{
    mode_t mode = fs->options.mode;
    if (inode->kind == INODE_FILE)
        return S_IFREG | mode;
    if (inode->kind == INODE_STAGE)
        return S_IFLNK | 0777;
    return S_IFDIR | mode | (mode & 0444) >> 2;
}

static size_t size_of(const struct inode *inode)
{
    if (inode->kind == INODE_STAGE)
        return strlen(inode->path);
    return inode->kind == INODE_FILE ? inode->size_bytes : 0;
}

void fill_stat(const struct fs *fs, const struct inode *inode, struct stat *ret_status)
{
    mode_t mode = mode_of(fs, inode);
    *ret_status = (struct stat){
        .st_ino = inode->number,
        .st_uid = fs->options.uid,
        .st_gid = fs->options.gid,
        .st_nlink = S_ISDIR(mode) ? 2 : 1,
        .st_mode = mode,
        .st_size = (off_t)size_of(inode),
        .st_blksize = 4096,
        .st_blocks = (blkcnt_t)((size_of(inode) + 511) / 512),
    };
    ret_status->st_mtim = timespec_of(inode->kind == INODE_FILE ? inode->mtime_ns : directory_time(fs, inode));
    ret_status->st_ctim = ret_status->st_mtim;
    ret_status->st_atim = ret_status->st_mtim;
}

double seconds_of(uint64_t timeout_ns)
{
    return (double)timeout_ns / (double)NS_PER_SEC;
}

/* A file's attributes never change. A secret's directory is asked about again when its TTL is over, because a
 * new mtime is what makes the kernel drop its cached listing. */
uint64_t attr_timeout_ns(const struct inode *inode)
{
    if (inode->kind == INODE_FILE || inode->kind == INODE_STAGE || !inode->view ||
        !cache_secret_value(inode->view->secret))
        return LONG_TIMEOUT_NS;
    return cache_secret_left_ns(inode->view->secret);
}

struct fuse_entry_param entry_of(const struct fs *fs, const struct inode *inode, uint64_t timeout_ns)
{
    struct fuse_entry_param entry = {
        .ino = inode->number,
        .attr_timeout = seconds_of(attr_timeout_ns(inode)),
        .entry_timeout = seconds_of(timeout_ns),
    };
    fill_stat(fs, inode, &entry.attr);
    return entry;
}

void reply_entry(struct request *request, struct inode *inode, uint64_t timeout_ns)
{
    struct fs *fs = request->fs;
    struct fuse_entry_param entry = entry_of(fs, inode, timeout_ns);
    inode->lookups++;
    if (fuse_reply_entry(request->handle, &entry) < 0) /* interrupted: the kernel did not take it */
        inode_forget(fs->inodes, inode, 1);
}

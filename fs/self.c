/* SPDX-License-Identifier: Apache-2.0 */

/* What the mount says of itself, below /.secretsfs. Each lookup of a file there makes a new one with what is true at
 * that moment, and the kernel is told not to keep the entry; so whoever opens it reads one whole snapshot. */
#include "fs/self.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "fs/listing.h"

static const struct {
    const char *entry;
    int (*make)(const struct fs *fs, struct secret **ret_text);
} files[] = {{"metrics", self_metrics}, {"status.json", self_status}};

int self_list(struct listing *listing)
{
    int r = 0;
    for (size_t i = 0; i < sizeof(files) / sizeof(*files) && r >= 0; i++)
        r = listing_add(listing, files[i].entry, S_IFREG, 0);
    return r;
}

int self_lookup(struct request *request, struct inode *directory, const char *entry)
{
    struct fs *fs = request->fs;
    for (size_t i = 0; i < sizeof(files) / sizeof(*files); i++) {
        if (strcmp(entry, files[i].entry) != 0)
            continue;
        _cleanup_secret_ struct secret *text = NULL;
        struct inode *inode = inode_child(fs->inodes, directory, entry);
        if (inode)
            inode_detach(fs->inodes, inode);
        int r = files[i].make(fs, &text);
        if (r >= 0)
            r = inode_new(fs->inodes, INODE_FILE, directory, entry, &inode);
        if (r < 0)
            return r;
        inode->own = true;
        inode->mtime_ns = clock_wall_ns();
        inode_set_bytes(inode, text, 0, secret_size_bytes(text));
        reply_entry(request, inode, 0);
        return 0;
    }
    return -ENOENT;
}

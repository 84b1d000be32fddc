/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The mounted filesystem: made, mounted and run by cli/. Main thread only. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/source.h"
#include "cache/cache.h"

struct fs;

struct fs_options {
    const char *mountpoint; /* absolute */
    uid_t uid;
    gid_t gid;
    mode_t mode; /* of files; directories get an x for each r */
    uint64_t timeout_ns;
    uint64_t grace_ns;
    const char *version;
    void (*ready)(void *context); /* called once, when the mount answers */
    void (*alive)(void *context); /* called by the loop every alive_ns */
    uint64_t alive_ns;            /* 0: never */
    void *context;
};

/* `source` is borrowed; `scope` is taken, also on failure. The options' texts must outlive the fs. Returns 0 or a
 * negative errno. */
int fs_new(struct source *source, struct scope *scope, const struct cache_options *cache_options,
           const struct fs_options *options, struct fs **ret_fs);

/* Mounts; from now on the mountpoint waits for fs_run(). Returns 0, or a negative errno with the error filled. */
int fs_mount(struct fs *fs, struct error *ret_error);

/* Serves until SIGTERM or SIGINT (which unmount) or until somebody else has unmounted. SIGHUP checks everything. The
 * caller has blocked these signals in all threads. Returns 0 or a negative errno. */
int fs_run(struct fs *fs);

/* Frees everything. Returns -ETIMEDOUT, with nothing freed, when a fetcher hangs: the caller had better exit. */
int fs_free(struct fs *fs);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The tree of secrets as ordinary files in a directory, kept up to date: for places without FUSE. Made and run by cli/.
 * Main thread only. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/error.h"
#include "base/source.h"
#include "cache/cache.h"

struct sync;

struct sync_options {
    const char *directory; /* DIR, absolute */
    uid_t uid;
    gid_t gid;
    mode_t mode;     /* of files; directories get an x for each r */
    bool atomic;     /* all files of a secret change at once */
    bool allow_disk; /* DIR may be on a disk */
    bool keep;       /* leave the files when it ends */
    bool once;       /* write everything once, and end; the files stay */
    uint64_t max_stale_ns;
    const char *version;
    void (*ready)(void *context); /* called once, when all that can be had is there */
    void (*alive)(void *context); /* called by the loop every alive_ns */
    uint64_t alive_ns;            /* 0: never */
    void *context;
};

/* Opens, marks and locks DIR. `source` is borrowed; `scope` is taken, also on failure. The options' texts must outlive
 * the sync. Returns 0, or a negative errno with the error filled. */
int sync_new(struct source *source, struct scope *scope, const struct cache_options *cache_options,
             const struct sync_options *options, struct sync **ret_sync, struct error *ret_error);

/* Keeps the files up to date until SIGTERM or SIGINT, which remove them (unless they are kept); SIGHUP checks
 * everything, the files too. The caller has blocked these signals in all threads. With `once` it returns when all is
 * written or nothing more can be: then what is missing has been logged and counted in the error. Returns 0, or a
 * negative errno with the error filled. */
int sync_run(struct sync *sync, struct error *ret_error);

/* Frees everything. Returns -ETIMEDOUT, with nothing freed, when a fetcher hangs: the caller had better exit. */
int sync_free(struct sync *sync);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The fetchers: threads that take jobs, ask the source, and hand results back. Created on demand, up to 16,
 * each with its own connection. Everything here is called on the loop thread. */

#include <stdint.h>

#include "base/cleanup.h"
#include "base/source.h"
#include "cache/names.h"
#include "cache/scope.h"
#include "cache/stages.h"

#define FETCH_MAX_THREADS 16

enum job_kind {
    JOB_GET,      /* one value */
    JOB_GET_MANY, /* the current values of some secrets */
    JOB_VERSIONS, /* versions and stages of a secret */
    JOB_LIST,     /* all names */
};

struct job_item {
    char *id;
    void *owner;
    struct value *value; /* or NULL with `error` */
    struct error error;
};

/* Filled by the loop, then owned by the pool until it comes back with its results. */
struct job {
    enum job_kind kind;
    uint64_t deadline_ns;
    void *owner; /* whatever the cache needs to find its way back */

    /* JOB_GET, JOB_VERSIONS; owned by the job. */
    char *id;
    char *stage;
    char *version_id;

    /* JOB_GET_MANY; with results. */
    struct job_item *many; /* room for SOURCE_MAX_BATCH */
    size_t many_count;

    /* JOB_LIST; borrowed, immutable. */
    const struct scope *scope;

    /* Results: 0 or a negative errno with `error`; owned by the job until taken. */
    int result;
    struct error error;
    struct value *value;
    struct names *names;
    struct stages stages;

    struct job *next; /* of the queue it stands in */
};

void job_free(struct job *job);
DEFINE_CLEANUP(struct job, job_free)
#define _cleanup_job_ _cleanup_(job_freep)

struct fetch_pool;

/* `source` is borrowed and must outlive the pool. Returns 0 or a negative errno. */
int fetch_pool_new(struct source *source, struct fetch_pool **ret_pool);

/* Stops: jobs not begun are dropped, exchanges under way are cancelled, and their ends waited for no longer than
 * `wait_ns`. Returns 0, or -ETIMEDOUT when a thread is still inside the source; then nothing is freed, and the process
 * had better exit. */
int fetch_pool_stop(struct fetch_pool *pool, uint64_t wait_ns);

/* Takes the job. Never blocks and never fails: a job that cannot be run comes back with ERROR_INTERNAL. */
void fetch_pool_submit(struct fetch_pool *pool, struct job *job);

/* Readable when a result waits. */
int fetch_pool_fd(const struct fetch_pool *pool);

/* The next finished job, to be freed by the caller, or NULL. */
struct job *fetch_pool_take(struct fetch_pool *pool);

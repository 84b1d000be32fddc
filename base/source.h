/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where secrets come from: the interface between cache/ above and backend/ below. A source is shared by all
 * fetcher threads; its operations block until an answer, a failure or the deadline, are plain sequential
 * code, and take the calling thread's own struct http. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/http.h"
#include "base/secret.h"

#define VALUE_MAX_STAGES 20

/* One version of a secret, with its bytes. Owned by whoever got it; freed by value_free(). */
struct value {
    char *arn;
    char *name;
    char *version_id;
    char *stages[VALUE_MAX_STAGES];
    size_t stage_count;
    uint64_t created_ns; /* CreatedDate of the version, wall clock; 0 when not told */
    bool binary;         /* SecretBinary: never looked into as JSON */
    struct secret *bytes;
};

struct value *value_new(void);
void value_free(struct value *value);

/* A copy that shares the bytes. Returns 0 or -ENOMEM. */
int value_copy(const struct value *value, struct value **ret_copy);
DEFINE_CLEANUP(struct value, value_free)
#define _cleanup_value_ _cleanup_(value_freep)

/* What is asked for: a name, an ARN or a partial ARN, a stage and a version id, either NULL (both must agree; neither
 * means AWSCURRENT). */
struct value_request {
    const char *id;
    const char *stage;
    const char *version_id;
};

/* Takes one name of a listing. `name` is a secret's name as AWS has it; copy what is kept. Returns 0 to go on
 * or a negative errno, which ends the listing and is its result. */
typedef int (*source_name_cb)(void *context, const char *name);

/* Takes one version of a secret and one of its stages; a version with several stages comes several times, one with none
 * once, with `stage` NULL. Same return value. */
typedef int (*source_version_cb)(void *context, const char *version_id, const char *stage);

/* Takes the answer for the id at `index`: a value (to be taken over) or, when that is NULL, why there is none. */
typedef void (*source_value_cb)(void *context, size_t index, struct value *value, const struct error *error);

/* Takes a hint that a secret (a name or an ARN; NULL: any) has changed, and to which version, when that is known. */
typedef void (*source_change_cb)(void *context, const char *id, const char *version_id);

#define SOURCE_MAX_BATCH 20

/* How a source is told of changes. */
struct push_status {
    const char *state;     /* "off", "listening" or "failing" */
    uint64_t calls;        /* requests made for it */
    const char *queue;     /* where the messages come from, or NULL; lives as long as the source */
    uint64_t received;     /* messages so far */
    uint64_t unrecognized; /* those of them that told of no change of a secret */
};

struct source;

struct source_ops {
    /* GetSecretValue. Returns 0, or a negative errno with the error filled. */
    int (*get)(struct source *source, struct http *http, const struct value_request *request, uint64_t deadline_ns,
               struct value **ret_value, struct error *ret_error);

    /* All names, in any order, page by page. `prefixes` (may be empty) narrows the listing on the server's side to
     * names that begin with one of them. */
    int (*list)(struct source *source, struct http *http, const char *const *prefixes, size_t prefix_count,
                uint64_t deadline_ns, source_name_cb each, void *context, struct error *ret_error);

    /* The current values of up to SOURCE_MAX_BATCH secrets in one call. Returns 0 when `each` has been called for every
     * id, or a negative errno with the error filled when the call as a whole has failed and `each` was not called at
     * all (ERROR_ACCESS_DENIED: the action is not permitted, ask one by one). May be NULL. */
    int (*get_many)(struct source *source, struct http *http, const char *const *ids, size_t count,
                    uint64_t deadline_ns, source_value_cb each, void *context, struct error *ret_error);

    /* All versions of a secret with their stages (DescribeSecret). May be NULL. */
    int (*versions)(struct source *source, struct http *http, const char *id, uint64_t deadline_ns,
                    source_version_cb each, void *context, struct error *ret_error);

    /* A descriptor that becomes readable when values have changed without being asked for, or -1; and taking what it
     * tells. Loop thread. Either may be NULL. */
    int (*change_fd)(struct source *source);
    void (*change_drain)(struct source *source, source_change_cb each, void *context);

    /* Any thread. May be NULL: off. */
    void (*push_status)(struct source *source, struct push_status *ret_status);

    /* One line about where values come from, for status and error texts: region and endpoint, or the file. */
    const char *(*describe)(struct source *source);

    /* Number of requests made so far (attempts on the wire). Any thread. May be NULL. */
    uint64_t (*call_count)(struct source *source);

    void (*free)(struct source *source);
};

/* Embedded as the first member of each concrete source. */
struct source {
    const struct source_ops *ops;
};

static inline void source_free(struct source *source)
{
    if (source)
        source->ops->free(source);
}
DEFINE_CLEANUP(struct source, source_free)
#define _cleanup_source_ _cleanup_(source_freep)

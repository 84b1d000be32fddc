/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A source of secrets that answers as the test says and writes down what it was asked. An operation takes its answer
 * when it begins, and can be held inside the source until the test lets it go. */

#include <pthread.h>
#include <stdbool.h>

#include "base/source.h"

struct fake_source {
    struct source source; /* for cache_new() and fetch_pool_new() */

    /* What it answers. A test sets these while no operation begins. */
    enum error_kind get_failure; /* ERROR_NONE: it succeeds */
    enum error_kind batch_failure;
    enum error_kind list_failure;
    enum error_kind versions_failure;
    const char *version;      /* of the current value */
    const char *bytes;        /* of the current value */
    const char *stage;        /* of the current value, besides AWSCURRENT; or NULL */
    const char *missing;      /* the one id of a batch that does not exist, or NULL */
    const char *const *names; /* ends in NULL */

    pthread_mutex_t lock;
    pthread_cond_t moved;
    /* Protected by `lock`. */
    bool held;
    unsigned inside;
    char asked[2048]; /* "get a; get a stage AWSPREVIOUS; many a b; list prod; versions a; " */
};

/* An answer of version "v1" with the bytes "one", and no names. */
void fake_init(struct fake_source *fake);
void fake_clear(struct fake_source *fake);

/* Operations that begin from now on stay inside; and go on. */
void fake_hold(struct fake_source *fake);
void fake_release(struct fake_source *fake);

/* Waits until so many operations are inside. */
void fake_wait_inside(struct fake_source *fake, unsigned count);

/* What it was asked since the last call, in order. */
const char *fake_asked(struct fake_source *fake, char *text, size_t text_bytes);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the files of sync/ share. */

#include "base/clock.h"
#include "sync/entries.h"
#include "sync/files.h"
#include "sync/place.h"
#include "sync/plan.h"
#include "sync/sync.h"
#include "tree/tree.h"

/* A secret that is in DIR, or should be. */
struct item {
    char *path;      /* of its name */
    char *directory; /* the same as components of DIR */
    struct cache_secret *secret;
    struct tree *tree;   /* of the value that was seen last, or NULL */
    uint64_t generation; /* of that value */
    bool listed;         /* used while names are walked */
    bool written;        /* what is wanted of it is there */

    /* With --atomic: the directories that ..data leads to, and led to before. */
    char *data;
    char *previous;
    uint64_t previous_until_ns; /* who has just opened it may finish reading */
};

enum item_state {
    ITEM_WAITING, /* no answer yet: what an earlier run has left stays */
    ITEM_THERE,
    ITEM_GONE, /* for certain, or not confirmed for too long */
};

struct sync {
    struct sync_options options;
    struct source *source;
    struct cache *cache;
    struct place place;
    struct files files;
    uint64_t started_ns;

    struct item **items; /* in the order of their paths */
    size_t item_count;
    struct entries made;
    struct buffer ledger; /* the text of .secretsfs/made */

    bool names_dirty;
    bool dirty;
    bool ready;
    bool stopping;
    size_t failed_count; /* entries that could not be written in the last pass */
    int complaint;       /* errno that was logged last, or 0 */
    uint64_t complained_ns;
    uint64_t retry_ns;   /* when entries that could not be written are tried again */
    uint64_t review_ns;  /* when time alone changes what is wanted */
    uint64_t missing_ns; /* when secrets that were not answered for are asked for again */
    uint64_t backoff_ns;
    uint64_t status_ns; /* when the status is written next */
};

/* --- items.c: which secrets --- */

/* Makes the items follow the names. Returns 0 or -ENOMEM. Not within cache_dispatch(). */
int items_update(struct sync *sync);
void items_free(struct sync *sync);

enum item_state item_state(const struct sync *sync, const struct item *item);
/* Is what the names say final? */
bool names_are_settled(const struct sync *sync);

/* --- want.c: what is wanted --- */

/* Adds all that is wanted in DIR now; `*ret_review_ns` is when that changes by itself. Returns 0 or -ENOMEM. */
int items_want(struct sync *sync, uint64_t now_ns, struct entries *wanted, uint64_t *ret_review_ns);

/* --- pass.c: making it so --- */

/* Takes over what an earlier run has made. Returns 0, or a negative errno with the error filled. */
int pass_adopt(struct sync *sync, struct error *ret_error);

void pass_run(struct sync *sync, uint64_t now_ns);

/* Removes everything that was made. */
void pass_remove_all(struct sync *sync);

/* --- status.c --- */

void status_write(struct sync *sync);

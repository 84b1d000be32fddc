/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* From what is there to what is wanted, step by step. Pure. */

#include "sync/entries.h"

enum step_kind {
    STEP_REMOVE,
    STEP_MAKE,
    STEP_REPLACE, /* a file or link by another */
    STEP_CHECK,   /* what is there is not known for certain */
    STEP_KEEP,
};

struct step {
    enum step_kind kind;
    const struct entry *before; /* or NULL */
    const struct entry *after;  /* or NULL */
    int result;                 /* for who carries it out */
};

/* First what is in the way goes (a file where a directory is wanted, and the reverse), then comes what is new and what
 * changes, each directory before what is in it; and at last the rest of what is not wanted goes, the innermost first.
 * So who looks from outside finds the new before the old is gone. */
struct plan {
    struct step *steps;
    size_t count;
};

/* The entries must outlive the plan. Returns 0 or -ENOMEM. */
int plan_new(const struct entries *made, const struct entries *wanted, struct plan *ret_plan);
void plan_clear(struct plan *plan);
#define _cleanup_plan_ _cleanup_(plan_clear)

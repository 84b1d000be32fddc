/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Which stage is on which version of one secret, as far as it is known. A stage is on one version only; a version may
 * have any number of stages, or none. Loop thread. */

#include <stdbool.h>
#include <stddef.h>

#include "base/source.h"

struct stages {
    struct stage {
        char *name; /* NULL: the version is known, but no stage of it */
        char *version_id;
        bool doubtful; /* AWSCURRENT has moved since: ask again */
    } * entries;
    size_t count;
};

void stages_clear(struct stages *stages);
#define _cleanup_stages_ _cleanup_(stages_clear)

/* Returns 0 or -ENOMEM, with nothing in `ret_copy` then. */
int stages_copy(const struct stages *stages, struct stages *ret_copy);

/* The version that has a stage, or had it when that is doubtful now; NULL when nothing is known. */
const char *stages_find(const struct stages *stages, const char *name);

/* The same, NULL when it is doubtful. */
const char *stages_find_certain(const struct stages *stages, const char *name);

/* Is this version known? */
bool stages_has_version(const struct stages *stages, const char *version_id);

/* Adds what a listing of versions tells (see source_version_cb), or moves a stage. Returns 1 when that is news, 0, or
 * -ENOMEM. */
int stages_put(struct stages *stages, const char *version_id, const char *name);

/* Takes in the current value: its stages are on its version and on no other; those that were on it and are not in the
 * value are gone. When AWSCURRENT moves, AWSPREVIOUS moves too, but perhaps not to the version that we saw last: two
 * rotations may lie between two checks. So all stages but the value's become doubtful. Returns as stages_put(). */
int stages_put_current(struct stages *stages, const struct value *value);

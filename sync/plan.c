/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/plan.h"

#include <errno.h>
#include <stdlib.h>

static bool is_in_the_way(const struct entry *before, const struct entry *after)
{
    return before && after && (before->kind == ENTRY_DIRECTORY) != (after->kind == ENTRY_DIRECTORY);
}

static enum step_kind kind_of(const struct entry *before, const struct entry *after)
{
    if (!after)
        return STEP_REMOVE;
    if (!before || is_in_the_way(before, after))
        return STEP_MAKE;
    if (before->doubtful && !after->doubtful)
        return STEP_CHECK;
    return after->doubtful || entry_is_same(before, after) ? STEP_KEEP : STEP_REPLACE;
}

/* Walks both lists side by side. Takes back the next pair of entries with one path. */
static bool next_pair(const struct entries *made, size_t *m, const struct entries *wanted, size_t *w, struct step *pair)
{
    if (*m == made->count && *w == wanted->count)
        return false;
    int order = *m == made->count     ? 1
                : *w == wanted->count ? -1
                                      : entry_compare(made->list[*m].path, wanted->list[*w].path);
    pair->before = order <= 0 ? &made->list[(*m)++] : NULL;
    pair->after = order >= 0 ? &wanted->list[(*w)++] : NULL;
    pair->kind = kind_of(pair->before, pair->after);
    pair->result = 0;
    return true;
}

/* Turns the removals between two places around, so that what is in a directory goes before it. */
static void reverse(struct step *first, struct step *end)
{
    while (first < end--) {
        struct step step = *first;
        *first++ = *end;
        *end = step;
    }
}

int plan_new(const struct entries *made, const struct entries *wanted, struct plan *ret_plan)
{
    size_t most = 2 * made->count + wanted->count;
    size_t early = 0; /* removals of what is in the way: from the front */
    size_t late = 0;  /* other removals */
    _cleanup_free_ struct step *steps = calloc(most + 1, sizeof(*steps));
    _cleanup_free_ struct step *removals = calloc(made->count + 1, sizeof(*removals));
    struct step pair;
    const char *blocked = NULL; /* a directory in the way */
    if (!steps || !removals)
        return -ENOMEM;

    for (size_t m = 0, w = 0; next_pair(made, &m, wanted, &w, &pair);) {
        bool in_the_way = is_in_the_way(pair.before, pair.after);
        if (in_the_way && pair.before->kind == ENTRY_DIRECTORY)
            blocked = pair.before->path;
        if (in_the_way || (blocked && pair.before && entry_is_below(pair.before->path, blocked)))
            steps[early++] = (struct step){STEP_REMOVE, pair.before, NULL, 0};
        else if (pair.kind == STEP_REMOVE)
            removals[late++] = pair;
    }
    reverse(steps, steps + early);
    reverse(removals, removals + late);
    size_t count = early;
    for (size_t m = 0, w = 0; next_pair(made, &m, wanted, &w, &pair);)
        if (pair.after)
            steps[count++] = pair;
    for (size_t i = 0; i < late; i++)
        steps[count++] = removals[i];
    *ret_plan = (struct plan){STEAL(steps), count};
    return 0;
}

void plan_clear(struct plan *plan)
{
    free(plan->steps);
    *plan = (struct plan){0};
}

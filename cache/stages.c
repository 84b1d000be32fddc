/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/stages.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define CURRENT "AWSCURRENT"

void stages_clear(struct stages *stages)
{
    for (size_t i = 0; i < stages->count; i++) {
        free(stages->entries[i].name);
        free(stages->entries[i].version_id);
    }
    free(stages->entries);
    *stages = (struct stages){0};
}

static struct stage *find(const struct stages *stages, const char *name)
{
    for (size_t i = 0; i < stages->count; i++)
        if (stages->entries[i].name && strcmp(stages->entries[i].name, name) == 0)
            return &stages->entries[i];
    return NULL;
}

const char *stages_find(const struct stages *stages, const char *name)
{
    const struct stage *stage = find(stages, name);
    return stage ? stage->version_id : NULL;
}

const char *stages_find_certain(const struct stages *stages, const char *name)
{
    const struct stage *stage = find(stages, name);
    return stage && !stage->doubtful ? stage->version_id : NULL;
}

bool stages_has_version(const struct stages *stages, const char *version_id)
{
    for (size_t i = 0; i < stages->count; i++)
        if (strcmp(stages->entries[i].version_id, version_id) == 0)
            return true;
    return false;
}

static int add(struct stages *stages, const char *version_id, const char *name)
{
    struct stage *entries = reallocarray(stages->entries, stages->count + 1, sizeof(*entries));
    if (!entries)
        return -ENOMEM;
    stages->entries = entries;
    struct stage stage = {name ? strdup(name) : NULL, strdup(version_id), false};
    if (!stage.version_id || (name && !stage.name)) {
        free(stage.name);
        free(stage.version_id);
        return -ENOMEM;
    }
    stages->entries[stages->count++] = stage;
    return 1;
}

int stages_put(struct stages *stages, const char *version_id, const char *name)
{
    struct stage *stage = name ? find(stages, name) : NULL;
    if (!name)
        return stages_has_version(stages, version_id) ? 0 : add(stages, version_id, NULL);
    if (!stage)
        return add(stages, version_id, name);
    stage->doubtful = false;
    if (strcmp(stage->version_id, version_id) == 0)
        return 0;
    /* The version that has lost its stage is still known. */
    char *copy = strdup(version_id);
    if (!copy)
        return -ENOMEM;
    _cleanup_free_ char *before = stage->version_id;
    stage->version_id = copy;
    return stages_has_version(stages, before) || add(stages, before, NULL) >= 0 ? 1 : -ENOMEM;
}

int stages_copy(const struct stages *stages, struct stages *ret_copy)
{
    _cleanup_stages_ struct stages copy = {0};
    for (size_t i = 0; i < stages->count; i++) {
        int r = add(&copy, stages->entries[i].version_id, stages->entries[i].name);
        if (r < 0)
            return r;
        copy.entries[i].doubtful = stages->entries[i].doubtful;
    }
    *ret_copy = copy;
    copy = (struct stages){0};
    return 0;
}

static bool has_stage(const struct value *value, const char *name)
{
    for (size_t i = 0; i < value->stage_count; i++)
        if (strcmp(value->stages[i], name) == 0)
            return true;
    return false;
}

/* Stages of the value's version that it has no more. */
static int drop_lost(struct stages *stages, const struct value *value)
{
    int news = 0;
    for (size_t i = 0; i < stages->count; i++) {
        struct stage *stage = &stages->entries[i];
        if (!stage->name || strcmp(stage->version_id, value->version_id) != 0 || has_stage(value, stage->name))
            continue;
        free(STEAL(stage->name));
        news = 1;
    }
    return news;
}

int stages_put_current(struct stages *stages, const struct value *value)
{
    const struct stage *current = find(stages, CURRENT);
    bool moved = current && strcmp(current->version_id, value->version_id) != 0;
    int news = 0;
    for (size_t i = 0; moved && i < stages->count; i++)
        stages->entries[i].doubtful = true;
    for (size_t i = 0; i < value->stage_count; i++) {
        int r = stages_put(stages, value->version_id, value->stages[i]);
        if (r < 0)
            return r;
        news |= r;
    }
    return drop_lost(stages, value) || news;
}

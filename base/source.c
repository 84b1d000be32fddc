/* SPDX-License-Identifier: Apache-2.0 */
#include "base/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct value *value_new(void)
{
    return calloc(1, sizeof(struct value));
}

void value_free(struct value *value)
{
    if (!value)
        return;
    free(value->arn);
    free(value->name);
    free(value->version_id);
    for (size_t i = 0; i < value->stage_count; i++)
        free(value->stages[i]);
    secret_unref(value->bytes);
    free(value);
}

int value_copy(const struct value *value, struct value **ret_copy)
{
    _cleanup_value_ struct value *copy = value_new();
    if (!copy)
        return -ENOMEM;
    copy->arn = strdup(value->arn);
    copy->name = strdup(value->name);
    copy->version_id = strdup(value->version_id);
    if (!copy->arn || !copy->name || !copy->version_id)
        return -ENOMEM;
    for (size_t i = 0; i < value->stage_count; i++) {
        copy->stages[i] = strdup(value->stages[i]);
        if (!copy->stages[i])
            return -ENOMEM;
        copy->stage_count++;
    }
    copy->created_ns = value->created_ns;
    copy->binary = value->binary;
    copy->bytes = secret_ref(value->bytes);
    *ret_copy = STEAL(copy);
    return 0;
}

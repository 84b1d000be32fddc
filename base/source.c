/* SPDX-License-Identifier: Apache-2.0 */
#include "base/source.h"

#include <stdlib.h>

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

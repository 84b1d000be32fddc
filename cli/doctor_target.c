/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_target.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define ARN_COLONS 6 /* arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME */

void doctor_target_clear(struct doctor_target *target)
{
    free(target->id);
    free(target->key);
    free(target->stage);
    free(target->version_id);
    *target = (struct doctor_target){0};
}

/* What stands before the next ':' or the end, and steps over it; NULL where that is nothing. Returns false without
 * memory. */
static bool take(const char **at, char **ret_field)
{
    size_t size = strcspn(*at, ":");
    if (size > 0 && !(*ret_field = strndup(*at, size)))
        return false;
    *at += size + ((*at)[size] == ':');
    return true;
}

static const char *end_of_id(const char *text)
{
    if (strncmp(text, "arn:", 4) != 0)
        return text + strlen(text);
    for (int i = 0; i < ARN_COLONS; i++) {
        text += strcspn(text, ":");
        text += *text == ':';
    }
    return text + strcspn(text, ":");
}

int doctor_target_parse(const char *text, struct doctor_target *ret_target)
{
    _cleanup_doctor_target_ struct doctor_target target = {0};
    const char *end = end_of_id(text);

    target.id = strndup(text, (size_t)(end - text));
    if (!target.id)
        return -ENOMEM;
    if (*end == ':') {
        const char *at = end + 1;
        const char *second = strchr(at, ':');
        const char *third = second ? strchr(second + 1, ':') : NULL;
        if (!third || strchr(third + 1, ':')) /* with any of the three, ECS wants all colons */
            return -EINVAL;
        if (!take(&at, &target.key) || !take(&at, &target.stage) || !take(&at, &target.version_id))
            return -ENOMEM;
    }
    *ret_target =
        (struct doctor_target){STEAL(target.id), STEAL(target.key), STEAL(target.stage), STEAL(target.version_id)};
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a caller may name a secret by: a name, an ARN, or an ARN without its suffix. Pure. */

#include <stdbool.h>
#include <stddef.h>

#define SECRET_ID_REGION_BYTES 64

struct secret_id {
    const char *name;                    /* points into the id; of an ARN what follows ":secret:", with the suffix */
    char partition[32];                  /* of an ARN, else "" */
    char region[SECRET_ID_REGION_BYTES]; /* of an ARN, else ""; lower-case letters, digits and '-' */
    char account[16];                    /* of an ARN, else ""; digits */
};

/* Takes an id apart. False for what AWS would refuse in any case: a character outside of its alphabet, an unusable
 * length, an ARN that is not of a secret. Any text may be passed, for names come from whoever looks into the mount. */
bool secret_id_parse(const char *id, struct secret_id *ret_id);

/* The Resource for an IAM policy that admits this secret and no other, "arn:…:secret:NAME-??????". `region` stands in
 * where the id is not an ARN. Cut to fit. */
void secret_id_pattern(const struct secret_id *id, const char *region, char *ret_pattern, size_t pattern_bytes);

/* The first word of the ARNs of a region: "aws", "aws-cn", … */
const char *secret_id_partition(const char *region);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What config_parse.c needs of config.c to build a config. For these two files only. */

#include <stddef.h>

#include "auth/config.h"

struct property;

/* A piece of the parsed text. */
struct slice {
    const char *bytes;
    size_t size_bytes;
};

/* Finds the section, or makes it. Returns 0, -E2BIG (too many) or -ENOMEM. */
int config_add_section(struct config *config, enum config_kind kind, struct slice name,
                       struct config_section **ret_section);

/* Drops every property of the section. */
void config_empty_section(struct config_section *section);

/* Sets the property of that name, in lower case, to `value`. It is valid until the next call. Returns 0, -E2BIG
 * (too many) or -ENOMEM. */
int config_set(struct config_section *section, struct slice name, struct slice value, struct property **ret_property);

/* Appends a line to the value. Returns 0, -EFBIG or -ENOMEM. */
int config_append_line(struct property *property, struct slice line);

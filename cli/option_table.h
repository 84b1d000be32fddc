/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* All options of all commands, and how each stores its value. For options.c alone. */

#include "cli/options.h"

struct option {
    unsigned commands; /* that take it */
    const char *name;
    const char *value; /* what it takes, for people; NULL: nothing */
    const char *help;
    size_t offset; /* of the member in struct options */
    /* `place` is that member. Returns 0, -EINVAL or -ERANGE. */
    int (*set)(void *place, const char *value);
};

extern const struct option option_table[];
extern const size_t option_table_count;

/* Appends to a struct text_list. */
int option_set_list(void *place, const char *value);

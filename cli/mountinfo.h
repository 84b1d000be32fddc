/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Lines of /proc/self/mountinfo (proc(5)). Pure; any thread. */

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mountinfo {
    uint64_t id;
    uint64_t parent_id;
    char mountpoint[PATH_MAX];
    bool shared;   /* what is mounted below it is seen in other mount namespaces */
    char type[64]; /* "fuse.secretsfs" */
};

/* Parses one line, without or with its newline. Returns 0, or -EBADMSG for what is no such line. */
int mountinfo_parse(const char *line, size_t line_bytes, struct mountinfo *ret_mount);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The command lines of all commands. Every option is in one table (option_table.c), which says what commands take it;
 * "--key value", "--key=value" and, for mount, "-o key=value" mean the same. Strict: what is not understood completely
 * is refused. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/log.h"

enum command {
    COMMAND_MOUNT = 1 << 0,
    COMMAND_UNMOUNT = 1 << 1,
    COMMAND_STATUS = 1 << 2,
    COMMAND_HEALTH = 1 << 3,
    COMMAND_DOCTOR = 1 << 4,
    COMMAND_SYNC = 1 << 5,
    COMMAND_EXEC = 1 << 6,
};

struct text_list {
    const char **texts;
    size_t count;
};

struct options {
    struct text_list operands; /* MOUNTPOINT, or NAMEs */
    char **command;            /* of exec: in `arguments`, up to the NULL at its end */
    const char *at;
    struct text_list file_env;
    bool clear_aws_env;
    bool no_fuse;
    bool foreground;
    bool lazy;
    bool make_mountpoint;
    const char *to;
    bool atomic;
    bool allow_disk;
    bool keep;
    bool once;
    bool supervise;
    bool shared;
    bool json;
    bool watch;
    struct text_list required;
    uint64_t health_timeout_ns;
    const char *local;
    const char *profile;
    const char *region;
    const char *endpoint_url;
    const char *role_arn;
    const char *external_id;
    const char *events_queue;
    struct text_list secrets;
    struct text_list filters;
    uid_t uid;
    gid_t gid;
    mode_t mode;
    uint64_t ttl_ns;
    uint64_t negative_ttl_ns;
    uint64_t timeout_ns;
    uint64_t max_stale_ns;
    uint64_t list_interval_ns;
    uint64_t poll_ns;
    uint64_t grace_ns;
    uint64_t cache_bytes;
    bool log_given;
    enum log_target log_target;
    const char *log_path;
    enum log_level log_level;

    char **owned; /* copies of "-o" arguments that the texts above point into */
    size_t owned_count;
};

/* Parses the arguments after the name of the command. `as_helper`: as mount(8) calls mount.secretsfs, "SOURCE
 * MOUNTPOINT [-sfnv] [-o options]", where options that are meant for mount(8) itself are passed over. Texts point into
 * `arguments`. Returns 0, or -EINVAL with the error filled. */
int options_parse(enum command command, int count, char **arguments, bool as_helper, struct options *ret_options,
                  struct error *ret_error);
void options_clear(struct options *options);
#define _cleanup_options_ _cleanup_(options_clear)

/* Whether --help or -h is among the options, wherever it stands. */
bool options_ask_help(enum command command, int count, char **arguments);

/* One line per option of the command, for --help. */
void options_print(FILE *file, enum command command);

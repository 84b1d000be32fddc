/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/option_table.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

/* Setters: store a value, or return -EINVAL or -ERANGE. `place` is the member of struct options. */

static int set_flag(void *place, const char *value)
{
    (void)value;
    *(bool *)place = true;
    return 0;
}

static int set_text(void *place, const char *value)
{
    *(const char **)place = value;
    return value[0] != '\0' ? 0 : -EINVAL;
}

int option_set_list(void *place, const char *value)
{
    struct text_list *list = place;
    const char **texts = reallocarray((void *)list->texts, list->count + 1, sizeof(*texts));
    if (!texts)
        return -ENOMEM;
    texts[list->count++] = value;
    list->texts = texts;
    return value[0] != '\0' ? 0 : -EINVAL;
}

static int set_duration(void *place, const char *value)
{
    return parse_duration(value, place);
}

/* A wait of no time at all would fail every read. */
static int set_timeout(void *place, const char *value)
{
    uint64_t timeout_ns;
    int r = parse_duration(value, &timeout_ns);
    if (r >= 0 && timeout_ns == 0)
        r = -ERANGE;
    if (r >= 0)
        *(uint64_t *)place = timeout_ns;
    return r;
}

static int set_size(void *place, const char *value)
{
    return parse_size(value, place);
}

static int set_uid(void *place, const char *value)
{
    uint64_t number = 0;
    const struct passwd *user = getpwnam(value);
    int r = user ? 0 : parse_uint(value, 0, UINT32_MAX - 1, &number);
    if (r >= 0)
        *(uid_t *)place = user ? user->pw_uid : (uid_t)number;
    return r;
}

static int set_gid(void *place, const char *value)
{
    uint64_t number = 0;
    const struct group *group = getgrnam(value);
    int r = group ? 0 : parse_uint(value, 0, UINT32_MAX - 1, &number);
    if (r >= 0)
        *(gid_t *)place = group ? group->gr_gid : (gid_t)number;
    return r;
}

/* Read bits only, and the owner's always. */
static int set_mode(void *place, const char *value)
{
    uint32_t mode;
    int r = parse_octal(value, 0777, &mode);
    if (r >= 0 && ((mode & ~0444U) != 0 || (mode & 0400U) == 0))
        r = -ERANGE;
    if (r >= 0)
        *(mode_t *)place = (mode_t)mode;
    return r;
}

static int set_log_level(void *place, const char *value)
{
    return log_level_parse(value, place);
}

/* `place` is the whole of the options. */
static int set_log(void *place, const char *value)
{
    struct options *options = place;
    options->log_given = true;
    options->log_path = NULL;
    if (strcmp(value, "stderr") == 0)
        options->log_target = LOG_TARGET_STDERR;
    else if (strcmp(value, "syslog") == 0)
        options->log_target = LOG_TARGET_SYSLOG;
    else if (strncmp(value, "file:/", 6) == 0) {
        options->log_target = LOG_TARGET_FILE;
        options->log_path = value + 5;
    } else
        return -EINVAL;
    return 0;
}

#define AT(member) offsetof(struct options, member)

#define MOUNTS (COMMAND_MOUNT | COMMAND_EXEC)
#define SHOW (MOUNTS | COMMAND_SYNC)   /* how secrets look */
#define SOURCE (SHOW | COMMAND_DOCTOR) /* where they come from */
#define CACHE SHOW                     /* how fresh they are */
#define LOG SHOW

const struct option option_table[] = {
    {COMMAND_MOUNT, "foreground", NULL, "stay in the foreground and log to stderr (-f)", AT(foreground), set_flag},
    {COMMAND_UNMOUNT, "lazy", NULL, "detach at once, also when it is in use (-l)", AT(lazy), set_flag},
    {COMMAND_STATUS, "json", NULL, "print status.json as it is", AT(json), set_flag},
    {COMMAND_STATUS, "watch", NULL, "print it again every two seconds, until ^C", AT(watch), set_flag},
    {COMMAND_HEALTH, "require", "NAME", "a secret, or a file of one, that must be readable; repeatable", AT(required),
     option_set_list},
    {COMMAND_HEALTH, "timeout", "TIME", "longest that the check may take (default: 3s)", AT(health_timeout_ns),
     set_timeout},
    {COMMAND_EXEC, "at", "DIR", "where COMMAND sees the secrets (default: a new directory, named by SECRETS_DIR)",
     AT(at), set_text},
    {COMMAND_EXEC, "file-env", "SECRET[=PREFIX]", "set PREFIX_KEY_FILE to the path of each key; repeatable",
     AT(file_env), option_set_list},
    {COMMAND_EXEC, "no-fuse", NULL, "show ordinary files in memory, as sync does, in place of a mount", AT(no_fuse),
     set_flag},
    {COMMAND_EXEC, "clear-aws-env", NULL, "run COMMAND without the variables AWS_*", AT(clear_aws_env), set_flag},
    {SOURCE, "local", "FILE", "read secrets from a JSON file {\"name\": {...} | \"text\"} in place of AWS", AT(local),
     set_text},
    {SOURCE, "region", "REGION", "AWS region (default: AWS_REGION, AWS_DEFAULT_REGION, the profile)", AT(region),
     set_text},
    {SOURCE, "profile", "NAME", "profile of the shared AWS files (default: AWS_PROFILE)", AT(profile), set_text},
    {SOURCE, "endpoint-url", "URL", "Secrets Manager endpoint (default: by the region)", AT(endpoint_url), set_text},
    {SOURCE, "role-arn", "ARN", "an IAM role to assume with the credentials that are found", AT(role_arn), set_text},
    {SOURCE, "external-id", "ID", "the external id that the role asks for", AT(external_id), set_text},
    {CACHE | COMMAND_DOCTOR, "events-queue", "URL", "an SQS queue that EventBridge feeds with changes of secrets",
     AT(events_queue), set_text},
    {SOURCE, "secret", "NAME", "a name, an ARN, or a pattern ending in /* that exists; repeatable", AT(secrets),
     option_set_list},
    {SOURCE, "filter", "KEY=VALUE", "a filter of ListSecrets, such as tag-key=app; repeatable", AT(filters),
     option_set_list},
    {COMMAND_SYNC, "to", "DIR", "where to write the files: in memory (tmpfs), and empty at first", AT(to), set_text},
    {COMMAND_SYNC, "atomic", NULL, "change all files of a secret at once, by a link named ..data", AT(atomic),
     set_flag},
    {COMMAND_SYNC, "once", NULL, "write everything, leave it there, and end: 0 only if nothing is missing", AT(once),
     set_flag},
    {COMMAND_SYNC, "keep", NULL, "leave the files when it ends (default: remove them)", AT(keep), set_flag},
    {COMMAND_SYNC, "allow-disk", NULL, "accept a DIR that is on a disk", AT(allow_disk), set_flag},
    {SHOW, "mkdir", NULL, "make the directory if it is missing", AT(make_mountpoint), set_flag},
    {COMMAND_MOUNT, "supervise", NULL, "start another daemon when it dies, and replace its mount", AT(supervise),
     set_flag},
    {COMMAND_MOUNT, "shared", NULL, "refuse to mount where other containers would not see it", AT(shared), set_flag},
    {SHOW, "uid", "USER", "owner of the files, a name or number (default: who calls)", AT(uid), set_uid},
    {SHOW, "gid", "GROUP", "group of the files (default: who calls)", AT(gid), set_gid},
    {SHOW, "mode", "OCTAL", "mode of the files, read bits only (default: 0400)", AT(mode), set_mode},
    {MOUNTS, "ttl", "TIME", "age at which a value is checked before it is served (default: 300s)", AT(ttl_ns),
     set_duration},
    {CACHE, "poll", "TIME", "how often secrets in use are checked, 0: never (default: 60s)", AT(poll_ns), set_duration},
    {CACHE, "timeout", "TIME", "longest that a fetch may take (default: 5s)", AT(timeout_ns), set_timeout},
    {COMMAND_DOCTOR, "timeout", "TIME", "longest that one step may take (default: 5s)", AT(timeout_ns), set_timeout},
    {CACHE, "max-stale", "TIME", "how long a value is served while AWS cannot be reached (default: 1h)",
     AT(max_stale_ns), set_duration},
    {MOUNTS, "negative-ttl", "TIME", "how long \"not found\" and \"denied\" are remembered (default: 10s)",
     AT(negative_ttl_ns), set_duration},
    {CACHE, "list-interval", "TIME", "how often names are listed, 0: once (default: 300s)", AT(list_interval_ns),
     set_duration},
    {MOUNTS, "grace", "TIME", "how long who holds a changed file keeps the old bytes (default: 500ms)", AT(grace_ns),
     set_duration},
    {MOUNTS, "cache-bytes", "SIZE", "values that nobody uses are dropped above this (default: 32M)", AT(cache_bytes),
     set_size},
    {COMMAND_DOCTOR, "json", NULL, "write one JSON object", AT(json), set_flag},
    {LOG, "log", "TARGET", "stderr, syslog, or file:/PATH (default: stderr; of a daemon syslog)", 0, set_log},
    {LOG, "log-level", "LEVEL", "error, warning, info or debug (default: info; of exec warning)", AT(log_level),
     set_log_level},
};

const size_t option_table_count = sizeof(option_table) / sizeof(*option_table);

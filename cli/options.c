/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/parse.h"

/* Setters: store a value, or return -EINVAL or -ERANGE. `place` is the member of struct options. */

static int set_text(void *place, const char *value)
{
    *(const char **)place = value;
    return value[0] != '\0' ? 0 : -EINVAL;
}

static int set_list(void *place, const char *value)
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

struct option {
    const char *name;
    const char *value; /* what it takes, for people */
    const char *help;
    size_t offset;
    int (*set)(void *place, const char *value);
};

#define AT(member) offsetof(struct options, member)

static const struct option table[] = {
    {"local", "FILE", "read secrets from a JSON file {\"name\": {...} | \"text\"} in place of AWS", AT(local),
     set_text},
    {"region", "REGION", "AWS region (default: AWS_REGION, AWS_DEFAULT_REGION, the profile)", AT(region), set_text},
    {"profile", "NAME", "profile of the shared AWS files (default: AWS_PROFILE)", AT(profile), set_text},
    {"endpoint-url", "URL", "Secrets Manager endpoint (default: by the region)", AT(endpoint_url), set_text},
    {"events-queue", "URL", "an SQS queue that EventBridge feeds with changes of secrets", AT(events_queue), set_text},
    {"secret", "NAME", "a name, an ARN, or a pattern ending in /* that exists; repeatable", AT(secrets), set_list},
    {"filter", "KEY=VALUE", "a filter of ListSecrets, such as tag-key=app; repeatable", AT(filters), set_list},
    {"uid", "USER", "owner of the files, a name or number (default: who mounts)", AT(uid), set_uid},
    {"gid", "GROUP", "group of the files (default: who mounts)", AT(gid), set_gid},
    {"mode", "OCTAL", "mode of the files, read bits only (default: 0400)", AT(mode), set_mode},
    {"ttl", "TIME", "age at which a value is checked before it is served (default: 300s)", AT(ttl_ns), set_duration},
    {"poll", "TIME", "how often secrets in use are checked, 0: never (default: 60s)", AT(poll_ns), set_duration},
    {"timeout", "TIME", "longest that a reader waits for AWS (default: 5s)", AT(timeout_ns), set_timeout},
    {"max-stale", "TIME", "how long a value is served while AWS cannot be reached (default: 1h)", AT(max_stale_ns),
     set_duration},
    {"negative-ttl", "TIME", "how long \"not found\" and \"denied\" are remembered (default: 10s)", AT(negative_ttl_ns),
     set_duration},
    {"list-interval", "TIME", "how often names are listed, 0: once (default: 300s)", AT(list_interval_ns),
     set_duration},
    {"grace", "TIME", "how long who holds a changed file keeps the old bytes (default: 500ms)", AT(grace_ns),
     set_duration},
    {"cache-bytes", "SIZE", "values that nobody uses are dropped above this (default: 32M)", AT(cache_bytes), set_size},
    {"log", "TARGET", "stderr, syslog, or file:/PATH (default: stderr with -f, else syslog)", 0, set_log},
    {"log-level", "LEVEL", "error, warning, info or debug (default: info)", AT(log_level), set_log_level},
};

static const struct option *find_option(const char *name, size_t name_bytes)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++)
        if (strlen(table[i].name) == name_bytes && strncmp(table[i].name, name, name_bytes) == 0)
            return &table[i];
    return NULL;
}

static int set_option(struct options *options, const struct option *option, const char *value, struct error *ret_error)
{
    int r = option->set((char *)options + option->offset, value);
    if (r == -ERANGE)
        return error_set(ret_error, ERROR_BAD_REQUEST, "--%s %s: out of range; %s: %s", option->name, value,
                         option->value, option->help);
    if (r < 0)
        return error_set(ret_error, ERROR_BAD_REQUEST, "--%s \"%s\": not a valid %s; %s", option->name, value,
                         option->value, option->help);
    return 0;
}

/* Options of mount(8) and fstab that say nothing to us. The mount is always read-only, nosuid, nodev and noexec. */
static bool is_for_mount(const char *text)
{
    static const char *const words[] = {
        "defaults", "ro",     "rw",      "auto",       "noauto",   "nofail", "_netdev",     "nosuid",
        "nodev",    "noexec", "noatime", "nodiratime", "relatime", "nouser", "allow_other", "default_permissions"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strcmp(text, words[i]) == 0)
            return true;
    return strncmp(text, "x-", 2) == 0 || strncmp(text, "comment=", 8) == 0;
}

static int parse_pair(struct options *options, char *pair, bool as_helper, struct error *ret_error)
{
    char *equals = strchr(pair, '=');
    const struct option *option = find_option(pair, equals ? (size_t)(equals - pair) : strlen(pair));
    if (option && equals)
        return set_option(options, option, equals + 1, ret_error);
    if (option)
        return error_set(ret_error, ERROR_BAD_REQUEST, "-o %s: a value is missing (%s=%s)", pair, pair, option->value);
    if (as_helper && is_for_mount(pair))
        return 0;
    return error_set(ret_error, ERROR_BAD_REQUEST, "-o %s: no such option; see secretsfs --help", pair);
}

/* "key=value,key=value" */
static int parse_pairs(struct options *options, const char *text, bool as_helper, struct error *ret_error)
{
    char *copy = strdup(text);
    char **owned = copy ? reallocarray((void *)options->owned, options->owned_count + 1, sizeof(*owned)) : NULL;
    if (!owned) {
        free(copy);
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    }
    options->owned = owned;
    options->owned[options->owned_count++] = copy;
    int r = 0;
    while (r >= 0 && copy) {
        char *comma = strchr(copy, ',');
        if (comma)
            *comma++ = '\0';
        if (copy[0] != '\0')
            r = parse_pair(options, copy, as_helper, ret_error);
        copy = comma;
    }
    return r;
}

/* Parses one argument that begins with '-'; `*index` is moved on when its value is the next one. */
static int parse_dash(struct options *options, int count, char **arguments, int *index, bool as_helper,
                      struct error *ret_error)
{
    const char *argument = arguments[*index];
    const char *next = *index + 1 < count ? arguments[*index + 1] : NULL;
    if (strcmp(argument, "-f") == 0 || strcmp(argument, "--foreground") == 0) {
        options->foreground = !as_helper; /* mount -f means "fake" and never gets here */
        return 0;
    }
    if (as_helper && strspn(argument + 1, "snv") == strlen(argument + 1))
        return 0;
    if (strncmp(argument, "-o", 2) == 0) {
        const char *pairs = argument[2] != '\0' ? argument + 2 : next;
        if (!pairs)
            return error_set(ret_error, ERROR_BAD_REQUEST, "-o: a value is missing");
        *index += argument[2] == '\0';
        return parse_pairs(options, pairs, as_helper, ret_error);
    }
    const char *name = strncmp(argument, "--", 2) == 0 ? argument + 2 : "";
    size_t name_bytes = strcspn(name, "=");
    const struct option *option = find_option(name, name_bytes);
    if (!option)
        return error_set(ret_error, ERROR_BAD_REQUEST, "%s: no such option; see secretsfs --help", argument);
    if (name[name_bytes] == '=')
        return set_option(options, option, name + name_bytes + 1, ret_error);
    if (!next)
        return error_set(ret_error, ERROR_BAD_REQUEST, "%s: a value is missing (%s)", argument, option->value);
    (*index)++;
    return set_option(options, option, next, ret_error);
}

/* What the single options cannot see. */
static int check(const struct options *options, struct error *ret_error)
{
    if (!options->mountpoint)
        return error_set(ret_error, ERROR_BAD_REQUEST,
                         "there is no MOUNTPOINT; usage: secretsfs mount [options] MOUNTPOINT");
    if (options->local && (options->region || options->profile || options->endpoint_url || options->events_queue ||
                           options->filters.count > 0))
        return error_set(
            ret_error, ERROR_BAD_REQUEST,
            "--local reads a file: --region, --profile, --endpoint-url, --events-queue and --filter do not go with it");
    return 0;
}

int options_parse(int count, char **arguments, bool as_helper, struct options *ret_options, struct error *ret_error)
{
    _cleanup_options_ struct options options = {
        .uid = getuid(),
        .gid = getgid(),
        .mode = 0400,
        .ttl_ns = 300 * NS_PER_SEC,
        .negative_ttl_ns = 10 * NS_PER_SEC,
        .timeout_ns = 5 * NS_PER_SEC,
        .max_stale_ns = 3600 * NS_PER_SEC,
        .list_interval_ns = 300 * NS_PER_SEC,
        .poll_ns = 60 * NS_PER_SEC,
        .grace_ns = 500 * NS_PER_MS,
        .cache_bytes = 32U << 20,
        .log_level = LOG_LEVEL_INFO,
    };
    bool source_seen = !as_helper;
    bool only_places = false;
    for (int i = 0; i < count; i++) {
        int r = 0;
        if (!only_places && strcmp(arguments[i], "--") == 0)
            only_places = true;
        else if (!only_places && arguments[i][0] == '-' && arguments[i][1] != '\0')
            r = parse_dash(&options, count, arguments, &i, as_helper, ret_error);
        else if (!source_seen)
            source_seen = true;
        else if (!options.mountpoint)
            options.mountpoint = arguments[i];
        else
            r = error_set(ret_error, ERROR_BAD_REQUEST, "%s: one argument too many", arguments[i]);
        if (r < 0)
            return r;
    }
    int r = check(&options, ret_error);
    if (r < 0)
        return r;
    *ret_options = options;
    options = (struct options){0};
    return 0;
}

void options_clear(struct options *options)
{
    for (size_t i = 0; i < options->owned_count; i++)
        free(options->owned[i]);
    free((void *)options->owned);
    free((void *)options->secrets.texts);
    free((void *)options->filters.texts);
    *options = (struct options){0};
}

void options_print(FILE *file)
{
    for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
        char left[40];
        (void)snprintf(left, sizeof(left), "--%s %s", table[i].name, table[i].value);
        (void)fprintf(file, "  %-24s %s\n", left, table[i].help);
    }
}

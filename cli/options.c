/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/option_table.h"

struct parser {
    enum command command;
    bool as_helper;
    struct options options;
};

static const struct option *find_option(const struct parser *parser, const char *name, size_t name_bytes)
{
    for (size_t i = 0; i < option_table_count; i++)
        if ((option_table[i].commands & parser->command) && strlen(option_table[i].name) == name_bytes &&
            strncmp(option_table[i].name, name, name_bytes) == 0)
            return &option_table[i];
    return NULL;
}

/* "-f": the first letter of an option that takes no value. */
static const struct option *find_letter(const struct parser *parser, char letter)
{
    for (size_t i = 0; i < option_table_count; i++)
        if ((option_table[i].commands & parser->command) && !option_table[i].value && option_table[i].name[0] == letter)
            return &option_table[i];
    return NULL;
}

static int set_option(struct options *options, const struct option *option, const char *value, struct error *ret_error)
{
    const char *shown = value ? value : "";
    const char *form = option->value ? option->value : "option";
    int r = option->set((char *)options + option->offset, value);
    if (r == -ERANGE)
        return error_set(ret_error, ERROR_BAD_REQUEST, "--%s %s: out of range; %s: %s", option->name, shown, form,
                         option->help);
    if (r < 0)
        return error_set(ret_error, ERROR_BAD_REQUEST, "--%s \"%s\": not a valid %s; %s", option->name, shown, form,
                         option->help);
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

static int parse_pair(struct parser *parser, char *pair, struct error *ret_error)
{
    char *equals = strchr(pair, '=');
    const struct option *option = find_option(parser, pair, equals ? (size_t)(equals - pair) : strlen(pair));
    if (option && !option->value == !equals)
        return set_option(&parser->options, option, equals ? equals + 1 : NULL, ret_error);
    if (option)
        return error_set(ret_error, ERROR_BAD_REQUEST, "-o %s: a value is %s", option->name,
                         option->value ? "missing" : "not taken");
    if (parser->as_helper && is_for_mount(pair))
        return 0;
    return error_set(ret_error, ERROR_BAD_REQUEST, "-o %s: no such option; see secretsfs --help", pair);
}

/* "key=value,key=value" */
static int parse_pairs(struct parser *parser, const char *text, struct error *ret_error)
{
    struct options *options = &parser->options;
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
            r = parse_pair(parser, copy, ret_error);
        copy = comma;
    }
    return r;
}

/* "--name", "--name=value", "--name value" */
static int parse_long(struct parser *parser, const char *argument, const char *next, int *index,
                      struct error *ret_error)
{
    const char *name = argument + 2;
    size_t name_bytes = strcspn(name, "=");
    const struct option *option = find_option(parser, name, name_bytes);
    if (!option)
        return error_set(ret_error, ERROR_BAD_REQUEST, "%s: no such option; see secretsfs --help", argument);
    if (name[name_bytes] == '=' && !option->value)
        return error_set(ret_error, ERROR_BAD_REQUEST, "--%s takes no value", option->name);
    if (name[name_bytes] == '=')
        return set_option(&parser->options, option, name + name_bytes + 1, ret_error);
    if (!option->value)
        return set_option(&parser->options, option, NULL, ret_error);
    if (!next)
        return error_set(ret_error, ERROR_BAD_REQUEST, "%s: a value is missing (%s)", argument, option->value);
    (*index)++;
    return set_option(&parser->options, option, next, ret_error);
}

/* Parses one argument that begins with '-'; `*index` is moved on when its value is the next one. */
static int parse_dash(struct parser *parser, int count, char **arguments, int *index, struct error *ret_error)
{
    const char *argument = arguments[*index];
    const char *next = *index + 1 < count ? arguments[*index + 1] : NULL;
    if (strncmp(argument, "--", 2) == 0)
        return parse_long(parser, argument, next, index, ret_error);
    if (parser->as_helper && strspn(argument + 1, "snv") == strlen(argument + 1))
        return 0;
    if (parser->command == COMMAND_MOUNT && strncmp(argument, "-o", 2) == 0) {
        const char *pairs = argument[2] != '\0' ? argument + 2 : next;
        if (!pairs)
            return error_set(ret_error, ERROR_BAD_REQUEST, "-o: a value is missing");
        *index += argument[2] == '\0';
        return parse_pairs(parser, pairs, ret_error);
    }
    const struct option *option = argument[2] == '\0' ? find_letter(parser, argument[1]) : NULL;
    if (!option || parser->as_helper)
        return error_set(ret_error, ERROR_BAD_REQUEST, "%s: no such option; see secretsfs --help", argument);
    return set_option(&parser->options, option, NULL, ret_error);
}

/* What stands after the options. */
static const struct {
    enum command command;
    size_t min, max;
    const char *usage;
} operands[] = {
    {COMMAND_MOUNT, 1, 1, "secretsfs mount [options] MOUNTPOINT"},
    {COMMAND_UNMOUNT, 1, 1, "secretsfs unmount [--lazy] MOUNTPOINT"},
    {COMMAND_STATUS, 0, 1, "secretsfs status [--json] [--watch] [MOUNTPOINT | DIR]"},
    {COMMAND_HEALTH, 1, 1, "secretsfs health [--require NAME] [--timeout TIME] MOUNTPOINT | DIR"},
    {COMMAND_SYNC, 0, 0, "secretsfs sync --to DIR [options]"},
    {COMMAND_DOCTOR, 0, SIZE_MAX, "secretsfs doctor [options] [NAME...]"},
};

/* A mount fetches what is read; sync fetches all it is told to. */
static int check_sync(enum command command, const struct options *options, struct error *ret_error)
{
    if (command == COMMAND_SYNC && !options->to)
        return error_set(ret_error, ERROR_BAD_REQUEST, "--to DIR is missing; see secretsfs sync --help");
    if (!options->local && options->secrets.count == 0 && options->filters.count == 0)
        return error_set(ret_error, ERROR_BAD_REQUEST,
                         "this would fetch every secret of the account: say which with --secret NAME, "
                         "--secret 'PREFIX/*' or --filter KEY=VALUE");
    return 0;
}

/* What the single options cannot see. */
static int check(const struct parser *parser, struct error *ret_error)
{
    const struct options *options = &parser->options;
    for (size_t i = 0; i < sizeof(operands) / sizeof(*operands); i++) {
        size_t count = options->operands.count;
        if (operands[i].command == parser->command && (count < operands[i].min || count > operands[i].max))
            return error_set(ret_error, ERROR_BAD_REQUEST, "%s%s; usage: %s",
                             count > operands[i].max ? options->operands.texts[operands[i].max] : "an argument",
                             count > operands[i].max ? ": one argument too many" : " is missing", operands[i].usage);
    }
    if (parser->command == COMMAND_SYNC || options->no_fuse) {
        int r = check_sync(parser->command, options, ret_error);
        if (r < 0)
            return r;
    }
    if (parser->command == COMMAND_EXEC && !options->command)
        return error_set(ret_error, ERROR_BAD_REQUEST,
                         "a command is missing; usage: secretsfs exec [options] [--] COMMAND [ARGUMENT ...]");
    if (options->local && (options->region || options->profile || options->endpoint_url || options->role_arn ||
                           options->external_id || options->events_queue || options->filters.count > 0))
        return error_set(
            ret_error, ERROR_BAD_REQUEST,
            "--local reads a file: --region, --profile, --endpoint-url, --role-arn, --external-id, --events-queue and "
            "--filter do not go with it");
    return 0;
}

static const struct options defaults = {
    .mode = 0400,
    .ttl_ns = 300 * NS_PER_SEC,
    .negative_ttl_ns = 10 * NS_PER_SEC,
    .timeout_ns = 5 * NS_PER_SEC,
    .health_timeout_ns = 3 * NS_PER_SEC,
    .max_stale_ns = 3600 * NS_PER_SEC,
    .list_interval_ns = 300 * NS_PER_SEC,
    .poll_ns = 60 * NS_PER_SEC,
    .grace_ns = 500 * NS_PER_MS,
    .cache_bytes = 32U << 20,
    .log_level = LOG_LEVEL_INFO,
};

int options_parse(enum command command, int count, char **arguments, bool as_helper, struct options *ret_options,
                  struct error *ret_error)
{
    struct parser parser = {.command = command, .as_helper = as_helper, .options = defaults};
    bool source_seen = !as_helper;
    bool only_operands = false;
    int r = 0;
    parser.options.uid = getuid();
    parser.options.gid = getgid();
    if (command == COMMAND_EXEC)
        parser.options.log_level = LOG_LEVEL_WARNING; /* the terminal is the command's */
    for (int i = 0; i < count && r >= 0; i++) {
        if (!only_operands && strcmp(arguments[i], "--") == 0)
            only_operands = true;
        else if (!only_operands && arguments[i][0] == '-' && arguments[i][1] != '\0')
            r = parse_dash(&parser, count, arguments, &i, ret_error);
        else if (command == COMMAND_EXEC) {
            parser.options.command = arguments + i;
            break;
        } else if (!source_seen)
            source_seen = true;
        else if (option_set_list(&parser.options.operands, arguments[i]) < 0)
            r = error_set(ret_error, ERROR_BAD_REQUEST, "an empty argument; see secretsfs --help");
    }
    if (r >= 0)
        r = check(&parser, ret_error);
    if (r < 0)
        options_clear(&parser.options);
    else
        *ret_options = parser.options;
    return r;
}

/* Whether the argument after this one is its value. */
static bool takes_next(const struct parser *parser, const char *argument)
{
    if (parser->command == COMMAND_MOUNT && strcmp(argument, "-o") == 0)
        return true;
    const struct option *option =
        strncmp(argument, "--", 2) == 0 ? find_option(parser, argument + 2, strlen(argument + 2)) : NULL;
    return option && option->value;
}

bool options_ask_help(enum command command, int count, char **arguments)
{
    const struct parser parser = {.command = command};
    for (int i = 0; i < count && strcmp(arguments[i], "--") != 0; i++) {
        if (strcmp(arguments[i], "--help") == 0 || strcmp(arguments[i], "-h") == 0)
            return true;
        if (command == COMMAND_EXEC && arguments[i][0] != '-')
            return false; /* what follows is the command's */
        i += takes_next(&parser, arguments[i]);
    }
    return false;
}

void options_clear(struct options *options)
{
    for (size_t i = 0; i < options->owned_count; i++)
        free(options->owned[i]);
    free((void *)options->owned);
    free((void *)options->operands.texts);
    free((void *)options->required.texts);
    free((void *)options->secrets.texts);
    free((void *)options->filters.texts);
    free((void *)options->file_env.texts);
    *options = (struct options){0};
}

void options_print(FILE *file, enum command command)
{
    for (size_t i = 0; i < option_table_count; i++) {
        char left[40];
        if (!(option_table[i].commands & command))
            continue;
        (void)snprintf(left, sizeof(left), "--%s %s", option_table[i].name,
                       option_table[i].value ? option_table[i].value : "");
        (void)fprintf(file, "  %-24s %s\n", left, option_table[i].help);
    }
}

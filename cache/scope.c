/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/scope.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct rule {
    char *arn_prefix; /* "arn:aws:secretsmanager:R:A:secret:", or "" */
    char *arn;        /* the whole ARN of an exact rule that was given as one, or NULL */
    char *name;       /* an exact name, or the directory of a pattern, with its leading slash if it has one */
    unsigned stars;   /* 0: exact */
};

struct scope {
    size_t count;
    struct rule rules[];
};

static const char *rule_path(const struct rule *rule)
{
    return rule->name[0] == '/' ? rule->name + 1 : rule->name;
}

/* Bytes of "arn:P:secretsmanager:R:A:secret:" at the start of a text, or 0. */
static size_t arn_prefix_bytes(const char *text)
{
    static const char *const fields[] = {"arn:", NULL, "secretsmanager:", NULL, NULL, "secret:"};
    const char *p = text;
    for (size_t i = 0; i < sizeof(fields) / sizeof(*fields); i++) {
        const char *colon = strchr(p, ':');
        if (!colon || (fields[i] && strncmp(p, fields[i], strlen(fields[i])) != 0))
            return 0;
        p = colon + 1;
    }
    return (size_t)(p - text);
}

/* Bytes of a name in an ARN without "-" and its six random letters or "??????". */
static size_t without_suffix(const char *name)
{
    size_t bytes = strlen(name);
    if (bytes < 8 || name[bytes - 7] != '-')
        return bytes;
    for (const char *p = name + bytes - 6; *p != '\0'; p++)
        if (!isalnum((unsigned char)*p) && *p != '?')
            return bytes;
    return bytes - 7;
}

static int rule_parse(struct rule *rule, const char *text, struct error *ret_error)
{
    size_t arn_bytes = arn_prefix_bytes(text);
    if (strncmp(text, "arn:", 4) == 0 && arn_bytes == 0)
        return error_set(
            ret_error, ERROR_BAD_REQUEST,
            "--secret %s: not an ARN of a secret (arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-AbCdEf)", text);
    const char *name = text + arn_bytes;
    size_t bytes = strlen(name);
    while (bytes >= 2 && strncmp(name + bytes - 2, "/*", 2) == 0) {
        bytes -= 2;
        rule->stars++;
    }
    if (rule->stars == 0 && arn_bytes > 0) {
        bytes = without_suffix(name);
        if (name[bytes] != '\0' && !strpbrk(text, "*?"))
            rule->arn = strdup(text);
    }
    /* As in an IAM policy, region or account may be left open: then the name is asked for as it is. */
    bool open = memchr(text, '*', arn_bytes) || memchr(text, '?', arn_bytes);
    rule->arn_prefix = strndup(text, open ? 0 : arn_bytes);
    rule->name = strndup(name, bytes);
    if (!rule->arn_prefix || !rule->name)
        return -ENOMEM;
    if (strpbrk(rule->name, "*?"))
        return error_set(ret_error, ERROR_BAD_REQUEST,
                         "--secret %s: a pattern must end in \"/*\" and have no other wildcard", text);
    if (rule_path(rule)[0] == '\0')
        return error_set(ret_error, ERROR_BAD_REQUEST, "--secret \"%s\": there is no name in it", text);
    return 0;
}

int scope_new(const char *const *texts, size_t count, struct scope **ret_scope, struct error *ret_error)
{
    _cleanup_scope_ struct scope *scope = calloc(1, sizeof(*scope) + count * sizeof(struct rule));
    if (!scope)
        return -ENOMEM;
    scope->count = count;
    for (size_t i = 0; i < count; i++) {
        int r = rule_parse(&scope->rules[i], texts[i], ret_error);
        if (r < 0)
            return r;
    }
    *ret_scope = STEAL(scope);
    return 0;
}

void scope_free(struct scope *scope)
{
    if (!scope)
        return;
    for (size_t i = 0; i < scope->count; i++) {
        free(scope->rules[i].arn_prefix);
        free(scope->rules[i].arn);
        free(scope->rules[i].name);
    }
    free(scope);
}

bool scope_is_empty(const struct scope *scope)
{
    return scope->count == 0;
}

bool scope_has_patterns(const struct scope *scope)
{
    for (size_t i = 0; i < scope->count; i++)
        if (scope->rules[i].stars > 0)
            return true;
    return false;
}

int scope_add_names(const struct scope *scope, struct names_builder *builder)
{
    for (size_t i = 0; i < scope->count; i++) {
        const struct rule *rule = &scope->rules[i];
        int r = names_builder_add(builder, rule->stars > 0 ? NAME_PREFIX : NAME_SECRET, rule->name);
        if (r < 0)
            return r;
    }
    return 0;
}

/* Number of components of `path` below the rule's own path, 0 when it is that path, -1 when it is elsewhere. */
static int levels_below(const struct rule *rule, const char *path)
{
    const char *base = rule_path(rule);
    size_t bytes = strlen(base);
    if (strncmp(path, base, bytes) != 0)
        return -1;
    if (path[bytes] == '\0')
        return 0;
    if (path[bytes] != '/')
        return -1;
    int levels = 0;
    for (const char *p = path + bytes; *p != '\0'; p++)
        levels += *p == '/';
    return levels;
}

static const struct rule *find_rule(const struct scope *scope, const char *path)
{
    const struct rule *found = NULL;
    for (size_t i = 0; i < scope->count; i++) {
        const struct rule *rule = &scope->rules[i];
        int levels = levels_below(rule, path);
        if (rule->stars == 0 && levels == 0)
            return rule;
        if (rule->stars > 0 && levels > 0 && !found)
            found = rule;
    }
    return found;
}

bool scope_allows(const struct scope *scope, const char *path)
{
    return scope->count == 0 || find_rule(scope, path);
}

int scope_id(const struct scope *scope, const char *path, char **ret_id)
{
    char *id = NULL;
    const struct rule *rule = find_rule(scope, path);
    if (!rule && scope->count > 0)
        return -ENOENT;
    if (!rule)
        id = strdup(path);
    else if (rule->arn)
        id = strdup(rule->arn);
    else if (asprintf(&id, "%s%s%s", rule->arn_prefix, rule->name[0] == '/' ? "/" : "", path) < 0)
        id = NULL;
    if (!id)
        return -ENOMEM;
    *ret_id = id;
    return 0;
}

bool scope_is_pattern_base(const struct scope *scope, const char *path)
{
    for (size_t i = 0; i < scope->count; i++)
        if (scope->rules[i].stars > 0 && levels_below(&scope->rules[i], path) == 0)
            return true;
    return false;
}

bool scope_may_be_prefix(const struct scope *scope, const char *path)
{
    for (size_t i = 0; i < scope->count; i++) {
        int levels = levels_below(&scope->rules[i], path);
        if (levels > 0 && (unsigned)levels <= scope->rules[i].stars)
            return true;
    }
    return false;
}

size_t scope_prefixes(const struct scope *scope, const char **ret_prefixes, size_t max)
{
    if (scope->count > max)
        return 0;
    for (size_t i = 0; i < scope->count; i++)
        ret_prefixes[i] = scope->rules[i].name;
    return scope->count;
}

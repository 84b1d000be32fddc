/* SPDX-License-Identifier: Apache-2.0 */

/* The rules for profiles that name each other. From the selected profile on:
 *
 *   role_arn + source_profile        a role, assumed with the credentials of another profile, which is looked at next
 *   role_arn + credential_source     a role, assumed with the credentials of the environment, container or instance
 *   role_arn + web_identity_token_file   a role that needs no credentials: a base
 *   anything else                    a base
 *
 * In the selected profile role_arn wins over keys that stand beside it. In a source profile keys win over everything,
 * so that a profile may have both, and may be its own source. */
#include "auth/profile_plan.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/parse.h"

#define MIN_DURATION_SECONDS 900
#define MAX_DURATION_SECONDS 43200

/* The way from the selected profile to the base. */
struct walk {
    const struct config *config;
    const char *files;
    struct profile_plan *plan; /* its roles are in the order in which they are met */
    const char *visited[PROFILE_PLAN_MAX_ROLES + 1];
    size_t visited_count;
    struct error *error;
};

static const char *now_at(const struct walk *walk)
{
    return walk->visited[walk->visited_count - 1];
}

/* "profile "x" in FILES has role_arn but ..." */
__attribute__((format(printf, 2, 3))) static int fail(const struct walk *walk, const char *format, ...)
{
    char what[sizeof(walk->error->message)];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(what, sizeof(what), format, arguments);
    va_end(arguments);
    return error_set(walk->error, ERROR_NO_CREDENTIALS, "profile \"%s\" in %s %s", now_at(walk), walk->files, what);
}

static int not_configured(const struct walk *walk, const char *what)
{
    (void)fail(walk, "%s", what);
    return -ENODATA;
}

static bool has_key_pair(const struct config_section *profile)
{
    return config_setting(profile, "aws_access_key_id") && config_setting(profile, "aws_secret_access_key");
}

static bool has_keys(const struct config_section *profile)
{
    return config_setting(profile, "aws_access_key_id") || config_setting(profile, "aws_secret_access_key");
}

static int set_base(struct walk *walk, const struct config_section *profile, enum profile_base base)
{
    walk->plan->base = base;
    walk->plan->profile = now_at(walk);
    walk->plan->section = profile;
    return 0;
}

static int plan_keys(struct walk *walk, const struct config_section *profile)
{
    bool has_id = config_setting(profile, "aws_access_key_id");
    if (!has_key_pair(profile))
        return fail(walk, "has %s but not %s", has_id ? "aws_access_key_id" : "aws_secret_access_key",
                    has_id ? "aws_secret_access_key" : "aws_access_key_id");
    return set_base(walk, profile, PROFILE_BASE_KEYS);
}

static int plan_named_source(struct walk *walk, const struct config_section *profile, const char *source)
{
    static const struct {
        const char *name;
        enum profile_base base;
    } sources[] = {
        {"Environment", PROFILE_BASE_ENVIRONMENT},
        {"EcsContainer", PROFILE_BASE_CONTAINER},
        {"Ec2InstanceMetadata", PROFILE_BASE_INSTANCE},
    };
    for (size_t i = 0; i < sizeof(sources) / sizeof(sources[0]); i++)
        if (strcmp(source, sources[i].name) == 0)
            return set_base(walk, profile, sources[i].base);
    return fail(walk, "has credential_source = %s: it must be Environment, EcsContainer or Ec2InstanceMetadata",
                source);
}

/* Appends the profile's role. */
static int add_role(struct walk *walk, const struct config_section *profile)
{
    struct sts_role role = {
        .role_arn = config_setting(profile, "role_arn"),
        .session_name = config_setting(profile, "role_session_name"),
        .external_id = config_setting(profile, "external_id"),
    };
    const char *duration = config_setting(profile, "duration_seconds");
    uint64_t seconds = 0;

    if (config_setting(profile, "mfa_serial"))
        return fail(walk, "has mfa_serial: a daemon cannot ask for a code; use a role without an MFA condition, or a "
                          "profile whose credential_process runs `aws configure export-credentials` after a login");
    if (duration && parse_uint(duration, MIN_DURATION_SECONDS, MAX_DURATION_SECONDS, &seconds) < 0)
        return fail(walk, "has duration_seconds = %s: it must be a number from %d to %d", duration,
                    MIN_DURATION_SECONDS, MAX_DURATION_SECONDS);
    if (walk->plan->role_count == PROFILE_PLAN_MAX_ROLES)
        return fail(walk, "is one of more than %d roles in a row: use a shorter chain of source_profile",
                    PROFILE_PLAN_MAX_ROLES);
    role.duration_seconds = (unsigned)seconds;
    walk->plan->roles[walk->plan->role_count++] = role;
    return 0;
}

static int plan_web_identity(struct walk *walk, const struct config_section *profile)
{
    if (!config_setting(profile, "role_arn"))
        return fail(walk, "has web_identity_token_file but not role_arn");
    int r = add_role(walk, profile);
    return r < 0 ? r : set_base(walk, profile, PROFILE_BASE_WEB_IDENTITY);
}

static bool asks_for_sso(const struct config_section *profile)
{
    return config_setting(profile, "sso_session") || config_setting(profile, "sso_start_url") ||
           config_setting(profile, "sso_account_id") || config_setting(profile, "sso_role_name");
}

/* What the profile has by itself; the first of these that it asks for. */
static int plan_base(struct walk *walk, const struct config_section *profile)
{
    const char *named_source = config_setting(profile, "credential_source");
    if (named_source)
        return plan_named_source(walk, profile, named_source);
    if (config_setting(profile, "web_identity_token_file"))
        return plan_web_identity(walk, profile);
    if (asks_for_sso(profile))
        return set_base(walk, profile, PROFILE_BASE_SSO);
    if (config_setting(profile, "login_session"))
        return set_base(walk, profile, PROFILE_BASE_LOGIN);
    if (config_setting(profile, "credential_process"))
        return set_base(walk, profile, PROFILE_BASE_PROCESS);
    if (has_keys(profile))
        return plan_keys(walk, profile);
    if (walk->visited_count > 1)
        return fail(walk, "has no credentials, but profile \"%s\" names it as source_profile",
                    walk->visited[walk->visited_count - 2]);
    return not_configured(walk, "has no keys");
}

/* "a -> b -> a" */
static int fail_loop(const struct walk *walk, const char *next)
{
    _cleanup_buffer_ struct buffer loop;
    buffer_init(&loop, sizeof(walk->error->message));
    int r = 0;
    for (size_t i = 0; i < walk->visited_count && r == 0; i++)
        r = buffer_printf(&loop, "%s -> ", walk->visited[i]);
    /* What does not fit is left out. */
    return fail(walk, "is part of a loop of source_profile: %s%s; one of them must have credentials of its own",
                loop.bytes ? loop.bytes : "", next);
}

/* Goes to the source profile. Returns 1 when it is still to be planned, 0 when it is the base, or a negative errno. */
static int follow(struct walk *walk, const struct config_section *profile, const char *source)
{
    if (strcmp(source, now_at(walk)) == 0) {
        if (!has_keys(profile))
            return fail(walk, "is its own source_profile, but has no aws_access_key_id and aws_secret_access_key");
        return plan_keys(walk, profile);
    }
    for (size_t i = 0; i < walk->visited_count; i++)
        if (strcmp(source, walk->visited[i]) == 0)
            return fail_loop(walk, source);
    const struct config_section *next = config_profile(walk->config, source);
    if (!next)
        return fail(walk, "has source_profile = %s, which does not exist", source);
    walk->visited[walk->visited_count++] = source;
    return has_keys(next) ? plan_keys(walk, next) : 1;
}

/* One profile with role_arn. Returns as follow(). */
static int plan_role(struct walk *walk, const struct config_section *profile)
{
    const char *source = config_setting(profile, "source_profile");
    const char *named_source = config_setting(profile, "credential_source");
    if (!source && !named_source)
        return fail(walk, "has role_arn but neither source_profile nor credential_source: one must say whose "
                          "credentials assume the role");
    if (source && named_source)
        return fail(walk, "has both source_profile and credential_source: remove one");
    int r = add_role(walk, profile);
    if (r < 0)
        return r;
    return source ? follow(walk, profile, source) : plan_named_source(walk, profile, named_source);
}

static void reverse(struct sts_role *roles, size_t count)
{
    for (size_t i = 0; i < count / 2; i++) {
        struct sts_role role = roles[i];
        roles[i] = roles[count - 1 - i];
        roles[count - 1 - i] = role;
    }
}

int profile_plan_make(const struct config *config, const char *name, const char *files, struct profile_plan *ret_plan,
                      struct error *ret_error)
{
    struct profile_plan plan = {.role_count = 0};
    struct walk walk = {
        .config = config,
        .files = files,
        .plan = &plan,
        .visited = {name},
        .visited_count = 1,
        .error = ret_error,
    };
    if (!config_profile(config, name))
        return not_configured(&walk, "does not exist");
    int r;
    do {
        const struct config_section *profile = config_profile(config, now_at(&walk));
        bool is_role = config_setting(profile, "role_arn") && !config_setting(profile, "web_identity_token_file");
        r = is_role ? plan_role(&walk, profile) : plan_base(&walk, profile);
    } while (r > 0);
    if (r < 0)
        return r;
    reverse(plan.roles, plan.role_count);
    *ret_plan = plan;
    return 0;
}

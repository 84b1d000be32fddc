/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/providers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/profile_plan.h"
#include "auth/profile_sources.h"
#include "base/clock.h"

struct profile_provider {
    struct credentials_provider base;
    const struct provider_context *context;
    struct command *running; /* see profile_sources.h */
};

/* One fetch. */
struct work {
    struct profile_source source;
    const struct profile_plan *plan;
    struct http *http;
    uint64_t deadline_ns;
};

static int fetch_keys(const struct work *work, struct credentials **ret_credentials, struct error *ret_error)
{
    const struct config_section *profile = work->plan->section;
    int r =
        credentials_new(config_setting(profile, "aws_access_key_id"), config_setting(profile, "aws_secret_access_key"),
                        config_setting(profile, "aws_session_token"), CLOCK_NEVER_NS, "profile", ret_credentials);
    if (r == -EINVAL)
        return error_set(ret_error, ERROR_NO_CREDENTIALS,
                         "aws_access_key_id or aws_session_token of profile \"%s\" in %s holds a blank or a control "
                         "character",
                         work->plan->profile, config_files_names(work->source.context->files));
    return r < 0 ? error_set(ret_error, ERROR_INTERNAL, "out of memory") : 0;
}

static int fetch_web_identity(const struct work *work, struct credentials **ret_credentials, struct error *ret_error)
{
    const struct provider_context *context = work->source.context;
    _cleanup_free_ char *token_file = NULL;
    int r = environment_path(context->environment, config_setting(work->plan->section, "web_identity_token_file"),
                             &token_file);
    if (r < 0)
        return error_set(ret_error, ERROR_INTERNAL, "web_identity_token_file of profile \"%s\": %s",
                         work->plan->profile, strerror(-r));
    return sts_assume_role_with_web_identity(context, work->http, &work->plan->roles[0], token_file,
                                             "profile (web_identity_token_file)", work->deadline_ns, ret_credentials,
                                             ret_error);
}

/* credential_source: what another provider has, which then must have something. */
static int fetch_from_provider(const struct work *work,
                               int (*create)(const struct provider_context *context,
                                             struct credentials_provider **ret_provider),
                               struct credentials **ret_credentials, struct error *ret_error)
{
    _cleanup_credentials_provider_ struct credentials_provider *provider = NULL;
    struct error error = {.kind = ERROR_NONE};
    if (create(work->source.context, &provider) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    int r = provider->ops->fetch(provider, work->http, work->deadline_ns, ret_credentials, &error);
    if (r == -ENODATA)
        return error_set(ret_error, ERROR_NO_CREDENTIALS, "profile \"%s\" has credential_source = %s, but %s",
                         work->plan->profile, config_setting(work->plan->section, "credential_source"), error.message);
    if (r < 0)
        *ret_error = error;
    return r;
}

static int fetch_base(const struct work *work, struct credentials **ret_credentials, struct error *ret_error)
{
    switch (work->plan->base) {
    case PROFILE_BASE_WEB_IDENTITY:
        return fetch_web_identity(work, ret_credentials, ret_error);
    case PROFILE_BASE_SSO:
        return credentials_sso_fetch(&work->source, work->http, work->deadline_ns, ret_credentials, ret_error);
    case PROFILE_BASE_LOGIN:
        return credentials_login_fetch(&work->source, work->http, work->deadline_ns, ret_credentials, ret_error);
    case PROFILE_BASE_PROCESS:
        return credentials_process_fetch(&work->source, work->http, work->deadline_ns, ret_credentials, ret_error);
    case PROFILE_BASE_ENVIRONMENT:
        return fetch_from_provider(work, credentials_environment_new, ret_credentials, ret_error);
    case PROFILE_BASE_CONTAINER:
        return fetch_from_provider(work, credentials_container_new, ret_credentials, ret_error);
    case PROFILE_BASE_INSTANCE:
        return fetch_from_provider(work, credentials_imds_new, ret_credentials, ret_error);
    case PROFILE_BASE_KEYS:
    default:
        return fetch_keys(work, ret_credentials, ret_error);
    }
}

/* The base, then role after role, each with the credentials of the one before. */
static int carry_out(const struct work *work, struct credentials **ret_credentials, struct error *ret_error)
{
    const struct profile_plan *plan = work->plan;
    _cleanup_credentials_ struct credentials *credentials = NULL;
    int r = fetch_base(work, &credentials, ret_error);
    for (size_t i = plan->base == PROFILE_BASE_WEB_IDENTITY ? 1 : 0; i < plan->role_count && r == 0; i++) {
        struct credentials *next;
        r = sts_assume_role(work->source.context, work->http, credentials, &plan->roles[i], "profile (role_arn)",
                            work->deadline_ns, &next, ret_error);
        if (r == 0) {
            credentials_unref(credentials);
            credentials = next;
        }
    }
    if (r == 0)
        *ret_credentials = STEAL(credentials);
    return r;
}

static int profile_fetch(struct credentials_provider *base, struct http *http, uint64_t deadline_ns,
                         struct credentials **ret_credentials, struct error *ret_error)
{
    struct profile_provider *provider = (struct profile_provider *)base;
    const struct provider_context *context = provider->context;
    _cleanup_config_ struct config *config = NULL;
    struct profile_plan plan;

    int r = config_files_load(context->files, &config, ret_error);
    if (r == 0)
        r = profile_plan_make(config, context->profile, config_files_names(context->files), &plan, ret_error);
    if (r < 0)
        return r;
    const struct work work = {
        .source =
            {
                .context = context,
                .config = config,
                .profile = plan.section,
                .name = plan.profile,
                .running = &provider->running,
            },
        .plan = &plan,
        .http = http,
        .deadline_ns = deadline_ns,
    };
    return carry_out(&work, ret_credentials, ret_error);
}

static bool profile_changed(struct credentials_provider *base)
{
    return config_files_changed(((const struct profile_provider *)base)->context->files);
}

static void profile_provider_free(struct credentials_provider *base)
{
    command_free(((struct profile_provider *)base)->running);
    free(base);
}

int credentials_profile_new(const struct provider_context *context, struct credentials_provider **ret_provider)
{
    static const struct credentials_provider_ops ops = {
        .name = "profile",
        .fetch = profile_fetch,
        .changed = profile_changed,
        .free = profile_provider_free,
    };
    struct profile_provider *provider = calloc(1, sizeof(*provider));
    if (!provider)
        return -ENOMEM;
    provider->base.ops = &ops;
    provider->context = context;
    *ret_provider = &provider->base;
    return 0;
}

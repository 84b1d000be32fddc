/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/session.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "auth/config_files.h"
#include "auth/credentials_cache.h"
#include "auth/endpoint.h"
#include "auth/environment.h"
#include "auth/providers.h"
#include "auth/region.h"
#include "auth/settings.h"
#include "auth/sts.h"
#include "base/parse.h"

#define DEFAULT_MAX_ATTEMPTS 3
#define MAX_MAX_ATTEMPTS 100

struct aws_session {
    struct environment *environment;
    struct config_files *files;
    struct config *config; /* as of the start, for all but credentials, which are read anew */
    struct settings settings;
    char *profile;
    char *region;
    char *region_origin;
    char *ca_bundle;
    char *endpoint_option; /* --endpoint-url, checked */
    struct endpoint_rules endpoints;
    unsigned max_attempts;
    struct signing_clock clock;
    struct retry_bucket *bucket; /* of calls for credentials */
    struct provider_context context;
    const struct credentials_provider *chain; /* the cache's */
    struct credentials_cache *cache;
};

static int out_of_memory(struct error *ret_error)
{
    return error_set(ret_error, ERROR_INTERNAL, "out of memory");
}

static int copy_text(const char *text, char **ret_copy, struct error *ret_error)
{
    char *copy = strdup(text);
    if (!copy)
        return out_of_memory(ret_error);
    *ret_copy = copy;
    return 0;
}

/* True when the environment names a source of credentials that does not need the profile. */
static bool environment_has_credentials(const struct environment *environment)
{
    static const char *const variables[] = {
        "AWS_ACCESS_KEY_ID",
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
    };
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++)
        if (environment_get(environment, variables[i]))
            return true;
    return false;
}

/* Selects the profile. One that was asked for must exist, unless a variable asks and it is not needed. */
static int load_profile(struct aws_session *session, const char *option, struct error *ret_error)
{
    const char *origin;
    const char *name = environment_profile(session->environment, option, &origin);
    int r = copy_text(name, &session->profile, ret_error);
    if (r == 0)
        r = config_files_load(session->files, &session->config, ret_error);
    if (r < 0)
        return r;
    config_forget_keys(session->config);
    session->settings = (struct settings){
        .environment = session->environment,
        .config = session->config,
        .profile_name = session->profile,
        .profile = config_profile(session->config, session->profile),
    };
    if (session->settings.profile || (!option && (!origin || environment_has_credentials(session->environment))))
        return 0;
    return error_set(ret_error, ERROR_BAD_REQUEST, "there is no profile \"%s\" (from %s) in %s", name, origin,
                     config_files_names(session->files));
}

/* The path is made absolute, and a bundle that is not there is told at once and not as a failure of TLS later. */
static int load_ca_bundle(struct aws_session *session, struct error *ret_error)
{
    const char *origin;
    const char *path = settings_get(&session->settings, "AWS_CA_BUNDLE", "ca_bundle", &origin);
    if (!path)
        return 0;
    int r = environment_path(session->environment, path, &session->ca_bundle);
    if (r == 0 && access(session->ca_bundle, R_OK) < 0)
        r = -errno;
    return r < 0 ? error_set(ret_error, ERROR_BAD_REQUEST, "cannot read the CA bundle %s (from %s): %s", path, origin,
                             strerror(-r))
                 : 0;
}

static int load_max_attempts(struct aws_session *session, struct error *ret_error)
{
    const char *origin;
    const char *text = settings_get(&session->settings, "AWS_MAX_ATTEMPTS", "max_attempts", &origin);
    uint64_t value = DEFAULT_MAX_ATTEMPTS;
    if (text && parse_uint(text, 1, MAX_MAX_ATTEMPTS, &value) < 0)
        return error_set(ret_error, ERROR_BAD_REQUEST, "%s must be a number from 1 to %d, not \"%s\"", origin,
                         MAX_MAX_ATTEMPTS, text);
    session->max_attempts = (unsigned)value;
    return 0;
}

static int load_endpoints(struct aws_session *session, const char *option, struct error *ret_error)
{
    session->endpoints.settings = &session->settings;
    int r = settings_bool(&session->settings, "AWS_USE_FIPS_ENDPOINT", "use_fips_endpoint", &session->endpoints.fips,
                          ret_error);
    if (r == 0)
        r = settings_bool(&session->settings, "AWS_USE_DUALSTACK_ENDPOINT", "use_dualstack_endpoint",
                          &session->endpoints.dual_stack, ret_error);
    if (r == 0 && option)
        r = endpoint_check_url(option, "--endpoint-url", &session->endpoint_option, ret_error);
    if (r < 0)
        return r;
    /* A malformed endpoint is better told now than at the first read. */
    _cleanup_free_ char *url = NULL;
    return aws_session_endpoint(session, "secretsmanager", session->region, &url, ret_error);
}

static const char *given(const char *option)
{
    return option && *option ? option : NULL;
}

/* "arn:aws:iam::123456789012:role/path/name", in any partition. */
static bool is_role_arn(const char *text)
{
    const char *iam = strstr(text, ":iam::");
    return strncmp(text, "arn:", strlen("arn:")) == 0 && iam && strstr(iam, ":role/") && strlen(text) <= 2048;
}

/* The chain, and on top of it the role of --role-arn. */
static int make_provider(struct aws_session *session, const struct aws_session_options *options,
                         struct credentials_provider **ret_provider, struct error *ret_error)
{
    const char *role_arn = given(options->role_arn), *external_id = given(options->external_id);
    struct credentials_provider *provider;
    if (external_id && !role_arn)
        return error_set(ret_error, ERROR_BAD_REQUEST, "--external-id goes with --role-arn, which is missing");
    if (role_arn && !is_role_arn(role_arn))
        return error_set(ret_error, ERROR_BAD_REQUEST,
                         "--role-arn must have the form arn:aws:iam::ACCOUNT:role/NAME, not \"%s\"", role_arn);
    int r = credentials_chain_new(&session->context, &provider);
    session->chain = r == 0 ? provider : NULL;
    if (r == 0 && role_arn)
        r = credentials_role_new(&session->context, role_arn, external_id, provider, &provider);
    if (r < 0)
        return out_of_memory(ret_error);
    *ret_provider = provider;
    return 0;
}

static int make_credentials(struct aws_session *session, const struct aws_session_options *options,
                            struct error *ret_error)
{
    session->context = (struct provider_context){
        .environment = session->environment,
        .files = session->files,
        .profile = session->profile,
        .profile_is_option = given(options->profile) != NULL,
        .settings = &session->settings,
        .endpoints = &session->endpoints,
        .region = session->region,
        .ca_bundle = session->ca_bundle,
        .max_attempts = session->max_attempts,
        .clock = &session->clock,
    };
    if (retry_bucket_new(&session->bucket) < 0)
        return out_of_memory(ret_error);
    session->context.bucket = session->bucket;
    struct credentials_provider *provider = NULL;
    int r = make_provider(session, options, &provider, ret_error);
    if (r < 0)
        return r;
    return credentials_cache_new(provider, &session->cache) < 0 ? out_of_memory(ret_error) : 0;
}

int aws_session_new(const struct aws_session_options *options, struct aws_session **ret_session,
                    struct error *ret_error)
{
    _cleanup_aws_session_ struct aws_session *session = calloc(1, sizeof(*session));
    /* As secure_getenv(): a set-user-ID program does not let its caller choose files and endpoints. */
    char *const *variables = getauxval(AT_SECURE) ? NULL : environ;
    if (!session || environment_new(variables, &session->environment) < 0)
        return out_of_memory(ret_error);
    int r = config_files_new(session->environment, &session->files);
    if (r < 0)
        return error_set(ret_error, ERROR_INTERNAL, "cannot find the AWS configuration files: %s", strerror(-r));

    r = load_profile(session, given(options->profile), ret_error);
    if (r == 0)
        r = region_find(&session->settings, given(options->region), config_files_names(session->files),
                        &session->region, &session->region_origin, ret_error);
    if (r == 0)
        r = load_ca_bundle(session, ret_error);
    if (r == 0)
        r = load_max_attempts(session, ret_error);
    if (r == 0)
        r = load_endpoints(session, given(options->endpoint_url), ret_error);
    if (r == 0)
        r = make_credentials(session, options, ret_error);
    if (r == 0)
        *ret_session = STEAL(session);
    return r;
}

void aws_session_free(struct aws_session *session)
{
    if (!session)
        return;
    credentials_cache_free(session->cache);
    retry_bucket_free(session->bucket);
    free(session->endpoint_option);
    free(session->ca_bundle);
    free(session->region_origin);
    free(session->region);
    free(session->profile);
    config_free(session->config);
    config_files_free(session->files);
    environment_free(session->environment);
    free(session);
}

const char *aws_session_region(const struct aws_session *session)
{
    return session->region;
}

const char *aws_session_region_origin(const struct aws_session *session)
{
    return session->region_origin;
}

const char *aws_session_ca_bundle(const struct aws_session *session)
{
    return session->ca_bundle;
}

unsigned aws_session_max_attempts(const struct aws_session *session)
{
    return session->max_attempts;
}

struct signing_clock *aws_session_clock(struct aws_session *session)
{
    return &session->clock;
}

int aws_session_custom_endpoint(const struct aws_session *session, const char *service, char **ret_url,
                                struct error *ret_error)
{
    if (session->endpoint_option && strcmp(service, "secretsmanager") == 0)
        return copy_text(session->endpoint_option, ret_url, ret_error);
    return endpoint_configured(service, &session->settings, ret_url, ret_error);
}

int aws_session_endpoint(const struct aws_session *session, const char *service, const char *region, char **ret_url,
                         struct error *ret_error)
{
    if (session->endpoint_option && strcmp(service, "secretsmanager") == 0)
        return copy_text(session->endpoint_option, ret_url, ret_error);
    return endpoint_find(&session->endpoints, service, region, ret_url, ret_error);
}

const char *aws_session_endpoint_origin(const struct aws_session *session, const char *service)
{
    if (session->endpoint_option && strcmp(service, "secretsmanager") == 0)
        return "--endpoint-url";
    const char *origin = endpoint_configured_origin(service, &session->settings);
    return origin ? origin : "the region";
}

int aws_session_credentials(struct aws_session *session, struct http *http, uint64_t deadline_ns,
                            struct credentials **ret_credentials, struct error *ret_error)
{
    int r = credentials_cache_get(session->cache, http, deadline_ns, ret_credentials, ret_error);
    if (r < 0 && ret_error)
        ret_error->complete = true; /* providers name the file or URL, and the remedy */
    return r;
}

void aws_session_credentials_refused(struct aws_session *session, const struct credentials *refused)
{
    credentials_cache_refused(session->cache, refused);
}

int aws_session_identity(struct aws_session *session, struct http *http, uint64_t deadline_ns,
                         struct sts_identity *ret_identity, struct error *ret_error)
{
    _cleanup_credentials_ struct credentials *credentials = NULL;
    int r = aws_session_credentials(session, http, deadline_ns, &credentials, ret_error);
    if (r < 0)
        return r;
    return sts_get_caller_identity(&session->context, http, credentials, deadline_ns, ret_identity, ret_error);
}

void aws_session_each_provider(const struct aws_session *session, provider_outcome_cb each, void *context)
{
    credentials_chain_each(session->chain, each, context);
}

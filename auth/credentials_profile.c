/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/providers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

struct profile_provider {
    struct credentials_provider base;
    struct config_files *files;
    const char *profile;
};

/* Static keys of the profile. */
static int fetch_keys(const struct profile_provider *provider, const struct config_section *profile,
                      struct credentials **ret_credentials, struct error *ret_error)
{
    const char *files = config_files_names(provider->files);
    const char *id = config_setting(profile, "aws_access_key_id");
    const char *key = config_setting(profile, "aws_secret_access_key");
    const char *token = config_setting(profile, "aws_session_token");
    if (!id && !key) {
        (void)error_set(ret_error, ERROR_NO_CREDENTIALS, "profile \"%s\" in %s %s", provider->profile, files,
                        profile ? "has no keys" : "does not exist");
        return -ENODATA;
    }
    if (!id || !key)
        return error_set(ret_error, ERROR_NO_CREDENTIALS, "profile \"%s\" in %s has %s but not %s", provider->profile,
                         files, id ? "aws_access_key_id" : "aws_secret_access_key",
                         id ? "aws_secret_access_key" : "aws_access_key_id");
    int r = credentials_new(id, key, token, CLOCK_NEVER_NS, provider->base.ops->name, ret_credentials);
    if (r == -EINVAL)
        return error_set(ret_error, ERROR_NO_CREDENTIALS,
                         "aws_access_key_id or aws_session_token of profile \"%s\" in %s holds a blank or a control "
                         "character",
                         provider->profile, files);
    return r < 0 ? error_set(ret_error, ERROR_INTERNAL, "out of memory") : 0;
}

/* Keys of a profile that ask for more than static keys, and that win over them when both are there. */
static const char *find_other_kind(const struct config_section *profile)
{
    static const char *const keys[] = {
        "role_arn",      "web_identity_token_file", "sso_session",        "sso_start_url",
        "sso_role_name", "login_session",           "credential_process",
    };
    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
        if (config_setting(profile, keys[i]))
            return keys[i];
    return NULL;
}

static int profile_fetch(struct credentials_provider *base, struct http *http, uint64_t deadline_ns,
                         struct credentials **ret_credentials, struct error *ret_error)
{
    const struct profile_provider *provider = (const struct profile_provider *)base;
    (void)http;
    (void)deadline_ns;

    _cleanup_config_ struct config *config = NULL;
    int r = config_files_load(provider->files, &config, ret_error);
    if (r < 0)
        return r;
    const struct config_section *profile = config_profile(config, provider->profile);
    const char *other_kind = find_other_kind(profile);
    if (other_kind)
        return error_set(
            ret_error, ERROR_NO_CREDENTIALS,
            "profile \"%s\" in %s has %s, and this kind of credentials is not supported yet: use a profile "
            "with aws_access_key_id and aws_secret_access_key, or set them in the environment",
            provider->profile, config_files_names(provider->files), other_kind);
    return fetch_keys(provider, profile, ret_credentials, ret_error);
}

static bool profile_changed(struct credentials_provider *base)
{
    return config_files_changed(((const struct profile_provider *)base)->files);
}

static void profile_provider_free(struct credentials_provider *base)
{
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
    provider->files = context->files;
    provider->profile = context->profile;
    *ret_provider = &provider->base;
    return 0;
}

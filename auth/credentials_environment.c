/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/providers.h"

#include <errno.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/parse.h"

struct environment_provider {
    struct credentials_provider base;
    const struct environment *environment;
};

static int environment_fetch(struct credentials_provider *provider, struct http *http, uint64_t deadline_ns,
                             struct credentials **ret_credentials, struct error *ret_error)
{
    const struct environment *environment = ((struct environment_provider *)provider)->environment;
    (void)http;
    (void)deadline_ns;

    const char *id = environment_get(environment, "AWS_ACCESS_KEY_ID");
    const char *key = environment_get(environment, "AWS_SECRET_ACCESS_KEY");
    const char *token = environment_get(environment, "AWS_SESSION_TOKEN");
    if (!token)
        token = environment_get(environment, "AWS_SECURITY_TOKEN"); /* the old name */
    if (!id && !key) {
        (void)error_set(ret_error, ERROR_NO_CREDENTIALS, "AWS_ACCESS_KEY_ID is not set");
        return -ENODATA;
    }
    if (!id || !key)
        return error_set(ret_error, ERROR_NO_CREDENTIALS, "%s is set in the environment, but %s is not",
                         id ? "AWS_ACCESS_KEY_ID" : "AWS_SECRET_ACCESS_KEY",
                         id ? "AWS_SECRET_ACCESS_KEY" : "AWS_ACCESS_KEY_ID");
    const char *expiration = environment_get(environment, "AWS_CREDENTIAL_EXPIRATION");
    uint64_t expires_ns = CLOCK_NEVER_NS;
    if (expiration && parse_timestamp(expiration, &expires_ns) < 0)
        return error_set(ret_error, ERROR_NO_CREDENTIALS,
                         "AWS_CREDENTIAL_EXPIRATION must be a time such as 2026-11-21T00:24:35Z");
    int r = credentials_new(id, key, token, expires_ns, provider->ops->name, ret_credentials);
    if (r == -EINVAL)
        return error_set(ret_error, ERROR_NO_CREDENTIALS,
                         "AWS_ACCESS_KEY_ID or AWS_SESSION_TOKEN holds a blank or a control character");
    return r < 0 ? error_set(ret_error, ERROR_INTERNAL, "out of memory") : 0;
}

static void environment_provider_free(struct credentials_provider *provider)
{
    free(provider);
}

int credentials_environment_new(const struct provider_context *context, struct credentials_provider **ret_provider)
{
    static const struct credentials_provider_ops ops = {
        .name = "environment",
        .fetch = environment_fetch,
        .free = environment_provider_free,
    };
    struct environment_provider *provider = calloc(1, sizeof(*provider));
    if (!provider)
        return -ENOMEM;
    provider->base.ops = &ops;
    provider->environment = context->environment;
    *ret_provider = &provider->base;
    return 0;
}

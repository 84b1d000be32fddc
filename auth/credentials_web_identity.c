/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/providers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/sts.h"

struct web_identity_provider {
    struct credentials_provider base;
    const struct provider_context *context;
};

static int web_identity_fetch(struct credentials_provider *base, struct http *http, uint64_t deadline_ns,
                              struct credentials **ret_credentials, struct error *ret_error)
{
    const struct provider_context *context = ((const struct web_identity_provider *)base)->context;
    const struct sts_role role = {
        .role_arn = environment_get(context->environment, "AWS_ROLE_ARN"),
        .session_name = environment_get(context->environment, "AWS_ROLE_SESSION_NAME"),
    };
    _cleanup_free_ char *path = NULL;

    const char *file = environment_get(context->environment, "AWS_WEB_IDENTITY_TOKEN_FILE");
    if (!file) {
        (void)error_set(ret_error, ERROR_NO_CREDENTIALS, "AWS_WEB_IDENTITY_TOKEN_FILE is not set");
        return -ENODATA;
    }
    if (!role.role_arn)
        return error_set(ret_error, ERROR_NO_CREDENTIALS,
                         "AWS_WEB_IDENTITY_TOKEN_FILE is set in the environment, but AWS_ROLE_ARN is not");
    int r = environment_path(context->environment, file, &path);
    if (r < 0)
        return error_set(ret_error, ERROR_INTERNAL, "cannot find the web identity token file: %s", strerror(-r));
    return sts_assume_role_with_web_identity(context, http, &role, path, base->ops->name, deadline_ns, ret_credentials,
                                             ret_error);
}

static void web_identity_provider_free(struct credentials_provider *base)
{
    free(base);
}

int credentials_web_identity_new(const struct provider_context *context, struct credentials_provider **ret_provider)
{
    static const struct credentials_provider_ops ops = {
        .name = "web identity",
        .fetch = web_identity_fetch,
        .free = web_identity_provider_free,
    };
    struct web_identity_provider *provider = calloc(1, sizeof(*provider));
    if (!provider)
        return -ENOMEM;
    provider->base.ops = &ops;
    provider->context = context;
    *ret_provider = &provider->base;
    return 0;
}

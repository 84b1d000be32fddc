/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/providers.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "auth/credentials_cache.h"
#include "auth/sts.h"

struct role_provider {
    struct credentials_provider base;
    const struct provider_context *context;
    struct credentials_cache *source; /* they live and are renewed by rules of their own */
    char *role_arn;
    char *external_id; /* or NULL */
};

static int role_fetch(struct credentials_provider *base, struct http *http, uint64_t deadline_ns,
                      struct credentials **ret_credentials, struct error *ret_error)
{
    const struct role_provider *provider = (const struct role_provider *)base;
    const struct sts_role role = {.role_arn = provider->role_arn, .external_id = provider->external_id};
    for (bool renewed = false;; renewed = true) {
        _cleanup_credentials_ struct credentials *source = NULL;
        int r = credentials_cache_get(provider->source, http, deadline_ns, &source, ret_error);
        if (r < 0)
            return r;
        r = sts_assume_role(provider->context, http, source, &role, base->ops->name, deadline_ns, ret_credentials,
                            ret_error);
        if (r == 0 || renewed ||
            (ret_error->kind != ERROR_EXPIRED_CREDENTIALS && ret_error->kind != ERROR_BAD_CREDENTIALS))
            return r;
        credentials_cache_refused(provider->source, source);
    }
}

static void role_free(struct credentials_provider *base)
{
    struct role_provider *provider = (struct role_provider *)base;
    credentials_cache_free(provider->source);
    free(provider->role_arn);
    free(provider->external_id);
    free(provider);
}

int credentials_role_new(const struct provider_context *context, const char *role_arn, const char *external_id,
                         struct credentials_provider *source, struct credentials_provider **ret_provider)
{
    static const struct credentials_provider_ops ops = {
        .name = "role",
        .fetch = role_fetch,
        .free = role_free,
    };
    struct role_provider *provider = calloc(1, sizeof(*provider));
    if (!provider) {
        credentials_provider_free(source);
        return -ENOMEM;
    }
    provider->base.ops = &ops;
    provider->context = context;
    _cleanup_credentials_provider_ struct credentials_provider *base = &provider->base;
    int r = credentials_cache_new(source, &provider->source);
    if (r < 0)
        return r;
    provider->role_arn = strdup(role_arn);
    provider->external_id = external_id ? strdup(external_id) : NULL;
    if (!provider->role_arn || (external_id && !provider->external_id))
        return -ENOMEM;
    *ret_provider = STEAL(base);
    return 0;
}

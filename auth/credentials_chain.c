/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/providers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"

/* In the order in which they are asked. */
static const struct {
    int (*create)(const struct provider_context *context, struct credentials_provider **ret_provider);
    bool not_with_profile_option;
} kinds[] = {
    {credentials_environment_new, .not_with_profile_option = true},
    {credentials_profile_new, false},
    {credentials_web_identity_new, .not_with_profile_option = true},
    {credentials_container_new, false},
    {credentials_imds_new, false},
};

#define KIND_COUNT (sizeof(kinds) / sizeof(kinds[0]))

struct outcome {
    enum provider_outcome outcome;
    char message[sizeof(((struct error *)0)->message)];
};

struct chain {
    struct credentials_provider base;
    struct credentials_provider *providers[KIND_COUNT];
    size_t count;
    size_t used;                         /* number of providers that were asked for the last credentials */
    struct outcome outcomes[KIND_COUNT]; /* of those */
};

/* "environment: AWS_ACCESS_KEY_ID is not set; profile: …" */
static void note_tried(struct buffer *tried, const char *name, const char *reason)
{
    int r = buffer_printf(tried, "%s%s: %s", tried->size_bytes ? "; " : "", name, reason);
    (void)r; /* what does not fit is left out */
}

static void note_outcome(struct outcome *outcome, int r, const char *message)
{
    outcome->outcome = r == -ENODATA ? PROVIDER_NOT_CONFIGURED : r < 0 ? PROVIDER_FAILED : PROVIDER_USED;
    (void)snprintf(outcome->message, sizeof(outcome->message), "%s", r < 0 ? message : "");
}

static int chain_fetch(struct credentials_provider *base, struct http *http, uint64_t deadline_ns,
                       struct credentials **ret_credentials, struct error *ret_error)
{
    struct chain *chain = (struct chain *)base;
    _cleanup_buffer_ struct buffer tried;
    buffer_init(&tried, KIND_COUNT * sizeof(chain->outcomes[0])); /* error_set() cuts it, where a reason is long */

    for (size_t i = 0; i < chain->count; i++) {
        struct credentials_provider *provider = chain->providers[i];
        struct error error = {.kind = ERROR_NONE};
        chain->used = i + 1;
        int r = provider->ops->fetch(provider, http, deadline_ns, ret_credentials, &error);
        note_outcome(&chain->outcomes[i], r, error.message);
        if (r == -ENODATA) {
            note_tried(&tried, provider->ops->name, error.message);
            continue;
        }
        if (r < 0)
            *ret_error = error;
        return r;
    }
    return error_set(ret_error, ERROR_NO_CREDENTIALS, "no AWS credentials found (%s)", tried.bytes);
}

/* Credentials stay with the provider that they came from, unless one before it has something new. */
static bool chain_changed(struct credentials_provider *base)
{
    const struct chain *chain = (const struct chain *)base;
    bool changed = false;
    for (size_t i = 0; i < chain->used && !changed; i++)
        changed = chain->providers[i]->ops->changed && chain->providers[i]->ops->changed(chain->providers[i]);
    return changed;
}

static void chain_free(struct credentials_provider *base)
{
    struct chain *chain = (struct chain *)base;
    for (size_t i = 0; i < chain->count; i++)
        credentials_provider_free(chain->providers[i]);
    free(chain);
}

int credentials_chain_new(const struct provider_context *context, struct credentials_provider **ret_provider)
{
    static const struct credentials_provider_ops ops = {
        .name = "chain",
        .fetch = chain_fetch,
        .changed = chain_changed,
        .free = chain_free,
    };
    struct chain *chain = calloc(1, sizeof(*chain));
    if (!chain)
        return -ENOMEM;
    chain->base.ops = &ops;
    _cleanup_credentials_provider_ struct credentials_provider *base = &chain->base;
    for (size_t i = 0; i < KIND_COUNT; i++) {
        if (kinds[i].not_with_profile_option && context->profile_is_option)
            continue;
        int r = kinds[i].create(context, &chain->providers[chain->count]);
        if (r < 0)
            return r;
        chain->count++;
    }
    *ret_provider = STEAL(base);
    return 0;
}

void credentials_chain_each(const struct credentials_provider *base, provider_outcome_cb each, void *context)
{
    const struct chain *chain = (const struct chain *)base;
    for (size_t i = 0; i < chain->used; i++)
        each(context, chain->providers[i]->ops->name, chain->outcomes[i].outcome, chain->outcomes[i].message);
}

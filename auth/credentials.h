/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* AWS credentials and the providers that find them: one provider per file, tried in order by the chain. */

#include <stdbool.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/http.h"
#include "base/secret.h"

/* Immutable and counted by reference (atomic), so that a request under way keeps what it signs with. */
struct credentials {
    unsigned references;
    char *access_key_id;
    struct secret *secret_access_key;
    struct secret *session_token; /* or NULL */
    uint64_t expires_ns;          /* wall clock; CLOCK_NEVER_NS when they do not expire */
    const char *provider;         /* the provider's name, static storage */
};

/* Copies its arguments; `session_token` may be NULL. Returns 0, -EINVAL (access key id or token is empty or holds what
 * cannot stand in a header: white space, control characters, bytes over 126), or -ENOMEM. */
int credentials_new(const char *access_key_id, const char *secret_access_key, const char *session_token,
                    uint64_t expires_ns, const char *provider, struct credentials **ret_credentials);
struct credentials *credentials_ref(struct credentials *credentials);
void credentials_unref(struct credentials *credentials);
DEFINE_CLEANUP(struct credentials, credentials_unref)
#define _cleanup_credentials_ _cleanup_(credentials_unrefp)

struct credentials_provider;

struct credentials_provider_ops {
    const char *name; /* "environment", "profile", ... */

    /* Blocking, on a fetcher thread, never two at a time. Returns 0 with credentials; -ENODATA when this provider is
     * not configured, so that the next one is asked (the error's message then says what is missing, for the list of
     * what was tried); or another negative errno with the error filled (it names the file or URL and the remedy), which
     * ends the chain. `ret_error` is never NULL here. */
    int (*fetch)(struct credentials_provider *provider, struct http *http, uint64_t deadline_ns,
                 struct credentials **ret_credentials, struct error *ret_error);

    /* True when the credentials that fetch() gave last should be fetched again, because a file that they came
     * from has changed. Quick; never while fetch() runs. May be NULL: never. */
    bool (*changed)(struct credentials_provider *provider);

    void (*free)(struct credentials_provider *provider);
};

/* What a provider had to say when the chain asked it. */
enum provider_outcome {
    PROVIDER_NOT_CONFIGURED, /* so the next one was asked; the message says what is missing */
    PROVIDER_USED,           /* its credentials are those of the chain; no message */
    PROVIDER_FAILED,         /* which ended the chain; the message says why */
};

typedef void (*provider_outcome_cb)(void *context, const char *provider, enum provider_outcome outcome,
                                    const char *message);

/* Embedded as the first member of each concrete provider. */
struct credentials_provider {
    const struct credentials_provider_ops *ops;
};

static inline void credentials_provider_free(struct credentials_provider *provider)
{
    if (provider)
        provider->ops->free(provider);
}
DEFINE_CLEANUP(struct credentials_provider, credentials_provider_free)
#define _cleanup_credentials_provider_ _cleanup_(credentials_provider_freep)

/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool fits_a_header(const char *text)
{
    for (const char *c = text; *c; c++)
        if (*c <= ' ' || *c > '~')
            return false;
    return *text != '\0';
}

int credentials_new(const char *access_key_id, const char *secret_access_key, const char *session_token,
                    uint64_t expires_ns, const char *provider, struct credentials **ret_credentials)
{
    if (!fits_a_header(access_key_id) || (session_token && !fits_a_header(session_token)))
        return -EINVAL;
    _cleanup_credentials_ struct credentials *credentials = calloc(1, sizeof(*credentials));
    if (!credentials)
        return -ENOMEM;
    credentials->references = 1;
    credentials->expires_ns = expires_ns;
    credentials->provider = provider;
    credentials->access_key_id = strdup(access_key_id);
    if (!credentials->access_key_id ||
        secret_new(secret_access_key, strlen(secret_access_key), &credentials->secret_access_key) < 0 ||
        (session_token && secret_new(session_token, strlen(session_token), &credentials->session_token) < 0))
        return -ENOMEM;
    *ret_credentials = STEAL(credentials);
    return 0;
}

struct credentials *credentials_ref(struct credentials *credentials)
{
    if (credentials)
        (void)__atomic_fetch_add(&credentials->references, 1, __ATOMIC_RELAXED);
    return credentials;
}

void credentials_unref(struct credentials *credentials)
{
    /* Release and acquire: what other holders did comes before the freeing. */
    if (!credentials || __atomic_fetch_sub(&credentials->references, 1, __ATOMIC_ACQ_REL) != 1)
        return;
    free(credentials->access_key_id);
    secret_unref(credentials->secret_access_key);
    secret_unref(credentials->session_token);
    free(credentials);
}

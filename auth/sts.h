/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* AWS Security Token Service: roles. Blocking, on a fetcher thread; retried within the deadline. Source: the STS API
 * reference, version 2011-06-15. The endpoint is always that of the region: AWS_STS_REGIONAL_ENDPOINTS is not looked
 * at.
 */

#include <stddef.h>
#include <stdint.h>

#include "auth/credentials.h"
#include "auth/providers.h"

struct sts_role {
    const char *role_arn;
    const char *session_name;  /* NULL: one is made */
    const char *external_id;   /* or NULL */
    unsigned duration_seconds; /* 0: as STS has it, an hour */
};

/* AssumeRole, signed with `source`. `provider` is the name that the credentials get (static storage). Returns 0, or a
 * negative errno with the error filled, which names the role, the endpoint and the remedy. The kind is
 * ERROR_EXPIRED_CREDENTIALS or ERROR_BAD_CREDENTIALS when STS does not take `source`, so that newer ones may help, and
 * ERROR_NO_CREDENTIALS when it takes them and says no. */
int sts_assume_role(const struct provider_context *context, struct http *http, const struct credentials *source,
                    const struct sts_role *role, const char *provider, uint64_t deadline_ns,
                    struct credentials **ret_credentials, struct error *ret_error);

/* AssumeRoleWithWebIdentity, unsigned. The token file, an absolute path, is read at each call. */
int sts_assume_role_with_web_identity(const struct provider_context *context, struct http *http,
                                      const struct sts_role *role, const char *token_file, const char *provider,
                                      uint64_t deadline_ns, struct credentials **ret_credentials,
                                      struct error *ret_error);

struct sts_identity {
    char account[32];
    char arn[2048 + 1];
    char user_id[256];
};

/* GetCallerIdentity: needs no permission. */
int sts_get_caller_identity(const struct provider_context *context, struct http *http,
                            const struct credentials *credentials, uint64_t deadline_ns,
                            struct sts_identity *ret_identity, struct error *ret_error);

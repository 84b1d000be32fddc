/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The providers of credentials. A new one is a file credentials_<name>.c, a line here, and a line in the table of
 * credentials_chain.c. */

#include "auth/call.h"
#include "auth/config_files.h"
#include "auth/credentials.h"
#include "auth/endpoint.h"
#include "auth/environment.h"
#include "auth/settings.h"

/* What a provider may look at. All of it, and the struct itself, is owned by the session and outlives the providers. */
struct provider_context {
    const struct environment *environment;
    struct config_files *files;      /* used by one provider at a time, as fetch() is */
    const char *profile;             /* the selected profile's name */
    bool profile_is_option;          /* selected by --profile, which rules out keys from the environment */
    const struct settings *settings; /* environment and selected profile, as of the start */
    const struct endpoint_rules *endpoints;
    const char *region;
    const char *ca_bundle; /* or NULL */
    unsigned max_attempts;
    struct signing_clock *clock;
    struct retry_bucket *bucket; /* of calls for credentials */
};

/* Each returns 0 or -ENOMEM. */

/* AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_SESSION_TOKEN, AWS_CREDENTIAL_EXPIRATION. */
int credentials_environment_new(const struct provider_context *context, struct credentials_provider **ret_provider);

/* The selected profile of the shared files. */
int credentials_profile_new(const struct provider_context *context, struct credentials_provider **ret_provider);

/* AWS_WEB_IDENTITY_TOKEN_FILE, AWS_ROLE_ARN, AWS_ROLE_SESSION_NAME. */
int credentials_web_identity_new(const struct provider_context *context, struct credentials_provider **ret_provider);

/* ECS and EKS Pod Identity: what AWS_CONTAINER_CREDENTIALS_RELATIVE_URI or _FULL_URI names. */
int credentials_container_new(const struct provider_context *context, struct credentials_provider **ret_provider);

/* The role of an EC2 instance. */
int credentials_imds_new(const struct provider_context *context, struct credentials_provider **ret_provider);

/* All of the above, one after the other: the first that is configured decides. */
int credentials_chain_new(const struct provider_context *context, struct credentials_provider **ret_provider);

/* Calls `each` for the providers that the last fetch() of the chain has asked, in their order. Not while fetch() runs.
 */
void credentials_chain_each(const struct credentials_provider *base, provider_outcome_cb each, void *context);

/* A role on top of others: `source` gives the credentials that assume it. The texts are copied; `external_id` may be
 * NULL. Owns `source`, also on failure. */
int credentials_role_new(const struct provider_context *context, const char *role_arn, const char *external_id,
                         struct credentials_provider *source, struct credentials_provider **ret_provider);

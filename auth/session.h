/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What an AWS SDK calls a session or config: region, endpoints, credentials, CA bundle and attempts, found
 * from options, environment and the shared files in the SDKs' order of precedence. Created on the main thread;
 * afterwards used by all fetcher threads (one mutex inside guards the cached credentials; the rest is immutable). */

#include <stdbool.h>
#include <stdint.h>

#include "auth/call.h"
#include "auth/credentials.h"
#include "base/error.h"
#include "base/http.h"

struct aws_session;
struct sts_identity;

/* From the command line; each may be NULL. */
struct aws_session_options {
    const char *profile;
    const char *region;
    const char *endpoint_url; /* for Secrets Manager */
    const char *role_arn;     /* assumed with the credentials that are found */
    const char *external_id;  /* that the role asks for */
};

/* Reads environment and files. Where they give no region, it is asked of the instance metadata of EC2, which takes 2 s
 * at most; this is the only request, and it needs http_setup(). Returns 0, or a negative errno with the error filled (a
 * broken file with its line, an unknown profile, no region, a malformed endpoint). */
int aws_session_new(const struct aws_session_options *options, struct aws_session **ret_session,
                    struct error *ret_error);
void aws_session_free(struct aws_session *session);
DEFINE_CLEANUP(struct aws_session, aws_session_free)
#define _cleanup_aws_session_ _cleanup_(aws_session_freep)

const char *aws_session_region(const struct aws_session *session);

/* Where the region was found: "--region", "AWS_REGION", "AWS_DEFAULT_REGION", "region in profile NAME" or "instance
 * metadata". */
const char *aws_session_region_origin(const struct aws_session *session);

const char *aws_session_ca_bundle(const struct aws_session *session); /* or NULL */
unsigned aws_session_max_attempts(const struct aws_session *session);
struct signing_clock *aws_session_clock(struct aws_session *session); /* for every signature; lives as long as it */

/* URL ("https://secretsmanager.eu-west-1.amazonaws.com", no trailing slash) for a service id as in endpoint names
 * ("secretsmanager", "sts", "sqs") in a region: the custom endpoint if one is configured, else by the
 * partition of the region. Returns 0, or a negative errno with the error filled. */
int aws_session_endpoint(const struct aws_session *session, const char *service, const char *region, char **ret_url,
                         struct error *ret_error);

/* The custom endpoint alone; NULL where none is configured. */
int aws_session_custom_endpoint(const struct aws_session *session, const char *service, char **ret_url,
                                struct error *ret_error);

/* Where aws_session_endpoint() has found the endpoint of a service: "--endpoint-url", "AWS_ENDPOINT_URL_...",
 * "endpoint_url in the services section", ... or "the region". */
const char *aws_session_endpoint_origin(const struct aws_session *session, const char *service);

/* Credentials to sign with; from memory, or fetched by one thread while others wait no longer than their deadline.
 * Returns 0, or a negative errno with the error filled (ERROR_NO_CREDENTIALS, ERROR_EXPIRED_CREDENTIALS, ...). */
int aws_session_credentials(struct aws_session *session, struct http *http, uint64_t deadline_ns,
                            struct credentials **ret_credentials, struct error *ret_error);

/* AWS has refused `refused`: the next aws_session_credentials() asks the providers again, unless another
 * thread has replaced them already. When it then gives the same pointer, there are no others, and to ask AWS again is
 * of no use. When the providers fail, it gives their error once, which tells the cause, and goes on with what it has
 * after that. */
void aws_session_credentials_refused(struct aws_session *session, const struct credentials *refused);

/* Who the credentials belong to (sts_get_caller_identity()); asked of STS each time. */
int aws_session_identity(struct aws_session *session, struct http *http, uint64_t deadline_ns,
                         struct sts_identity *ret_identity, struct error *ret_error);

/* Calls `each` for the providers that were asked for the last credentials, in their order. To be called while no other
 * thread uses the session. */
void aws_session_each_provider(const struct aws_session *session, provider_outcome_cb each, void *context);

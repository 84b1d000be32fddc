/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The instance metadata service of EC2, version 2: a PUT gives a token, which every GET then carries. Never through a
 * proxy. One thread at a time. Source: "Use IMDS" in the EC2 user guide. */

#include <stdint.h>

#include "auth/settings.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/error.h"
#include "base/http.h"
#include "base/retry.h"

#define IMDS_MAX_ANSWER_BYTES 10000

/* Where the service is, without a slash at the end. In order: AWS_EC2_METADATA_SERVICE_ENDPOINT,
 * ec2_metadata_service_endpoint of the profile, then the address for AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE or
 * ec2_metadata_service_endpoint_mode (IPv4, which is the default, or IPv6). Returns 0; -ENODATA when
 * AWS_EC2_METADATA_DISABLED is true; or another negative errno with the error filled. */
int imds_endpoint(const struct settings *settings, char **ret_url, struct error *ret_error);

struct imds;

/* Keeps both arguments. Returns 0 or -ENOMEM. */
int imds_new(const struct settings *settings, struct retry_bucket *bucket, struct imds **ret_imds);

/* Wipes the token. NULL is accepted. */
void imds_free(struct imds *imds);
DEFINE_CLEANUP(struct imds, imds_free)
#define _cleanup_imds_ _cleanup_(imds_freep)

/* Appends what stands at `path` ("/latest/meta-data/...") to `body`. At most 1 s to connect and 1 s more for an answer;
 * tried again on 5xx answers, and with a new token on 401. Returns 0; -ENODATA where there is no such service
 * (disabled, not reachable) or nothing at that path (404), with a message that says so; or another negative errno with
 * the error filled. */
int imds_get(struct imds *imds, struct http *http, const char *path, uint64_t deadline_ns, struct buffer *body,
             struct error *ret_error);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where a service answers: a configured URL, or a host name made from region and partition. Services are named as in
 * host names: "secretsmanager", "sts", "sqs", "portal.sso", "oidc", "signin". Pure; any thread. */

#include <stdbool.h>

#include "auth/settings.h"
#include "base/error.h"

/* A region becomes part of a host name, so it must be a DNS label (and those of AWS are lower case). Returns 0, or a
 * negative errno with the error filled; `origin` says there where the region comes from. */
int endpoint_check_region(const char *region, const char *origin, struct error *ret_error);

/* The URL by the rules of AWS. A region that fits no partition is taken for one of the partition `aws`. Returns 0
 * or -ENOMEM. */
int endpoint_for_region(const char *service, const char *region, bool fips, bool dual_stack, char **ret_url);

/* Checks a URL that a user gave and brings it to the form "https://host" or "https://host:port". Accepted are http and
 * https, a host, a port, and the path "/"; nothing else. Returns 0, or a negative errno with the error filled. */
int endpoint_check_url(const char *url, const char *origin, char **ret_url, struct error *ret_error);

/* The endpoint that is configured for a service. In order: AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, the `services`
 * section of the profile, the profile's endpoint_url; none of them where AWS_IGNORE_CONFIGURED_ENDPOINT_URLS or
 * ignore_configured_endpoint_urls is true. Returns 0 with a checked URL, or with NULL when none is configured; or a
 * negative errno with the error filled. */
int endpoint_configured(const char *service, const struct settings *settings, char **ret_url, struct error *ret_error);

/* Which of them it is: "AWS_ENDPOINT_URL", "endpoint_url in the services section", ...; NULL where none is configured,
 * or the configuration is unusable. */
const char *endpoint_configured_origin(const char *service, const struct settings *settings);

/* How a service's endpoint is found: what is configured, and which host names are made where nothing is. */
struct endpoint_rules {
    const struct settings *settings;
    bool fips, dual_stack;
};

/* endpoint_configured(), else endpoint_for_region(). Returns 0 with a URL, or a negative errno with the error filled.
 */
int endpoint_find(const struct endpoint_rules *rules, const char *service, const char *region, char **ret_url,
                  struct error *ret_error);

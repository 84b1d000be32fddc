/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where a container gets its credentials, as ECS and EKS Pod Identity tell by environment variables, and whether the
 * keys may be fetched from there: they, and the token that is sent for them, must not cross a network in clear. */

#include "auth/environment.h"
#include "base/error.h"

/* In this order: AWS_CONTAINER_CREDENTIALS_RELATIVE_URI, a path on http://169.254.170.2, and
 * AWS_CONTAINER_CREDENTIALS_FULL_URI: https on any host, http only on this machine (loopback) and on the addresses of
 * the agents, 169.254.170.2, 169.254.170.23 and [fd00:ec2::23]; of names only on localhost. Pure; any thread.
 * Returns 0 with the URL and the variable that it came from (static storage); -ENODATA when neither is set; or another
 * negative errno with the error filled. */
int container_url_find(const struct environment *environment, char **ret_url, const char **ret_variable,
                       struct error *ret_error);

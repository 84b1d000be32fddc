/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Keeps the credentials of a provider until they are about to expire, are refused, or their files change. Any
 * thread, after credentials_cache_new(). */

#include "auth/credentials.h"

struct credentials_cache;

/* Owns `provider`, also on failure. Returns 0 or -ENOMEM. */
int credentials_cache_new(struct credentials_provider *provider, struct credentials_cache **ret_cache);
void credentials_cache_free(struct credentials_cache *cache);
DEFINE_CLEANUP(struct credentials_cache, credentials_cache_free)
#define _cleanup_credentials_cache_ _cleanup_(credentials_cache_freep)

/* Contracts as of aws_session_credentials() and aws_session_credentials_refused(). */
int credentials_cache_get(struct credentials_cache *cache, struct http *http, uint64_t deadline_ns,
                          struct credentials **ret_credentials, struct error *ret_error);
void credentials_cache_refused(struct credentials_cache *cache, const struct credentials *refused);

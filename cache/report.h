/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What the cache says of itself, for status files. It holds no value of a secret. Loop thread. */

#include "base/json.h"
#include "cache/cache.h"

/* More are not told of one by one, so that the text stays small. */
#define CACHE_REPORT_MAX_SECRETS 1000

/* Adds "calls", "push", "names" and "secrets" to an object. Returns 0 or -ENOMEM. */
int cache_report(struct cache *cache, struct json *status);

/* Calls `each` for the first CACHE_REPORT_MAX_SECRETS secrets that were asked for, those in use before others. Returns
 * how many there are besides. */
size_t cache_report_each(struct cache *cache, void (*each)(void *context, struct cache_secret *secret), void *context);

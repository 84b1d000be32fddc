/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A setting of the AWS SDKs has two homes: an environment variable, which wins, and a key of the selected profile. */

#include <stdbool.h>

#include "auth/config.h"
#include "auth/environment.h"
#include "base/error.h"

struct settings {
    const struct environment *environment;
    const struct config *config;
    const char *profile_name;
    const struct config_section *profile; /* NULL when there is no such profile */
};

/* The value, or NULL where both are absent or empty; `ret_origin` (may be NULL) is what it came from: `variable`
 * or `key`. Either of these may be NULL. */
const char *settings_get(const struct settings *settings, const char *variable, const char *key,
                         const char **ret_origin);

/* "true" or "false" in any case; absent is false. Returns 0, or a negative errno with the error filled. */
int settings_bool(const struct settings *settings, const char *variable, const char *key, bool *ret_value,
                  struct error *ret_error);

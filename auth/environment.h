/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A copy of the environment variables that matter (AWS_* and HOME), made once at the start, so that the
 * process can drop them from its own environment and nothing calls getenv() later. It is kept in wiping memory, since
 * keys may be among them. Immutable; any thread. */

#include "base/cleanup.h"

struct environment;

/* `variables` has the form of environ: "NAME=value" texts up to a NULL; it may be NULL itself. Returns 0 or
 * -ENOMEM. */
int environment_new(char *const *variables, struct environment **ret_environment);
void environment_free(struct environment *environment);
DEFINE_CLEANUP(struct environment, environment_free)
#define _cleanup_environment_ _cleanup_(environment_freep)

/* The value, or NULL when the variable is absent or empty. Lives as long as the environment. */
const char *environment_get(const struct environment *environment, const char *name);

/* A path as users write it: a leading "~" or "~/" is the home directory, and what is relative begins in the working
 * directory of environment_new(), because a daemon leaves it. Returns 0, -ENOENT (that directory was not to be found),
 * or -ENOMEM. */
int environment_path(const struct environment *environment, const char *path, char **ret_path);

/* The name of the selected profile: `option` (of --profile, or NULL), AWS_PROFILE, AWS_DEFAULT_PROFILE, "default".
 * `ret_origin` is which of them, or NULL for the last. botocore alone knows AWS_DEFAULT_PROFILE, and there it wins;
 * here it stands in for AWS_PROFILE. */
const char *environment_profile(const struct environment *environment, const char *option, const char **ret_origin);

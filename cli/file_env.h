/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* KEY_FILE=path in the environment, which many official images read: POSTGRES_PASSWORD_FILE. */

#include "base/error.h"

/* Sets, in the calling process, one variable for each key of a secret. `spec_text` is "SECRET" or "SECRET=PREFIX",
 * `folder` where the secrets are. Waits for the secret as every reader does. Returns 0, or a negative errno with the
 * error filled. Single-threaded processes. */
int file_env_set(const char *folder, const char *spec_text, struct error *ret_error);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A JSON file as a source of secrets, {"name": {…} | "text", …}: for development, demonstrations and offline work. */

#include "base/error.h"
#include "base/source.h"

/* Reads the file, which must be a regular file that group and others can neither read nor write, and watches its
 * folder. `path` is copied. Returns 0, or a negative errno with the error filled (ERROR_BAD_REQUEST). */
int local_source_new(const char *path, struct source **ret_source, struct error *ret_error);

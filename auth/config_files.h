/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The two shared files: where they are, reading them, and noticing that they have changed. One thread at a
 * time. */

#include <stdbool.h>

#include "auth/config.h"
#include "auth/environment.h"
#include "base/cleanup.h"
#include "base/error.h"

struct config_files;

/* Finds the paths: AWS_CONFIG_FILE or ~/.aws/config, AWS_SHARED_CREDENTIALS_FILE or ~/.aws/credentials. Without
 * HOME a file that is not named does not exist. Reads nothing. Returns 0 or a negative errno. */
int config_files_new(const struct environment *environment, struct config_files **ret_files);
void config_files_free(struct config_files *files);
DEFINE_CLEANUP(struct config_files, config_files_free)

/* Reads, parses and merges both; a file that does not exist is empty. Returns 0, or a negative errno with the
 * error filled, which names the file. */
int config_files_load(struct config_files *files, struct config **ret_config, struct error *ret_error);

/* True when a file is no longer what the last config_files_load() saw (by inode, size and time). */
bool config_files_changed(const struct config_files *files);

/* Where it is looked for; NULL without HOME. */
const char *config_files_path(const struct config_files *files, enum config_file file);

/* "/root/.aws/config and /root/.aws/credentials", for error texts. */
const char *config_files_names(const struct config_files *files);

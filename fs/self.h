/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The texts of the files below /.secretsfs, as of now. None holds a value of a secret. Loop thread. */

#include "base/secret.h"
#include "fs/state.h"

/* More are not told of one by one, so that the text stays small. */
#define SELF_MAX_SECRETS 1000

/* Each returns 0 with the text, or -ENOMEM. */
int self_status(const struct fs *fs, struct secret **ret_text);
int self_metrics(const struct fs *fs, struct secret **ret_text);

/* A word for each operation of the kernel. */
const char *self_operation_name(enum operation operation);

/* Calls `each` for the first SELF_MAX_SECRETS secrets that were asked for, those in use before others. Returns how many
 * there are besides. */
size_t self_each_secret(const struct fs *fs, void (*each)(void *context, struct cache_secret *secret), void *context);

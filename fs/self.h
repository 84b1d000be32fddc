/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The texts of the files below /.secretsfs, as of now. None holds a value of a secret. Loop thread. */

#include "base/secret.h"
#include "fs/state.h"

/* Each returns 0 with the text, or -ENOMEM. */
int self_status(const struct fs *fs, struct secret **ret_text);
int self_metrics(const struct fs *fs, struct secret **ret_text);

/* A word for each operation of the kernel. */
const char *self_operation_name(enum operation operation);

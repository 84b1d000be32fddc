/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The one type for bytes that must not leak: values of secrets, and credentials. A struct secret is
 * immutable once it is shared, counted by reference, lives outside the heap, and is wiped on the last unref.
 * Reference counting is atomic; every function may be called from any thread. */

#include <stddef.h>

#include "base/cleanup.h"

struct secret;

/* Copies `size_bytes` bytes into protected memory. Returns 0 or -ENOMEM. */
int secret_new(const void *bytes, size_t size_bytes, struct secret **ret_secret);

/* Room for `size_bytes` bytes to be filled through secret_fill() before the secret is shared. */
int secret_alloc(size_t size_bytes, struct secret **ret_secret);
void *secret_fill(struct secret *secret);

struct secret *secret_ref(struct secret *secret);

/* Wipes on the last one. NULL is accepted. */
void secret_unref(struct secret *secret);

/* The bytes; never NULL, and followed by one NUL that does not count. They are not readable through
 * /proc/PID/mem, and system calls that pin pages (a write to /dev/fuse) fail on them: copy them through a
 * bounce buffer and wipe that. */
const char *secret_bytes(const struct secret *secret);
size_t secret_size_bytes(const struct secret *secret);

/* To be called in a child process after fork(), before it makes secrets of its own. It shares with its parent those
 * that were made before: it may read them, and must never give them back, for they would be wiped for both. */
void secret_after_fork(void);

DEFINE_CLEANUP(struct secret, secret_unref)
#define _cleanup_secret_ _cleanup_(secret_unrefp)

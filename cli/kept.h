/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A directory that `secretsfs sync` keeps, looked at from another process: see cli/probe.h. */

#include <stdbool.h>
#include <stddef.h>

/* Opens its status.json. Returns a descriptor if a sync keeps it now, or has written it with --once; -ENOENT when it is
 * no such directory, or another negative errno (see place_look()). */
int kept_open_status(const char *directory);

/* Reads the status of a sync or a mount to its end. Returns -EINPROGRESS while a sync has not written everything yet.
 */
int kept_check_ready(int status_fd);

/* Why that failed, and what to do; one line. Returns false for what fails mounts, too. */
bool kept_explain(int r, const char *directory, char *ret_text, size_t text_bytes);

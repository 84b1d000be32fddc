/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The content of the local backend's file. */

#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/error.h"
#include "base/secret.h"

#define LOCAL_FILE_MAX_BYTES ((size_t)64 * 1024 * 1024)

struct local_entry {
    char *name;
    struct secret *bytes;
    size_t position; /* in the file */
};

struct local_file {
    struct local_entry *entries; /* sorted by name, each name once */
    size_t entry_count;
    uint64_t modified_ns; /* wall clock; 0 where it was not read from a file */
};

void local_file_free(struct local_file *file);
DEFINE_CLEANUP(struct local_file, local_file_free)
#define _cleanup_local_file_ _cleanup_(local_file_freep)

/* Takes the text of a file apart. The value of an object is its JSON text as it stands, that of a string is its decoded
 * bytes, that of anything else its JSON text. Of equal names the last counts. Pure. Returns 0, or a negative errno
 * with the error filled. */
int local_file_parse(const char *text, size_t text_bytes, struct local_file **ret_file, struct error *ret_error);

/* Reads and parses a file. Refuses what is not a regular file, or is open to group or others. Returns 0, or a negative
 * errno with the error filled; the message names the path. */
int local_file_read(const char *path, struct local_file **ret_file, struct error *ret_error);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The entries of a directory as one snapshot, so that a READDIR that takes several requests sees each entry
 * once, whatever changes meanwhile. The offset of an entry is its place in the snapshot. */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/cleanup.h"

struct listing;

int listing_new(struct listing **ret_listing);
void listing_free(struct listing *listing);
DEFINE_CLEANUP(struct listing, listing_free)
#define _cleanup_listing_ _cleanup_(listing_freep)

/* `type` is S_IFDIR, S_IFREG or S_IFLNK; `number` is 0 when the entry has no inode yet. Returns 0 or -ENOMEM. */
int listing_add(struct listing *listing, const char *entry, mode_t type, uint64_t number);

size_t listing_count(const struct listing *listing);
const char *listing_at(const struct listing *listing, size_t index, mode_t *ret_type, uint64_t *ret_number);

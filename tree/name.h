/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The reversible mapping between components of names (or JSON keys) and directory entries:
 * a leading '.' is "%2E", '/' is "%2F", '%' is "%25", NUL is "%00", and nothing at all is "%". All other bytes
 * stand for themselves. So "." and ".." cannot occur, and names that begin with a dot are free for us.
 * Pure; any thread. */

#include <stddef.h>

#define NAME_MAX_BYTES 255

/* Writes the entry for a component, NUL-terminated. Returns 0, or -ENAMETOOLONG when it is over NAME_MAX_BYTES. */
int name_escape(const char *component, size_t component_bytes, char ret_entry[NAME_MAX_BYTES + 1]);

/* The way back. Returns 0 with the component, NUL-terminated (it may contain NUL bytes), or -EINVAL for an
 * entry that name_escape() never makes. */
int name_unescape(const char *entry, char ret_component[NAME_MAX_BYTES + 1], size_t *ret_bytes);

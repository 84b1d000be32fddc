/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Log lines about failures: once per cause, again only after a while, and once when it is over. The messages
 * themselves, with the remedy, come from the source. Loop thread. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* What was last said about one secret, or about the listing. Zero-initialised. */
struct complaint {
    enum error_kind kind;
    uint64_t said_ns;
    size_t skipped;
};

/* A value could not be read; `served` when an older one is still there. */
void complaint_read(struct complaint *complaint, const char *id, const struct error *error, bool served);

/* Names could not be listed; `no_scope` when no --secret was given. */
void complaint_list(struct complaint *complaint, const struct error *error, bool no_scope);

/* Names that do not fit a directory entry were left out. */
void complaint_skipped(struct complaint *complaint, size_t skipped);

/* It works again. `id` NULL: the listing. */
void complaint_settle(struct complaint *complaint, const char *id);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The one table that says which errno a reader gets. */

#include "base/error.h"

/* A positive errno. */
int errno_of(enum error_kind kind);

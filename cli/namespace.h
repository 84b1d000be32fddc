/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* A mount namespace of one's own, and the privileges in it. Single-threaded processes. */

#include <stdbool.h>

#include "base/error.h"

/* Puts the calling process, and all that it forks later, into a new mount namespace: what others mount shows up in it,
 * what is mounted in it is seen by nobody else. Where that takes more privileges than there are, into a new user
 * namespace as well, with the same user and group ids; the process then has all capabilities in there, for mounting.
 * `*ret_is_user` tells which. Returns 0, or a negative errno with the error filled, saying what forbids it. */
int namespace_enter(bool *ret_is_user, struct error *ret_error);

/* Would namespace_enter() succeed? (A process in which it has failed half-way is good for nothing.) */
bool namespace_is_possible(void);

/* In the user namespace: no capability now, none after an execve(2) of whatever file, ever. */
int namespace_drop_privileges(void);

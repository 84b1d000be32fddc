/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The subcommands. Each takes the arguments after its name and returns the exit status: 0, 1 (failed, the reason is on
 * stderr), 2 (wrong usage). */

#include <stdbool.h>

#define EXIT_USAGE 2

int command_exec(int count, char **arguments); /* ends as its command ends, or with 125 */
int command_mount(int count, char **arguments, bool as_helper);
int command_unmount(int count, char **arguments);
int command_sync(int count, char **arguments);
int command_status(int count, char **arguments);
int command_health(int count, char **arguments);
int command_doctor(int count, char **arguments);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a well-behaved, closed-mouthed daemon does to its own process. Main thread, before others exist, except
 * process_ready(). */

#include "base/error.h"

/* No core files, no ptrace by others, freed memory overwritten, as much locked memory as is allowed, files
 * created private, signals of the loop blocked, SIGPIPE ignored. */
void process_harden(void);

/* Overwrites the values of AWS_* variables that are secrets in this process's own environment, and unsets them: it
 * can be read in /proc by whoever may, for as long as the process lives. */
void process_scrub_environment(void);

/* Forks. In the parent it does not return: the parent exits with 0 once the child calls process_ready(), or with 1
 * when the child ends before that. In the child it returns 0; a negative errno when there is no child. */
int process_daemonise(void);

/* Tells who waits that the mount answers: the parent, and systemd (sd_notify). The daemon lets go of the terminal. */
void process_ready(void);

/* sd_notify(3): one or more "NAME=value" lines. Does nothing without NOTIFY_SOCKET. Any thread. */
void process_notify(const char *state);

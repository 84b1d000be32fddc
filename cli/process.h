/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* What a well-behaved, closed-mouthed daemon does to its own process. Main thread, before others exist, except
 * process_ready(). */

#include <stdint.h>

#include "base/error.h"
#include "base/secret.h"

/* No core files, no ptrace by others, freed memory overwritten, as much locked memory as is allowed, files
 * created private, signals of the loop blocked, SIGPIPE ignored. */
void process_harden(void);

/* Overwrites the values of AWS_* variables that are secrets in this process's own environment, and unsets them: it
 * can be read in /proc by whoever may, for as long as the process lives. */
void process_scrub_environment(void);

#define PROCESS_SECRET_VARIABLES 4

/* What process_scrub_environment() would wipe, kept for the environments of later children. */
struct process_environment {
    struct secret *values[PROCESS_SECRET_VARIABLES]; /* or NULL */
    char *texts[PROCESS_SECRET_VARIABLES];           /* in a child: what its environ points to; never freed */
};

/* Scrubs the environment, and keeps what was in it. Returns 0 or -ENOMEM. */
int process_keep_environment(struct process_environment *ret_kept);
/* In a child, after secret_after_fork(): puts it back. Returns 0 or -ENOMEM. */
int process_restore_environment(struct process_environment *kept);
void process_environment_clear(struct process_environment *kept);

/* Forks. In the parent it does not return: the parent exits with 0 once the child calls process_ready(), or with 1
 * when the child ends before that. In the child it returns 0; a negative errno when there is no child. */
int process_daemonise(void);

/* Tells who waits that the mount answers: the parent, and systemd (sd_notify). The daemon lets go of the terminal. */
void process_ready(void);

/* In a child that a supervisor has forked: from now on what it tells goes there, as one message to a socket, and not
 * to those who wait for the supervisor. */
void process_become_worker(int supervisor_fd, uint64_t watchdog_ns);

/* How often systemd wants to hear "WATCHDOG=1": half of what it has set, or 0 when it has not. The environment forgets
 * it; a worker is told by its supervisor. */
uint64_t process_watchdog_ns(void);

/* sd_notify(3): one or more "NAME=value" lines. Does nothing without NOTIFY_SOCKET. Any thread. */
void process_notify(const char *state);

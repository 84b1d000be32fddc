/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Stands between whoever started us and the command: passes signals on, reaps, ends as the command has ended. It can
 * be a container's first process. Single-threaded processes. */

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct relay {
    pid_t command;
    pid_t daemon;              /* or its supervisor; 0 once it has ended */
    bool terminal;             /* there is one, whose signals reach the command by themselves */
    siginfo_t ended;           /* how the command has ended; si_pid is 0 before that */
    sigset_t mask;             /* as we were started */
    struct sigaction on_child; /* the same */
};

/* From now on signals wait for relay_run(). */
void relay_begin(struct relay *relay);

/* Waits, before there is a command, until `fd` can be read. Returns 0, or a negative errno: -EINTR when a signal is to
 * end us, for which there is relay_exit(). */
int relay_wait(struct relay *relay, int fd);

/* In a child of it: signals as they were. */
void relay_leave(const struct relay *relay);

/* Serves until `command` has ended. */
void relay_run(struct relay *relay);

/* Ends the daemon: SIGTERM, and SIGKILL if that takes too long. */
void relay_end_daemon(struct relay *relay);

/* Ends the process in the way that the command has ended. */
_Noreturn void relay_exit(const struct relay *relay);

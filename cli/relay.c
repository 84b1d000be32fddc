/* SPDX-License-Identifier: Apache-2.0 */

/* Every signal must reach the command once. Those from a terminal go to its whole foreground process group, so they
 * reach the command without our help: it stays in our group, because `secretsfs exec -- a | b` is one job of the shell,
 * and the shell alone says which group has the terminal. What comes from a process (kill, systemd, a container engine)
 * is meant for us and is passed on. Without a terminal the command gets a process group of its own, so that a signal
 * for our whole group (timeout, a CI runner) does not reach it twice.
 *
 * When a shell stops the job (^Z) we stop after the command has, as the shell waits for us; SIGCONT is passed on like
 * the rest. */
#include "cli/relay.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* A supervisor that takes longer is killed; it gives its daemon less. */
#define DAEMON_END_NS (4 * NS_PER_SEC)

void relay_begin(struct relay *relay)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT, SIGSYS};
    const struct sigaction by_default = {.sa_handler = SIG_DFL};
    _cleanup_close_ int terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    sigset_t signals;
    (void)sigfillset(&signals);
    for (size_t i = 0; i < sizeof(faults) / sizeof(*faults); i++)
        (void)sigdelset(&signals, faults[i]);
    *relay = (struct relay){.terminal = terminal >= 0};
    (void)sigprocmask(SIG_BLOCK, &signals, &relay->mask);
    /* Who ignores SIGCHLD never learns how a child has ended. */
    (void)sigaction(SIGCHLD, &by_default, &relay->on_child);
}

void relay_leave(const struct relay *relay)
{
    (void)sigaction(SIGCHLD, &relay->on_child, NULL);
    (void)sigprocmask(SIG_SETMASK, &relay->mask, NULL);
}

/* --- before it runs --- */

int relay_wait(struct relay *relay, int fd)
{
    static const int ends[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    struct signalfd_siginfo info;
    sigset_t signals;
    (void)sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(ends) / sizeof(*ends); i++) {
        struct sigaction action = {0};
        if (sigaction(ends[i], NULL, &action) == 0 && action.sa_handler != SIG_IGN) /* as nohup(1) has it */
            (void)sigaddset(&signals, ends[i]);
    }
    _cleanup_close_ int signals_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    struct pollfd polled[] = {{.fd = fd, .events = POLLIN}, {.fd = signals_fd, .events = POLLIN}};
    if (signals_fd < 0)
        return -errno;
    while (poll(polled, 2, -1) < 0)
        ;
    if (!polled[1].revents || read(signals_fd, &info, sizeof(info)) != (ssize_t)sizeof(info))
        return 0;
    relay->ended = (siginfo_t){.si_code = CLD_KILLED};
    relay->ended.si_status = (int)info.ssi_signo;
    return -EINTR;
}

/* --- while it runs --- */

/* Stops us, unless nobody could continue us: the kernel knows. */
static void stop(void)
{
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTSTP);
    (void)kill(getpid(), SIGTSTP);
    (void)sigprocmask(SIG_UNBLOCK, &signals, NULL); /* here */
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
}

/* All that have ended: the command, the daemon, and whatever orphans a first process is given. */
static void reap(struct relay *relay)
{
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WSTOPPED | WNOHANG) < 0 || info.si_pid == 0)
            return;
        bool stopped = info.si_code == CLD_STOPPED;
        if (stopped && info.si_pid == relay->command && relay->terminal)
            stop();
        else if (!stopped && info.si_pid == relay->command)
            relay->ended = info;
        else if (!stopped && info.si_pid == relay->daemon) {
            relay->daemon = 0;
            if (relay->command != 0 && relay->ended.si_pid == 0)
                (void)fprintf(stderr, "secretsfs: the process that serves the secrets has ended; restart the command "
                                      "to have them back\n");
        }
    }
}

/* The leader of a session is sent SIGHUP alone when its terminal goes. */
static bool has_reached_command(const struct relay *relay, const siginfo_t *info)
{
    bool from_terminal = relay->terminal && info->si_code == SI_KERNEL;
    return from_terminal && !(info->si_signo == SIGHUP && getsid(0) == getpid());
}

void relay_run(struct relay *relay)
{
    sigset_t all;
    (void)sigfillset(&all);
    while (relay->ended.si_pid == 0) {
        siginfo_t info = {0};
        int number = sigwaitinfo(&all, &info);
        if (number == SIGCHLD)
            reap(relay);
        else if (number > 0 && number != SIGTTIN && number != SIGTTOU && number != SIGPIPE &&
                 !has_reached_command(relay, &info))
            (void)kill(relay->command, number);
    }
}

/* --- the end --- */

void relay_end_daemon(struct relay *relay)
{
    const struct timespec a_moment = {.tv_nsec = (long)(NS_PER_SEC / 10)};
    uint64_t end_ns = clock_monotonic_ns() + DAEMON_END_NS;
    sigset_t child;
    (void)sigemptyset(&child);
    (void)sigaddset(&child, SIGCHLD);
    if (relay->daemon == 0)
        return;
    (void)kill(relay->daemon, SIGTERM);
    for (reap(relay); relay->daemon != 0; reap(relay)) {
        if (clock_monotonic_ns() >= end_ns)
            (void)kill(relay->daemon, SIGKILL);
        (void)sigtimedwait(&child, NULL, &a_moment);
    }
}

void relay_exit(const struct relay *relay)
{
    const siginfo_t *ended = &relay->ended;
    if (ended->si_code == CLD_EXITED)
        _exit(ended->si_status);
    const struct rlimit no_core = {0};
    sigset_t signals;
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, ended->si_status);
    (void)setrlimit(RLIMIT_CORE, &no_core);
    (void)signal(ended->si_status, SIG_DFL);
    (void)sigprocmask(SIG_UNBLOCK, &signals, NULL);
    (void)kill(getpid(), ended->si_status);
    _exit(128 + ended->si_status); /* the first process of a container does not die of it */
}

/* SPDX-License-Identifier: Apache-2.0 */

/* One process that does nothing but wait, so that there is always somebody to mount again.
 *
 * The daemon is its child and may crash: the kernel then answers everything below the mountpoint with ENOTCONN. The
 * supervisor starts another daemon, which detaches the dead mount and puts its own in that place; mount namespaces to
 * which mounts propagate see both, so containers go on without a restart.
 *
 * The environment. The daemon overwrites credentials in its own environment once it has read them, so the next one
 * would find none. Hence the supervisor takes them into memory for secrets, overwrites them as well, and gives them to
 * each child anew, on its heap. Neither process shows them in /proc/PID/environ.
 *
 * What the daemon tells (READY=1, WATCHDOG=1, STOPPING=1) comes through a socket; systemd hears it from the supervisor,
 * which is the main process of the service. When the supervisor dies the kernel sends the daemon SIGTERM: without it,
 * it would serve on unsupervised, and be in the way of the next.
 *
 * As process 1 of a container it also reaps whatever processes are left to it. */
#include "cli/supervise.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/secret.h"
#include "cli/process.h"
#include "fs/mount.h"

/* The first crash is followed by a new daemon at once, each further one by twice the pause before; who has lived this
 * long begins anew. */
#define FIRST_PAUSE_NS (100 * NS_PER_MS)
#define LONGEST_PAUSE_NS (5 * NS_PER_SEC)
#define GOOD_LIFE_NS (10 * NS_PER_SEC)

/* A daemon that is told to end does so within two seconds; after this it is killed. */
#define STOP_NS (3 * NS_PER_SEC)

struct supervisor {
    const struct supervised *supervised;
    struct process_environment environment;
    uint64_t watchdog_ns;
    int signals_fd;
    pid_t daemon; /* or 0 */
    int daemon_fd;
    uint64_t started_ns;
    uint64_t pause_ns;
    uint64_t wake_ns; /* start a daemon, or kill the one that should have ended; or CLOCK_NEVER_NS */
    bool was_ready;
    bool stopping;
    bool done;
    int status;
};

/* --- the child --- */

static int become_daemon(struct supervisor *supervisor, int fd, pid_t parent)
{
    sigset_t children;
    (void)sigemptyset(&children);
    (void)sigaddset(&children, SIGCHLD);
    (void)sigprocmask(SIG_UNBLOCK, &children, NULL);
    (void)close(supervisor->signals_fd);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) /* it has died before that */
        return EXIT_FAILURE;
    secret_after_fork();
    process_become_worker(fd, supervisor->watchdog_ns);
    if (process_restore_environment(&supervisor->environment) < 0) {
        log_error("out of memory");
        return EXIT_FAILURE;
    }
    return supervisor->supervised->work(supervisor->supervised->context);
}

/* --- the parent --- */

static void wait_before_next(struct supervisor *supervisor)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (now_ns - supervisor->started_ns >= GOOD_LIFE_NS)
        supervisor->pause_ns = 0;
    supervisor->wake_ns = now_ns + supervisor->pause_ns;
    uint64_t next_ns = supervisor->pause_ns > 0 ? 2 * supervisor->pause_ns : FIRST_PAUSE_NS;
    supervisor->pause_ns = next_ns < LONGEST_PAUSE_NS ? next_ns : LONGEST_PAUSE_NS;
}

/* Returns 0 or a negative errno. */
static int fork_daemon(struct supervisor *supervisor)
{
    int ends[2];
    pid_t own = getpid();
    if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0)
        return -errno;
    pid_t child = fork();
    if (child == 0) {
        (void)close(ends[0]);
        exit(become_daemon(supervisor, ends[1], own));
    }
    int r = child < 0 ? -errno : 0;
    (void)close(ends[1]);
    if (r < 0) {
        (void)close(ends[0]);
        return r;
    }
    supervisor->daemon = child;
    supervisor->daemon_fd = ends[0];
    return 0;
}

static void start_daemon(struct supervisor *supervisor)
{
    supervisor->started_ns = clock_monotonic_ns();
    supervisor->wake_ns = CLOCK_NEVER_NS;
    int r = fork_daemon(supervisor);
    if (r < 0) {
        log_error("cannot start a daemon: %s", strerror(-r));
        wait_before_next(supervisor);
    }
}

static void tell_ready(struct supervisor *supervisor)
{
    char text[256];
    const char *again = supervisor->was_ready ? " again" : "";
    if (!supervisor->was_ready)
        supervisor->supervised->ready(supervisor->supervised->context);
    supervisor->was_ready = true;
    (void)snprintf(text, sizeof(text), "STATUS=Serving %.200s%s", supervisor->supervised->mountpoint, again);
    process_notify(text);
}

static void take_messages(struct supervisor *supervisor)
{
    char message[256];
    ssize_t bytes;
    while ((bytes = recv(supervisor->daemon_fd, message, sizeof(message) - 1, MSG_DONTWAIT)) > 0) {
        message[bytes] = '\0';
        if (strcmp(message, "READY=1") == 0)
            tell_ready(supervisor);
        else
            process_notify(message);
    }
}

/* What the daemon has left behind must not stay. Whoever fails to start cleans up; whoever is killed cannot. */
static void finish(struct supervisor *supervisor, int status)
{
    supervisor->done = true;
    supervisor->status = WIFEXITED(status) ? WEXITSTATUS(status) : EXIT_FAILURE;
    if ((supervisor->was_ready || WIFSIGNALED(status)) && mount_clear_dead(supervisor->supervised->mountpoint) < 0)
        log_warning("cannot unmount what is left at %s", supervisor->supervised->mountpoint);
}

static void describe_end(int status, char ret_text[64])
{
    if (WIFSIGNALED(status))
        (void)snprintf(ret_text, 64, "was killed by signal %d (%s)", WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        (void)snprintf(ret_text, 64, "ended with status %d", WEXITSTATUS(status));
}

static void daemon_ended(struct supervisor *supervisor, int status)
{
    char how[64];
    char text[128];
    take_messages(supervisor);
    (void)close(steal_fd(&supervisor->daemon_fd));
    supervisor->daemon = 0;
    supervisor->wake_ns = CLOCK_NEVER_NS;
    describe_end(status, how);
    bool ended_well = WIFEXITED(status) && WEXITSTATUS(status) == EXIT_SUCCESS;
    if (ended_well || supervisor->stopping || !supervisor->was_ready) {
        if (WIFSIGNALED(status))
            log_error("the daemon %s", how);
        finish(supervisor, status);
        return;
    }
    wait_before_next(supervisor);
    log_warning("the daemon %s; another one takes its place", how);
    (void)snprintf(text, sizeof(text), "WATCHDOG=1\nSTATUS=Starting again: the daemon %s", how);
    process_notify(text);
}

static void reap(struct supervisor *supervisor)
{
    int status;
    pid_t ended;
    while ((ended = waitpid(-1, &status, WNOHANG)) > 0)
        if (ended == supervisor->daemon)
            daemon_ended(supervisor, status);
}

static void pass_on(struct supervisor *supervisor, int number)
{
    if (supervisor->daemon > 0)
        (void)kill(supervisor->daemon, number);
    if (number == SIGHUP || supervisor->stopping)
        return;
    supervisor->stopping = true;
    supervisor->wake_ns = clock_monotonic_ns() + STOP_NS;
    if (supervisor->daemon == 0)
        finish(supervisor, 0);
}

static void take_signals(struct supervisor *supervisor)
{
    struct signalfd_siginfo info;
    while (!supervisor->done && read(supervisor->signals_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
        if (info.ssi_signo == SIGCHLD)
            reap(supervisor);
        else
            pass_on(supervisor, (int)info.ssi_signo);
    }
}

static void wait_for_events(struct supervisor *supervisor)
{
    struct pollfd polled[] = {{.fd = supervisor->signals_fd, .events = POLLIN},
                              {.fd = supervisor->daemon_fd, .events = POLLIN}};
    uint64_t now_ns = clock_monotonic_ns();
    uint64_t wake_ns = supervisor->wake_ns;
    int timeout_ms = wake_ns == CLOCK_NEVER_NS ? -1 : wake_ns <= now_ns ? 0 : (int)((wake_ns - now_ns) / NS_PER_MS) + 1;
    if (poll(polled, 2, timeout_ms) < 0)
        return;
    if (polled[1].revents & POLLIN)
        take_messages(supervisor);
    if (polled[0].revents)
        take_signals(supervisor);
    else if (polled[1].revents & POLLHUP)
        reap(supervisor);
    if (supervisor->done || clock_monotonic_ns() < supervisor->wake_ns)
        return;
    if (supervisor->daemon == 0)
        start_daemon(supervisor);
    else {
        (void)kill(supervisor->daemon, SIGKILL);
        supervisor->wake_ns = CLOCK_NEVER_NS;
    }
}

static int open_signals(void)
{
    static const int numbers[] = {SIGTERM, SIGINT, SIGHUP, SIGCHLD};
    sigset_t signals;
    (void)sigemptyset(&signals);
    for (size_t i = 0; i < sizeof(numbers) / sizeof(*numbers); i++)
        (void)sigaddset(&signals, numbers[i]);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
    return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

int supervise(const struct supervised *supervised)
{
    struct supervisor supervisor = {
        .supervised = supervised,
        .watchdog_ns = process_watchdog_ns(),
        .signals_fd = open_signals(),
        .daemon_fd = -1,
        .started_ns = clock_monotonic_ns(),
        .wake_ns = CLOCK_NEVER_NS,
        .status = EXIT_FAILURE,
    };
    int r = supervisor.signals_fd < 0 ? -errno : process_keep_environment(&supervisor.environment);
    if (r < 0) {
        log_error("cannot supervise: %s", strerror(-r));
        return EXIT_FAILURE;
    }
    r = fork_daemon(&supervisor);
    if (r < 0) {
        log_error("cannot start a daemon: %s", strerror(-r));
        supervisor.done = true;
    }
    while (!supervisor.done)
        wait_for_events(&supervisor);
    process_environment_clear(&supervisor.environment);
    (void)close(supervisor.signals_fd);
    return supervisor.status;
}

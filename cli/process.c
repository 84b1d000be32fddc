/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/process.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"

/* Who is told how it goes. */
static struct {
    int parent_fd;        /* the pipe to the command that waits for its daemon, or -1 */
    int supervisor_fd;    /* or -1 */
    uint64_t watchdog_ns; /* of a worker */
    bool daemon;
} told = {-1, -1, 0, false};

static void limit(__rlimit_resource_t resource, bool raise)
{
    struct rlimit limits = {0};
    if (raise && getrlimit(resource, &limits) == 0)
        limits.rlim_cur = limits.rlim_max;
    (void)setrlimit(resource, &limits);
}

void process_harden(void)
{
    sigset_t signals;
    (void)prctl(PR_SET_DUMPABLE, 0);
    limit(RLIMIT_CORE, false);
    limit(RLIMIT_MEMLOCK, true);
    /* What json-c, libcurl and others free is overwritten by glibc at once. */
    (void)mallopt(M_PERTURB, 0x5a);
    /* One heap for all threads is small, and they allocate little. */
    (void)mallopt(M_ARENA_MAX, 1);
    (void)umask(0077);
    (void)signal(SIGPIPE, SIG_IGN);
    (void)signal(SIGCHLD, SIG_DFL); /* ignored, nobody would learn how a child has ended */
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
}

static const char *const secret_variables[PROCESS_SECRET_VARIABLES] = {
    "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"};

void process_scrub_environment(void)
{
    for (size_t i = 0; i < PROCESS_SECRET_VARIABLES; i++) {
        char *value = getenv(secret_variables[i]);
        if (!value)
            continue;
        explicit_bzero(value, strlen(value));
        (void)unsetenv(secret_variables[i]);
    }
}

int process_keep_environment(struct process_environment *ret_kept)
{
    struct process_environment kept = {.values = {NULL}};
    int r = 0;
    for (size_t i = 0; i < PROCESS_SECRET_VARIABLES && r >= 0; i++) {
        const char *value = getenv(secret_variables[i]);
        if (value)
            r = secret_new(value, strlen(value), &kept.values[i]);
    }
    if (r < 0) {
        process_environment_clear(&kept);
        return r;
    }
    process_scrub_environment();
    *ret_kept = kept;
    return 0;
}

/* putenv() takes these very bytes, which process_scrub_environment() wipes; setenv() would leave a copy on the stack.
 */
static int put_variable(const char *name, const struct secret *value, char **ret_text)
{
    size_t bytes = strlen(name) + 1 + secret_size_bytes(value) + 1;
    char *variable = malloc(bytes);
    if (!variable)
        return -ENOMEM;
    (void)snprintf(variable, bytes, "%s=", name);
    memcpy(variable + strlen(variable), secret_bytes(value), secret_size_bytes(value) + 1);
    *ret_text = variable;
    return putenv(variable) == 0 ? 0 : -ENOMEM;
}

int process_restore_environment(struct process_environment *kept)
{
    for (size_t i = 0; i < PROCESS_SECRET_VARIABLES; i++)
        if (kept->values[i] && put_variable(secret_variables[i], kept->values[i], &kept->texts[i]) < 0)
            return -ENOMEM;
    return 0;
}

void process_environment_clear(struct process_environment *kept)
{
    for (size_t i = 0; i < PROCESS_SECRET_VARIABLES; i++)
        secret_unref(STEAL(kept->values[i]));
}

int process_daemonise(void)
{
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t child = fork();
    if (child < 0) {
        int r = -errno;
        (void)close(ends[0]);
        (void)close(ends[1]);
        return r;
    }
    if (child == 0) {
        (void)close(ends[0]);
        told.parent_fd = ends[1];
        told.daemon = true;
        (void)setsid();
        return 0;
    }
    (void)close(ends[1]);
    char word = '\0';
    ssize_t got;
    do
        got = read(ends[0], &word, 1);
    while (got < 0 && errno == EINTR);
    if (got == 1)
        _exit(EXIT_SUCCESS);
    int status = 0;
    (void)waitpid(child, &status, 0);
    _exit(WIFEXITED(status) && WEXITSTATUS(status) != 0 ? WEXITSTATUS(status) : EXIT_FAILURE);
}

static void let_go_of_terminal(void)
{
    (void)!chdir("/");
    _cleanup_close_ int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0)
        return;
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        (void)dup2(null, fd);
}

void process_ready(void)
{
    process_notify("READY=1");
    if (told.daemon)
        let_go_of_terminal();
    if (told.parent_fd < 0)
        return;
    (void)!write(told.parent_fd, "R", 1);
    (void)close(told.parent_fd);
    told.parent_fd = -1;
}

void process_become_worker(int supervisor_fd, uint64_t watchdog_ns)
{
    if (told.parent_fd >= 0)
        (void)close(told.parent_fd);
    told.parent_fd = -1;
    told.supervisor_fd = supervisor_fd;
    told.watchdog_ns = watchdog_ns;
}

uint64_t process_watchdog_ns(void)
{
    const char *interval = getenv("WATCHDOG_USEC");
    const char *process = getenv("WATCHDOG_PID");
    uint64_t interval_us = 0;
    uint64_t meant = 0;
    if (told.supervisor_fd >= 0)
        return told.watchdog_ns;
    bool mine = !process || (parse_uint(process, 1, INT32_MAX, &meant) == 0 && meant == (uint64_t)getpid());
    if (!interval || !mine || parse_uint(interval, 1, UINT64_MAX / 1000, &interval_us) < 0)
        interval_us = 0;
    (void)unsetenv("WATCHDOG_USEC");
    (void)unsetenv("WATCHDOG_PID");
    return interval_us * 1000 / 2;
}

void process_notify(const char *state)
{
    if (told.supervisor_fd >= 0) {
        (void)send(told.supervisor_fd, state, strlen(state), MSG_NOSIGNAL | MSG_DONTWAIT);
        return;
    }
    const char *path = getenv("NOTIFY_SOCKET");
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (!path || path[0] == '\0' || strlen(path) >= sizeof(address.sun_path))
        return;
    memcpy(address.sun_path, path, strlen(path));
    if (path[0] == '@')
        address.sun_path[0] = '\0'; /* an abstract address */
    _cleanup_close_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    socklen_t bytes = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(path));
    if (fd >= 0)
        (void)sendto(fd, state, strlen(state), MSG_NOSIGNAL, (const struct sockaddr *)&address, bytes);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/process.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stddef.h>
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

/* The write end of the pipe to the waiting parent, or -1. */
static int ready_fd = -1;

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
    (void)sigemptyset(&signals);
    (void)sigaddset(&signals, SIGTERM);
    (void)sigaddset(&signals, SIGINT);
    (void)sigaddset(&signals, SIGHUP);
    (void)sigprocmask(SIG_BLOCK, &signals, NULL);
}

void process_scrub_environment(void)
{
    static const char *const names[] = {"AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_SECURITY_TOKEN",
                                        "AWS_CONTAINER_AUTHORIZATION_TOKEN"};
    for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
        char *value = getenv(names[i]);
        if (!value)
            continue;
        explicit_bzero(value, strlen(value));
        (void)unsetenv(names[i]);
    }
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
        ready_fd = ends[1];
        (void)setsid();
        return 0;
    }
    (void)close(ends[1]);
    char told = '\0';
    ssize_t got;
    do
        got = read(ends[0], &told, 1);
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
    if (ready_fd < 0)
        return;
    let_go_of_terminal();
    (void)!write(ready_fd, "R", 1);
    (void)close(ready_fd);
    ready_fd = -1;
}

void process_notify(const char *state)
{
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

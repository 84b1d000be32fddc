/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/kept.h"
#include "cli/table.h"

/* How long a killed child is waited for. */
#define MERCY_MS 100

static int left_ms(uint64_t until_ns)
{
    uint64_t now_ns = clock_monotonic_ns();
    return now_ns >= until_ns ? 0 : (int)((until_ns - now_ns) / NS_PER_MS) + 1;
}

/* The child may see secrets; nobody shall see them in it. Its exit status is the errno. */
_Noreturn static void be_child(int (*work)(const void *context, int output_fd), const void *context, int output_fd,
                               pid_t parent)
{
    const struct rlimit none = {0};
    sigset_t nothing;
    (void)sigemptyset(&nothing);
    (void)sigprocmask(SIG_SETMASK, &nothing, NULL);
    (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) /* it has died before that */
        _exit(EXIT_FAILURE);
    (void)prctl(PR_SET_DUMPABLE, 0);
    (void)setrlimit(RLIMIT_CORE, &none);
    _exit(-work(context, output_fd));
}

/* Reads until the child closes its end. Returns 0, -ETIMEDOUT or another negative errno. */
static int take_output(int fd, uint64_t until_ns, struct buffer *output)
{
    char bytes[4096];
    for (;;) {
        struct pollfd polled = {.fd = fd, .events = POLLIN};
        int ready = poll(&polled, 1, left_ms(until_ns));
        if (ready == 0)
            return -ETIMEDOUT;
        ssize_t got = ready < 0 ? -1 : read(fd, bytes, sizeof(bytes));
        if (got == 0)
            return 0;
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got > 0 && buffer_append(output, bytes, (size_t)got) < 0)
            return -EFBIG;
    }
}

/* Waits for the end of a child: asked for again and again, because a pidfd, which could be waited for, is refused by
 * the older profiles of container systems. Returns 0 with its status, or -ETIMEDOUT. */
static int take_child(pid_t child, uint64_t until_ns, int *ret_status)
{
    pid_t ended;
    while ((ended = waitpid(child, ret_status, WNOHANG)) == 0 && left_ms(until_ns) > 0)
        (void)poll(NULL, 0, 1);
    return ended == child ? 0 : -ETIMEDOUT;
}

int probe_run(int (*work)(const void *context, int output_fd), const void *context, uint64_t timeout_ns,
              struct buffer *output, bool *ret_hung)
{
    uint64_t until_ns = clock_monotonic_ns() + timeout_ns;
    int ends[2];
    int status = 0;
    *ret_hung = false;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return -errno;
    pid_t own = getpid();
    pid_t child = fork();
    if (child == 0)
        be_child(work, context, ends[1], own);
    (void)close(ends[1]);
    _cleanup_close_ int reading = ends[0];
    if (child < 0)
        return -ECHILD;
    int r = take_output(reading, until_ns, output);
    if (r == 0)
        r = take_child(child, until_ns, &status);
    if (r == 0)
        return WIFEXITED(status) ? -WEXITSTATUS(status) : -ECANCELED;
    *ret_hung = r == -ETIMEDOUT;
    (void)kill(child, SIGKILL);
    (void)take_child(child, clock_monotonic_ns() + MERCY_MS * NS_PER_MS, &status);
    return r;
}

int probe_open_status(const char *mountpoint)
{
    _cleanup_free_ char *path = NULL;
    struct statfs filesystem;
    int kept = kept_open_status(mountpoint);
    if (kept != -ENOENT)
        return kept;
    if (asprintf(&path, "%s/.secretsfs/status.json", mountpoint) < 0)
        return -ENOMEM;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        int r = -errno;
        return r == -ENOENT && access(mountpoint, F_OK) == 0 ? -ENODEV : r;
    }
    if (fstatfs(fd, &filesystem) < 0)
        return -errno;
    return filesystem.f_type == FUSE_SUPER_MAGIC ? steal_fd(&fd) : -ENODEV;
}

int probe_read(int fd, int output_fd)
{
    char bytes[4096];
    ssize_t got;
    int r = 0;
    while (r == 0 && (got = read(fd, bytes, sizeof(bytes))) != 0) {
        if (got < 0)
            r = errno == EINTR ? 0 : -errno;
        else if (output_fd >= 0 && write(output_fd, bytes, (size_t)got) != got)
            r = -EPIPE;
    }
    explicit_bzero(bytes, sizeof(bytes));
    return r;
}

void probe_explain(int r, bool hung, const char *path, char *ret_text, size_t text_bytes)
{
    _cleanup_buffer_ struct buffer visible = {0};
    buffer_init(&visible, 4096);
    (void)table_append_visible(&visible, path);
    const char *mountpoint = visible.bytes ? visible.bytes : "";
    if (!hung && kept_explain(r, mountpoint, ret_text, text_bytes))
        return;
    if (hung)
        (void)snprintf(ret_text, text_bytes,
                       "%s does not answer in time: its daemon is stopped or overloaded; see its log", mountpoint);
    else if (r == -ENOTCONN || r == -ECONNABORTED)
        (void)snprintf(
            ret_text, text_bytes,
            "%s is dead: its daemon has ended without unmounting; secretsfs mount at the same place replaces "
            "it, secretsfs unmount --lazy removes it",
            mountpoint);
    else if (r == -ENODEV)
        (void)snprintf(ret_text, text_bytes,
                       "%s: no secretsfs is mounted there, or keeps it; mount it with: secretsfs mount %s", mountpoint,
                       mountpoint);
    else if (r == -ECHILD)
        (void)snprintf(
            ret_text, text_bytes,
            "%s: not looked at: another process cannot be started; raise the limit of processes (pids.max of "
            "the container, ulimit -u)",
            mountpoint);
    else if (r == -EACCES)
        (void)snprintf(ret_text, text_bytes,
                       "%s may be read by its owner alone (see --uid and --mode of its mount), and looked "
                       "at by who runs its sync",
                       mountpoint);
    else
        (void)snprintf(ret_text, text_bytes, "%s: %s", mountpoint, strerror(-r));
}

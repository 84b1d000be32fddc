/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "base/error.h"

/* A pipe that polls as writable takes PIPE_BUF bytes (4096 on Linux) at once, so a line of this size does not block. */
#define LINE_BYTES 2048

static const struct {
    const char *name;
    int priority;
} levels[] = {
    [LOG_LEVEL_ERROR] = {"error", LOG_ERR},
    [LOG_LEVEL_WARNING] = {"warning", LOG_WARNING},
    [LOG_LEVEL_INFO] = {"info", LOG_INFO},
    [LOG_LEVEL_DEBUG] = {"debug", LOG_DEBUG},
};

/* Set before threads exist, read by all; `lost` is atomic. */
static struct {
    enum log_target target;
    enum log_level level;
    int fd;
    atomic_ulong lost;
} sink = {.target = LOG_TARGET_STDERR, .level = LOG_LEVEL_INFO, .fd = STDERR_FILENO};

static int open_syslog(void)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
        int r = -errno;
        (void)close(fd);
        return r;
    }
    return fd;
}

static int open_target(enum log_target target, const char *path)
{
    if (target == LOG_TARGET_SYSLOG)
        return open_syslog();
    if (target == LOG_TARGET_STDERR)
        return STDERR_FILENO;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    return fd < 0 ? -errno : fd;
}

int log_open(enum log_target target, const char *path, enum log_level level)
{
    int fd = open_target(target, path);
    if (fd < 0)
        return fd;
    if (sink.fd != STDERR_FILENO)
        (void)close(sink.fd);
    sink.target = target;
    sink.level = level;
    sink.fd = fd;
    return 0;
}

int log_level_parse(const char *text, enum log_level *ret_level)
{
    for (size_t i = 0; i < sizeof(levels) / sizeof(*levels); i++)
        if (strcmp(text, levels[i].name) == 0) {
            *ret_level = (enum log_level)i;
            return 0;
        }
    return -EINVAL;
}

/* Sends one datagram; after a restart of the log daemon the socket is connected anew, in place, once. */
static bool send_syslog(const char *line, size_t size)
{
    if (send(sink.fd, line, size, MSG_NOSIGNAL) >= 0)
        return true;
    if (errno != ECONNREFUSED && errno != ENOTCONN)
        return false;
    struct sockaddr_un address = {.sun_family = AF_UNIX, .sun_path = "/dev/log"};
    if (connect(sink.fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
        return false;
    return send(sink.fd, line, size, MSG_NOSIGNAL) >= 0;
}

static bool send_line(enum log_level level, const char *text)
{
    char line[LINE_BYTES];
    int size;
    if (sink.target == LOG_TARGET_SYSLOG)
        size =
            snprintf(line, sizeof(line), "<%d>secretsfs[%d]: %s", LOG_DAEMON | levels[level].priority, getpid(), text);
    else
        size = snprintf(line, sizeof(line) - 1, "secretsfs: %s: %s", levels[level].name, text);
    if (size < 0)
        return false;
    size_t length = (size_t)size < sizeof(line) - 1 ? (size_t)size : sizeof(line) - 2;
    if (sink.target == LOG_TARGET_SYSLOG)
        return send_syslog(line, length);
    line[length++] = '\n';
    struct pollfd ready = {.fd = sink.fd, .events = POLLOUT};
    return poll(&ready, 1, 0) == 1 && (ready.revents & POLLOUT) && write(sink.fd, line, length) == (ssize_t)length;
}

void log_write(enum log_level level, const char *format, ...)
{
    if (level > sink.level)
        return;
    int saved_errno = errno;
    char text[LINE_BYTES];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    error_copy_text(text, sizeof(text), text, strlen(text));

    unsigned long lost = atomic_load(&sink.lost);
    if (lost > 0) {
        char note[64];
        (void)snprintf(note, sizeof(note), "%lu log lines were lost", lost);
        if (send_line(LOG_LEVEL_WARNING, note))
            (void)atomic_fetch_sub(&sink.lost, lost);
    }
    if (!send_line(level, text))
        (void)atomic_fetch_add(&sink.lost, 1);
    errno = saved_errno;
}

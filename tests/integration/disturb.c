/* SPDX-License-Identifier: Apache-2.0 */

/* Preloaded into secretsfs by tests. Counts the calls of its first thread that change a file system, and at the one
 * with the number DISTURB_AT kills the process (a write then gets half done), or has it fail with the errno
 * DISTURB_ERRNO. With DISTURB_NO_REPLACE renames behave as on NFS, which has no RENAME_NOREPLACE. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static long number_of(const char *variable)
{
    const char *text = getenv(variable);
    return text ? strtol(text, NULL, 10) : 0;
}

/* True when the call is to fail, with errno set. */
static bool is_disturbed(void)
{
    static long count; /* the first thread alone gets that far */
    if (gettid() != getpid() || ++count != number_of("DISTURB_AT"))
        return false;
    (void)fputs("disturbed\n", stderr);
    errno = (int)number_of("DISTURB_ERRNO");
    if (errno == 0)
        (void)raise(SIGKILL);
    return true;
}

/* What would be called without us. */
#define NEXT(name) (*(__typeof__(&(name)) *)&(void *){dlsym(RTLD_NEXT, #name)})

int openat64(int folder_fd, const char *path, int flags, ...)
{
    mode_t mode = 0;
    if (flags & O_CREAT) {
        va_list arguments;
        va_start(arguments, flags);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    if ((flags & O_CREAT) && is_disturbed())
        return -1;
    return NEXT(openat64)(folder_fd, path, flags, mode);
}

ssize_t write(int fd, const void *bytes, size_t size)
{
    struct stat found;
    if (fstat(fd, &found) < 0 || !S_ISREG(found.st_mode))
        return NEXT(write)(fd, bytes, size);
    if (size > 1 && number_of("DISTURB_ERRNO") == 0) { /* as two calls */
        ssize_t half = NEXT(write)(fd, bytes, size / 2);
        return is_disturbed() ? -1 : half;
    }
    return is_disturbed() ? -1 : NEXT(write)(fd, bytes, size);
}

int mkdirat(int folder_fd, const char *path, mode_t mode)
{
    return is_disturbed() ? -1 : NEXT(mkdirat)(folder_fd, path, mode);
}

int unlinkat(int folder_fd, const char *path, int flags)
{
    return is_disturbed() ? -1 : NEXT(unlinkat)(folder_fd, path, flags);
}

int symlinkat(const char *target, int folder_fd, const char *path)
{
    return is_disturbed() ? -1 : NEXT(symlinkat)(target, folder_fd, path);
}

int linkat(int from_fd, const char *from, int to_fd, const char *to, int flags)
{
    return is_disturbed() ? -1 : NEXT(linkat)(from_fd, from, to_fd, to, flags);
}

int fchown(int fd, uid_t uid, gid_t gid)
{
    return is_disturbed() ? -1 : NEXT(fchown)(fd, uid, gid);
}

int fchmod(int fd, mode_t mode)
{
    return is_disturbed() ? -1 : NEXT(fchmod)(fd, mode);
}

int futimens(int fd, const struct timespec times[2])
{
    return is_disturbed() ? -1 : NEXT(futimens)(fd, times);
}

int renameat2(int from_fd, const char *from, int to_fd, const char *to, unsigned flags)
{
    if (flags != 0 && getenv("DISTURB_NO_REPLACE")) {
        errno = EINVAL;
        return -1;
    }
    return is_disturbed() ? -1 : NEXT(renameat2)(from_fd, from, to_fd, to, flags);
}

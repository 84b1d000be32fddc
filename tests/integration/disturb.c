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

int openat64(int fd, const char *file, int oflag, ...)
{
    mode_t mode = 0;
    if (oflag & O_CREAT) {
        va_list arguments;
        va_start(arguments, oflag);
        mode = va_arg(arguments, mode_t);
        va_end(arguments);
    }
    if ((oflag & O_CREAT) && is_disturbed())
        return -1;
    return NEXT(openat64)(fd, file, oflag, mode);
}

ssize_t write(int fd, const void *buf, size_t n)
{
    struct stat found;
    if (fstat(fd, &found) < 0 || !S_ISREG(found.st_mode))
        return NEXT(write)(fd, buf, n);
    if (n > 1 && number_of("DISTURB_ERRNO") == 0) { /* as two calls */
        ssize_t half = NEXT(write)(fd, buf, n / 2);
        return is_disturbed() ? -1 : half;
    }
    return is_disturbed() ? -1 : NEXT(write)(fd, buf, n);
}

int mkdirat(int fd, const char *path, mode_t mode)
{
    return is_disturbed() ? -1 : NEXT(mkdirat)(fd, path, mode);
}

int unlinkat(int fd, const char *name, int flag)
{
    return is_disturbed() ? -1 : NEXT(unlinkat)(fd, name, flag);
}

int symlinkat(const char *from, int tofd, const char *to)
{
    return is_disturbed() ? -1 : NEXT(symlinkat)(from, tofd, to);
}

int linkat(int fromfd, const char *from, int tofd, const char *to, int flags)
{
    return is_disturbed() ? -1 : NEXT(linkat)(fromfd, from, tofd, to, flags);
}

int fchown(int fd, uid_t owner, gid_t group)
{
    return is_disturbed() ? -1 : NEXT(fchown)(fd, owner, group);
}

int fchmod(int fd, mode_t mode)
{
    return is_disturbed() ? -1 : NEXT(fchmod)(fd, mode);
}

int futimens(int fd, const struct timespec times[2])
{
    return is_disturbed() ? -1 : NEXT(futimens)(fd, times);
}

int renameat2(int oldfd, const char *old, int newfd, const char *new, unsigned flags)
{
    if (flags != 0 && getenv("DISTURB_NO_REPLACE")) {
        errno = EINVAL;
        return -1;
    }
    return is_disturbed() ? -1 : NEXT(renameat2)(oldfd, old, newfd, new, flags);
}

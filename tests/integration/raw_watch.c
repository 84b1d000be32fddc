/* SPDX-License-Identifier: Apache-2.0 */

/* A consumer with bare inotify: watches one path and prints a line for each IN_CLOSE_WRITE. For tests. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

static void print_events(const char *bytes, size_t size, const char *path)
{
    while (size >= sizeof(struct inotify_event)) {
        struct inotify_event event;
        memcpy(&event, bytes, sizeof(event));
        if (event.mask & IN_CLOSE_WRITE)
            (void)puts(event.len > 0 ? bytes + sizeof(event) : path);
        bytes += sizeof(event) + event.len;
        size -= sizeof(event) + event.len;
    }
    (void)fflush(stdout);
}

int main(int count, char **arguments)
{
    char bytes[4096];
    ssize_t size;
    int fd = inotify_init1(IN_CLOEXEC);
    if (count != 2 || fd < 0 || inotify_add_watch(fd, arguments[1], IN_MODIFY | IN_CLOSE_WRITE) < 0) {
        (void)fprintf(stderr, "cannot watch: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    (void)puts("watching");
    (void)fflush(stdout);
    while ((size = read(fd, bytes, sizeof(bytes))) > 0)
        print_events(bytes, (size_t)size, arguments[1]);
    return EXIT_FAILURE;
}

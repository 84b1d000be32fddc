/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

int file_read(const char *path, struct buffer *content)
{
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    return fd < 0 ? -errno : file_read_fd(fd, content);
}

int file_read_fd(int fd, struct buffer *content)
{
    char block[4096];
    ssize_t size = 0;
    int r = 0;
    do {
        size = read(fd, block, sizeof(block));
        if (size < 0 && errno != EINTR)
            r = -errno;
        if (size > 0)
            r = buffer_append(content, block, (size_t)size);
    } while (r == 0 && size != 0);
    explicit_bzero(block, sizeof(block));
    return r;
}

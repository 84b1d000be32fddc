/* SPDX-License-Identifier: Apache-2.0 */

/* Parallel lookups.
 *
 * Unless the answer to INIT says FUSE_PARALLEL_DIROPS, the kernel sends one lookup at a time for each directory: a
 * lookup that waits for a hung server would make all others in that directory wait. libfuse 3.14.0 has the option, and
 * sets it by default, but forgets to put the flag into the answer. So the answer goes through our hands, and we add it.
 */
#include "fs/device.h"

#include <errno.h>
#include <linux/fuse.h>
#include <stdint.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fs/state.h"

/* The payload of the answer to INIT, as libfuse passes it: header and body in two parts. */
static void add_parallel_lookups(const struct iovec *parts, int count)
{
    uint32_t flags;
    const size_t at = offsetof(struct fuse_init_out, flags);
    if (count != 2 || parts[1].iov_len < at + sizeof(flags))
        return;
    char *place = (char *)parts[1].iov_base + at;
    memcpy(&flags, place, sizeof(flags));
    flags |= FUSE_PARALLEL_DIROPS;
    memcpy(place, &flags, sizeof(flags));
}

static ssize_t device_writev(int fd, struct iovec *parts, int count, void *userdata)
{
    struct fs *fs = userdata;
    if (fs->wants_parallel_lookups) {
        fs->wants_parallel_lookups = false;
        add_parallel_lookups(parts, count);
    }
    return writev(fd, parts, count);
}

static ssize_t device_read(int fd, void *buffer, size_t size_bytes, void *userdata)
{
    (void)userdata;
    return read(fd, buffer, size_bytes);
}

int device_use(struct fuse_session *session, int fd)
{
    const struct fuse_custom_io io = {.writev = device_writev, .read = device_read};
    return fuse_session_custom_io(session, &io, fd);
}

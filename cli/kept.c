/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/kept.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/json.h"
#include "sync/place.h"

#define MAX_STATUS_BYTES ((size_t)16 * 1024 * 1024)
#define MAX_DEPTH 16

static int read_status(int fd, struct json **ret_status)
{
    _cleanup_buffer_ struct buffer text = {0};
    char bytes[4096];
    ssize_t got;
    buffer_init(&text, MAX_STATUS_BYTES);
    while ((got = read(fd, bytes, sizeof(bytes))) > 0) {
        int r = buffer_append(&text, bytes, (size_t)got);
        if (r < 0)
            return r;
    }
    if (got < 0)
        return -errno;
    return json_parse(text.bytes ? text.bytes : "", text.size_bytes, MAX_DEPTH, ret_status);
}

/* Whether nobody need keep it. */
static bool is_once(int fd)
{
    _cleanup_json_ struct json *status = NULL;
    return read_status(fd, &status) >= 0 && json_boolean(json_member(status, "once")) && lseek(fd, 0, SEEK_SET) == 0;
}

int kept_open_status(const char *directory)
{
    _cleanup_free_ char *path = NULL;
    int r = place_look(directory);
    if (r < 0 && r != -ESRCH)
        return r;
    if (asprintf(&path, "%s/" PLACE_ENTRY "/status.json", directory) < 0)
        return -ENOMEM;
    _cleanup_close_ int fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (r == -ESRCH && (fd < 0 || !is_once(fd)))
        return -ESRCH;
    if (fd < 0)
        return errno == ENOENT ? -EINPROGRESS : -errno;
    return steal_fd(&fd);
}

int kept_check_ready(int status_fd)
{
    _cleanup_json_ struct json *status = NULL;
    int r = read_status(status_fd, &status);
    if (r < 0)
        return r;
    return json_member(status, "directory") && !json_boolean(json_member(status, "ready")) ? -EINPROGRESS : 0;
}

bool kept_explain(int r, const char *directory, char *ret_text, size_t text_bytes)
{
    if (r == -ESRCH)
        (void)snprintf(ret_text, text_bytes,
                       "%s: no secretsfs sync runs there, its files are from before; start it again with: secretsfs "
                       "sync --to %s",
                       directory, directory);
    else if (r == -ESTALE)
        (void)snprintf(ret_text, text_bytes,
                       "%s: its secretsfs sync has been silent for more than %d s: it is stopped or overloaded; see "
                       "its log, or kill it and start it again",
                       directory, PLACE_SILENT_SECONDS);
    else if (r == -EINPROGRESS)
        (void)snprintf(ret_text, text_bytes,
                       "%s: not everything is there yet; see the log of its secretsfs sync, or: secretsfs status %s",
                       directory, directory);
    return r == -ESRCH || r == -ESTALE || r == -EINPROGRESS;
}

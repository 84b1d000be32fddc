/* SPDX-License-Identifier: Apache-2.0 */

/* A refresh token may be good for one use. So who refreshes must be able to keep the new one, or the person whose file
 * it is would be signed out; and of several processes only one should do it.
 *
 * - Mounts exclude each other by a lock on the directory. The CLI and the SDKs know of no lock: they may replace the
 *   file at any time, so it is read again after the lock has been taken, after a refusal (the other one was quicker),
 *   and before it is replaced (a person has signed in meanwhile).
 * - Everything that can fail is done before the request: the temporary file exists by then, with the owner and the
 *   mode of the file that it is going to replace, and with room on the disk. Where that fails (a read-only or a full
 *   file system, a single file that is mounted, another user's directory), there is no refresh. */
#include "auth/token_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <openssl/evp.h>

#include "auth/token_text.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#define LOCK_INTERVAL_NS (50 * NS_PER_MS)
#define MORE_BYTES 16384 /* room for tokens that are longer than the old ones */

struct replacement {
    char *path;      /* of the file itself, behind symbolic links */
    char *temporary; /* NULL once it has taken the file's place */
    int fd;
    int lock_fd; /* the directory */
};

static void replacement_clear(struct replacement *replacement)
{
    if (replacement->temporary)
        (void)unlink(replacement->temporary);
    free(replacement->temporary);
    free(replacement->path);
    cleanup_close(&replacement->fd);
    cleanup_close(&replacement->lock_fd);
}

static void replace(struct buffer *text, struct buffer *by)
{
    buffer_clear(text);
    *text = *by;
    *by = (struct buffer){0};
}

int token_file_path(const struct environment *environment, const char *directory, const char *digest, const char *name,
                    char **ret_path, struct error *ret_error)
{
    unsigned char hash[EVP_MAX_MD_SIZE];
    char hex[2 * EVP_MAX_MD_SIZE + 1] = "";
    size_t hash_bytes;
    _cleanup_free_ char *absolute = NULL;

    if (directory[0] == '~' && !environment_get(environment, "HOME"))
        return error_set(ret_error, ERROR_NO_CREDENTIALS, "HOME is not set, so that %s cannot be found", directory);
    int r = environment_path(environment, directory, &absolute);
    if (r < 0)
        return error_set(ret_error, ERROR_INTERNAL, "cannot find %s: %s", directory, strerror(-r));
    if (EVP_Q_digest(NULL, digest, NULL, name, strlen(name), hash, &hash_bytes) != 1)
        return error_set(ret_error, ERROR_INTERNAL, "OpenSSL has no %s, which names the files in %s", digest,
                         directory);
    for (size_t i = 0; i < hash_bytes; i++)
        (void)snprintf(hex + 2 * i, 3, "%02x", hash[i]);
    if (asprintf(ret_path, "%s/%s.json", absolute, hex) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    return 0;
}

int token_file_read(const char *path, struct buffer *ret_text)
{
    _cleanup_buffer_ struct buffer text;
    buffer_init(&text, TOKEN_TEXT_MAX_BYTES);
    int r = file_read(path, &text);
    if (r < 0)
        return r;
    replace(ret_text, &text);
    return 0;
}

/* Waits until no other mount refreshes. Where directories cannot be locked (NFS) there is no lock. */
static int lock_directory(int fd, struct http *http, uint64_t deadline_ns)
{
    while (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno != EWOULDBLOCK && errno != EINTR)
            return 0;
        if (clock_monotonic_ns() + LOCK_INTERVAL_NS >= deadline_ns || !http_pause(http, LOCK_INTERVAL_NS))
            return -ETIMEDOUT;
    }
    return 0;
}

/* A file that is a mount of its own cannot be renamed over. */
static bool is_mounted(const char *path)
{
    struct statx status;
    return statx(AT_FDCWD, path, 0, STATX_BASIC_STATS, &status) == 0 &&
           (status.stx_attributes & STATX_ATTR_MOUNT_ROOT) != 0;
}

/* The temporary file, with owner and mode of the file that it is to replace. */
static int make_temporary(struct replacement *replacement)
{
    struct stat file, made;
    if (is_mounted(replacement->path))
        return -EBUSY;
    if (asprintf(&replacement->temporary, "%s.XXXXXX", replacement->path) < 0) {
        replacement->temporary = NULL;
        return -ENOMEM;
    }
    replacement->fd = mkostemp(replacement->temporary, O_CLOEXEC);
    if (replacement->fd < 0) {
        free(STEAL(replacement->temporary));
        return -errno;
    }
    if (stat(replacement->path, &file) < 0 || fstat(replacement->fd, &made) < 0 ||
        ((file.st_uid != made.st_uid || file.st_gid != made.st_gid) &&
         fchown(replacement->fd, file.st_uid, file.st_gid) < 0) ||
        fchmod(replacement->fd, file.st_mode & 0777) < 0)
        return -errno;
    return -posix_fallocate(replacement->fd, 0, file.st_size + MORE_BYTES);
}

/* Takes the lock and makes ready. */
static int begin(const struct token_refresh *refresh, uint64_t deadline_ns, struct replacement *replacement)
{
    replacement->path = realpath(refresh->path, NULL);
    if (!replacement->path)
        return -errno;
    char *slash = strrchr(replacement->path, '/');
    *slash = '\0';
    replacement->lock_fd =
        open(slash == replacement->path ? "/" : replacement->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int r = replacement->lock_fd < 0 ? -errno : 0;
    *slash = '/';
    if (r == 0)
        r = lock_directory(replacement->lock_fd, refresh->http, deadline_ns);
    return r == 0 ? make_temporary(replacement) : r;
}

static int commit(struct replacement *replacement, const struct buffer *text)
{
    for (size_t done = 0; done < text->size_bytes;) {
        ssize_t size_bytes = write(replacement->fd, text->bytes + done, text->size_bytes - done);
        if (size_bytes < 0)
            return -errno;
        done += (size_t)size_bytes;
    }
    if (ftruncate(replacement->fd, (off_t)text->size_bytes) < 0 || fsync(replacement->fd) < 0 ||
        rename(replacement->temporary, replacement->path) < 0)
        return -errno;
    free(STEAL(replacement->temporary));
    return 0;
}

/* Takes over what the file holds now. Returns whether that is fresh, because another process has been quicker. */
static bool read_again(const struct token_refresh *refresh, struct buffer *text, bool only_fresh)
{
    struct buffer now = {0};
    if (token_file_read(refresh->path, &now) < 0)
        return false;
    uint64_t expires_ns = refresh->expiry(&now);
    bool fresh = expires_ns > refresh->fresh_ns;
    if (fresh || (expires_ns > 0 && !only_fresh))
        replace(text, &now);
    buffer_clear(&now);
    return fresh;
}

static int cannot_replace(const struct token_refresh *refresh, int r, struct error *ret_error)
{
    if (r == -ETIMEDOUT)
        return error_set(ret_error, ERROR_TIMEOUT, "another process is refreshing %s", refresh->path);
    (void)error_set(ret_error, ERROR_NO_CREDENTIALS, "%s cannot be replaced (%s)", refresh->path, strerror(-r));
    return -EROFS;
}

int token_file_refresh(const struct token_refresh *refresh, struct buffer *text, struct error *ret_error)
{
    _cleanup_(replacement_clear) struct replacement replacement = {.fd = -1, .lock_fd = -1};
    _cleanup_buffer_ struct buffer renewed;
    buffer_init(&renewed, TOKEN_TEXT_MAX_BYTES);

    uint64_t now_ns = clock_monotonic_ns(), deadline_ns = refresh->deadline_ns;
    if (refresh->expiry(text) > clock_wall_ns() && deadline_ns > now_ns)
        deadline_ns = now_ns + (deadline_ns - now_ns) / 2;
    int r = begin(refresh, deadline_ns, &replacement);
    if (read_again(refresh, text, false))
        return 0;
    if (r < 0)
        return cannot_replace(refresh, r, ret_error);
    r = refresh->renew(refresh->context, text, deadline_ns, &renewed, ret_error);
    if (read_again(refresh, text, true))
        return 0;
    if (r < 0)
        return r;
    r = commit(&replacement, &renewed);
    if (r < 0) /* the tokens are good all the same; the next refresh may have to be made by a person */
        log_debug("cannot write %s: %s", refresh->path, strerror(-r));
    replace(text, &renewed);
    return 0;
}

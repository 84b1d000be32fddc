/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#define OPEN_DIRECTORY (O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)

/* --- reading and clearing directories --- */

static bool is_dots(const char *entry)
{
    return strcmp(entry, ".") == 0 || strcmp(entry, "..") == 0;
}

static DIR *open_listing(int parent_fd, const char *entry)
{
    _cleanup_close_ int fd = openat(parent_fd, entry, OPEN_DIRECTORY);
    DIR *listing = fd < 0 ? NULL : fdopendir(fd);
    if (listing)
        (void)steal_fd(&fd);
    return listing;
}

static void close_listing(DIR **listing)
{
    if (*listing)
        (void)closedir(*listing);
}

/* Is there nothing in a directory? Returns 1, 0 or a negative errno. */
static int is_empty(int directory_fd)
{
    _cleanup_(close_listing) DIR *listing = open_listing(directory_fd, ".");
    if (!listing)
        return -errno;
    const struct dirent *found;
    while ((found = readdir(listing)))
        if (!is_dots(found->d_name))
            return 0;
    return 1;
}

/* What is put there is at most as deep as a tree, which is bounded. */
int place_remove_all(int parent_fd, const char *entry) /* NOLINT(misc-no-recursion) */
{
    if (unlinkat(parent_fd, entry, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR && errno != EPERM)
        return -errno;
    _cleanup_(close_listing) DIR *listing = open_listing(parent_fd, entry);
    if (!listing)
        return -errno;
    const struct dirent *found;
    while ((found = readdir(listing))) {
        int r = is_dots(found->d_name) ? 0 : place_remove_all(dirfd(listing), found->d_name);
        if (r < 0)
            return r;
    }
    return unlinkat(parent_fd, entry, AT_REMOVEDIR) < 0 ? -errno : 0;
}

/* --- checks --- */

static int check_file_system(int directory_fd, const char *directory, bool allow_disk, bool *ret_on_disk,
                             struct error *ret_error)
{
    struct statfs found;
    if (fstatfs(directory_fd, &found) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "%s: %s", directory, strerror(errno));
    *ret_on_disk = found.f_type != TMPFS_MAGIC && found.f_type != RAMFS_MAGIC;
    if (*ret_on_disk && !allow_disk)
        return error_set(
            ret_error, ERROR_BAD_REQUEST,
            "%s is not in memory: secrets would be written to a disk, where they outlive their removal; "
            "mount a tmpfs there (mount -t tmpfs -o mode=0755 tmpfs %s), choose a directory in /dev/shm or "
            "/run, or accept it with --allow-disk",
            directory, directory);
    return 0;
}

/* The directory that marks DIR: made in an empty one, else it must be there and belong to us. */
static int open_own(int directory_fd, const char *directory, int *ret_fd, struct error *ret_error)
{
    struct stat found;
    int empty = is_empty(directory_fd);
    if (empty < 0)
        return error_set(ret_error, ERROR_INTERNAL, "%s: %s", directory, strerror(-empty));
    if (empty > 0 && mkdirat(directory_fd, PLACE_ENTRY, 0700) < 0 && errno != EEXIST)
        return error_set(ret_error, ERROR_INTERNAL,
                         "%s cannot be written to: %s; give it to the user who runs secretsfs", directory,
                         strerror(errno));
    _cleanup_close_ int fd = openat(directory_fd, PLACE_ENTRY, OPEN_DIRECTORY);
    if (fd < 0)
        return error_set(ret_error, ERROR_BAD_REQUEST,
                         "%s is not empty and was not made by secretsfs sync; give it an empty directory", directory);
    if (fstat(fd, &found) < 0 || found.st_uid != geteuid())
        return error_set(ret_error, ERROR_BAD_REQUEST,
                         "%s/" PLACE_ENTRY " belongs to user %u and not to the one who runs secretsfs; use a directory "
                         "of your own, or remove it",
                         directory, found.st_uid);
    (void)fchmod(fd, 0755);
    *ret_fd = steal_fd(&fd);
    return 0;
}

/* Who ends removes the lock, so what is locked must still be what has the name. A lock of the open file, as flock's,
 * but one that others can ask for without taking it. */
static int lock(int own_fd, const char *directory, int *ret_fd, struct error *ret_error)
{
    for (int tries = 0; tries < 100; tries++) {
        struct stat locked;
        struct stat named;
        _cleanup_close_ int fd = openat(own_fd, "lock", O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);
        if (fd < 0)
            return error_set(ret_error, ERROR_INTERNAL, "%s/" PLACE_ENTRY "/lock: %s", directory, strerror(errno));
        struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
        if (fcntl(fd, F_OFD_SETLK, &whole) < 0)
            return error_set(ret_error, ERROR_BAD_REQUEST, "%s is in use by another secretsfs sync", directory);
        if (fstat(fd, &locked) == 0 && fstatat(own_fd, "lock", &named, AT_SYMLINK_NOFOLLOW) == 0 &&
            locked.st_ino == named.st_ino) {
            *ret_fd = steal_fd(&fd);
            return 0;
        }
    }
    return error_set(ret_error, ERROR_INTERNAL, "%s cannot be locked", directory);
}

static int open_new(const struct place *place, const char *directory, int *ret_fd, struct error *ret_error)
{
    int r = place_remove_all(place->own_fd, "new");
    if (r >= 0 && mkdirat(place->own_fd, "new", 0700) < 0)
        r = -errno;
    if (r >= 0 && (*ret_fd = openat(place->own_fd, "new", OPEN_DIRECTORY)) < 0)
        r = -errno;
    return r < 0 ? error_set(ret_error, ERROR_INTERNAL, "%s/" PLACE_ENTRY "/new: %s", directory, strerror(-r)) : 0;
}

int place_open(const char *directory, bool allow_disk, struct place *ret_place, struct error *ret_error)
{
    struct place place = {-1, -1, -1, -1, 0, false};
    struct stat found = {0};
    int r = 0;
    place.directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (place.directory_fd < 0 || fstat(place.directory_fd, &found) < 0)
        r = error_set(ret_error, ERROR_BAD_REQUEST, "%s: %s; create it with: mkdir -p %s", directory, strerror(errno),
                      directory);
    if (r >= 0)
        r = check_file_system(place.directory_fd, directory, allow_disk, &place.on_disk, ret_error);
    if (r >= 0)
        r = open_own(place.directory_fd, directory, &place.own_fd, ret_error);
    if (r >= 0)
        r = lock(place.own_fd, directory, &place.lock_fd, ret_error);
    if (r >= 0)
        r = open_new(&place, directory, &place.new_fd, ret_error);
    if (r < 0) {
        place_close(&place, false);
        return r;
    }
    place.device = found.st_dev;
    *ret_place = place;
    return 0;
}

static void close_one(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
    *fd = -1;
}

void place_close(struct place *place, bool remove)
{
    if (remove) {
        static const char *const entries[] = {"new", "made", "status.json", "lock"};
        for (size_t i = 0; i < sizeof(entries) / sizeof(*entries); i++)
            (void)place_remove_all(place->own_fd, entries[i]);
        (void)unlinkat(place->directory_fd, PLACE_ENTRY, AT_REMOVEDIR);
    }
    close_one(&place->new_fd);
    close_one(&place->lock_fd);
    close_one(&place->own_fd);
    close_one(&place->directory_fd);
}

int place_read(const struct place *place, const char *entry, struct buffer *text)
{
    char piece[4096];
    _cleanup_close_ int fd = openat(place->own_fd, entry, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return -errno;
    while (true) {
        ssize_t got = read(fd, piece, sizeof(piece));
        if (got <= 0)
            return got < 0 ? -errno : 0;
        int r = buffer_append(text, piece, (size_t)got);
        if (r < 0)
            return r;
    }
}

/* --- from outside --- */

/* Is a lock held? Returns 1, 0 or a negative errno. */
static int is_locked(int fd)
{
    struct flock whole = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(fd, F_OFD_GETLK, &whole) < 0)
        return -errno;
    return whole.l_type != F_UNLCK;
}

int place_look(const char *directory)
{
    struct stat touched;
    struct timespec now;
    _cleanup_close_ int directory_fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    _cleanup_close_ int own_fd = directory_fd < 0 ? -1 : openat(directory_fd, PLACE_ENTRY, OPEN_DIRECTORY);
    if (own_fd < 0)
        return errno == ENOTDIR || errno == ELOOP ? -ENOENT : -errno;
    _cleanup_close_ int fd = openat(own_fd, "lock", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &touched) < 0)
        return -errno;
    int locked = is_locked(fd);
    if (locked <= 0)
        return locked < 0 ? locked : -ESRCH;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec - touched.st_mtim.tv_sec > PLACE_SILENT_SECONDS ? -ESTALE : 0;
}

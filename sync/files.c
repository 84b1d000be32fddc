/* SPDX-License-Identifier: Apache-2.0 */

/* A file gets its bytes, owner, mode and time in new/, and only then its name, by rename. So who opens a name finds one
 * version whole, and who watches the directory sees IN_MOVED_TO. The descriptor is closed after that, which makes
 * IN_CLOSE_WRITE under the new name for those who wait for that alone.
 *
 * Bytes go to write(2) straight from struct secret: there the kernel copies, and pins no pages. */
#include "sync/files.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"

#define ENTRY_MAX_BYTES 64 /* of names in new/ */

void files_init(struct files *files, const struct place *place, uid_t uid, gid_t gid, mode_t mode)
{
    *files = (struct files){
        .place = place, .root_fd = place->directory_fd, .uid = uid, .gid = gid, .mode = mode, .folder_fd = -1};
}

static void forget_folder(struct files *files)
{
    free(STEAL(files->folder));
    if (files->folder_fd >= 0)
        (void)close(files->folder_fd);
    files->folder_fd = -1;
}

void files_clear(struct files *files)
{
    forget_folder(files);
}

/* --- finding the way --- */

static int open_component(const struct files *files, int parent_fd, const char *component)
{
    struct stat found;
    _cleanup_close_ int fd = openat(parent_fd, component, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOTDIR || errno == ELOOP ? -EEXIST : -errno;
    if (fstat(fd, &found) < 0)
        return -errno;
    return found.st_dev == files->place->device ? steal_fd(&fd) : -EEXIST;
}

/* Opens the directory of a path (which lives as long as nothing else is opened) and finds its last component. */
static int open_folder(struct files *files, const char *path, const char **ret_entry)
{
    path += files->skip_bytes;
    const char *slash = strrchr(path, '/');
    *ret_entry = slash ? slash + 1 : path;
    if (!slash)
        return files->root_fd;
    _cleanup_free_ char *folder = strndup(path, (size_t)(slash - path));
    _cleanup_free_ char *left = folder ? strdup(folder) : NULL;
    if (!left)
        return -ENOMEM;
    if (files->folder && strcmp(files->folder, folder) == 0)
        return files->folder_fd;
    forget_folder(files);
    int parent_fd = files->root_fd;
    char *rest = left;
    for (const char *component; (component = strsep(&rest, "/"));) {
        int fd = open_component(files, parent_fd, component);
        if (parent_fd != files->root_fd)
            (void)close(parent_fd);
        if (fd < 0)
            return fd;
        parent_fd = fd;
    }
    files->folder = STEAL(folder);
    files->folder_fd = parent_fd;
    return parent_fd;
}

int files_look(struct files *files, const struct entry *entry)
{
    const char *name;
    struct stat found;
    int folder_fd = open_folder(files, entry->path, &name);
    if (folder_fd < 0) /* not yet there, or something in the way that is to go first; if not, making will tell */
        return 0;
    if (fstatat(folder_fd, name, &found, AT_SYMLINK_NOFOLLOW) < 0)
        return errno == ENOENT ? 0 : -errno;
    return S_ISDIR(found.st_mode) && entry->kind == ENTRY_DIRECTORY && !entry->whole ? 1 : -EEXIST;
}

/* --- making --- */

/* Where there is an r there is an x. We must be able to write in our own. */
static mode_t directory_mode(const struct files *files)
{
    return files->mode | (files->mode & 0444U) >> 2 | (files->uid == geteuid() ? 0200U : 0U);
}

static void next_name(struct files *files, char ret_name[ENTRY_MAX_BYTES])
{
    (void)snprintf(ret_name, ENTRY_MAX_BYTES, "%llu", (unsigned long long)++files->count);
}

/* Without a change there is no need to be allowed to. In a directory with the setgid bit
 * the group is another at first. */
static int give_away(const struct files *files, int fd)
{
    struct stat found;
    if (fstat(fd, &found) < 0)
        return -errno;
    if (found.st_uid == files->uid && found.st_gid == files->gid)
        return 0;
    return fchown(fd, files->uid, files->gid) < 0 ? -errno : 0;
}

static int write_all(int fd, const char *bytes, size_t size_bytes)
{
    while (size_bytes > 0) {
        ssize_t written = write(fd, bytes, size_bytes);
        if (written < 0 && errno != EINTR)
            return -errno;
        if (written > 0) {
            bytes += written;
            size_bytes -= (size_t)written;
        }
    }
    return 0;
}

struct content {
    const char *bytes;
    size_t size_bytes;
    uint64_t mtime_ns; /* 0: now */
    mode_t mode;
};

static int fill(const struct files *files, int fd, const struct content *content)
{
    const uint64_t ns = content->mtime_ns;
    const struct timespec times[2] = {{.tv_nsec = UTIME_OMIT},
                                      {.tv_sec = (time_t)(ns / NS_PER_SEC), .tv_nsec = (long)(ns % NS_PER_SEC)}};
    int r = write_all(fd, content->bytes, content->size_bytes);
    if (r >= 0)
        r = give_away(files, fd);
    if (r >= 0 && fchmod(fd, content->mode) < 0)
        r = -errno;
    if (r >= 0 && ns > 0 && futimens(fd, times) < 0)
        r = -errno;
    if (r >= 0 && files->place->on_disk && fdatasync(fd) < 0)
        r = -errno;
    return r;
}

static int move(const struct files *files, const char *name, int folder_fd, const char *entry, bool replace)
{
    int new_fd = files->place->new_fd;
    struct stat found;
    if (renameat2(new_fd, name, folder_fd, entry, replace ? 0 : RENAME_NOREPLACE) == 0)
        return 0;
    if (replace || errno != EINVAL)
        return -errno;
    /* NFS and others cannot; there, what somebody else makes between these two calls is lost. */
    if (fstatat(folder_fd, entry, &found, AT_SYMLINK_NOFOLLOW) == 0)
        return -EEXIST;
    return errno != ENOENT || renameat(new_fd, name, folder_fd, entry) < 0 ? -errno : 0;
}

static int put_file(struct files *files, int folder_fd, const char *entry, const struct content *content, bool replace)
{
    char name[ENTRY_MAX_BYTES];
    int new_fd = files->place->new_fd;
    next_name(files, name);
    _cleanup_close_ int fd = openat(new_fd, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int r = fill(files, fd, content);
    if (r >= 0)
        r = move(files, name, folder_fd, entry, replace);
    if (r < 0)
        (void)unlinkat(new_fd, name, 0);
    return r;
}

static int put_link(struct files *files, int folder_fd, const char *entry, const char *target, bool replace)
{
    char name[ENTRY_MAX_BYTES];
    int new_fd = files->place->new_fd;
    next_name(files, name);
    int r = symlinkat(target, new_fd, name) < 0 ? -errno : 0;
    if (r >= 0 && (files->uid != geteuid() || files->gid != getegid()) &&
        fchownat(new_fd, name, files->uid, files->gid, AT_SYMLINK_NOFOLLOW) < 0)
        r = -errno;
    if (r >= 0)
        r = move(files, name, folder_fd, entry, replace);
    if (r < 0)
        (void)unlinkat(new_fd, name, 0);
    return r;
}

static int set_directory(const struct files *files, int folder_fd, const char *entry)
{
    _cleanup_close_ int fd = open_component(files, folder_fd, entry);
    if (fd < 0)
        return fd;
    int r = give_away(files, fd);
    return r >= 0 && fchmod(fd, directory_mode(files)) < 0 ? -errno : r;
}

static int put_directory(const struct files *files, int folder_fd, const char *entry)
{
    if (mkdirat(folder_fd, entry, 0700) < 0)
        return -errno;
    int r = set_directory(files, folder_fd, entry);
    if (r < 0) /* it would not be known as ours */
        (void)unlinkat(folder_fd, entry, AT_REMOVEDIR);
    return r;
}

/* Has a file the bytes, the owner and the mode that it should have? */
static bool is_right(const struct files *files, int folder_fd, const char *name, const struct entry *entry)
{
    char piece[4096];
    struct stat found;
    _cleanup_close_ int fd = openat(folder_fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &found) < 0 || !S_ISREG(found.st_mode) || (size_t)found.st_size != entry->size_bytes ||
        (found.st_mode & 07777) != files->mode || found.st_uid != files->uid || found.st_gid != files->gid)
        return false;
    const char *bytes = secret_bytes(entry->bytes) + entry->offset;
    size_t left_bytes = entry->size_bytes;
    bool same = true;
    while (same && left_bytes > 0) {
        ssize_t got = read(fd, piece, sizeof(piece));
        same = got > 0 && (size_t)got <= left_bytes && memcmp(piece, bytes, (size_t)got) == 0;
        bytes += same ? got : 0;
        left_bytes -= same ? (size_t)got : 0;
    }
    explicit_bzero(piece, sizeof(piece));
    return same;
}

/* Takes a file that has the bytes already, so that it keeps its inode. */
static bool link_same(const struct files *files, int folder_fd, const char *name, const struct entry *entry)
{
    struct files all;
    const char *same;
    files_init(&all, files->place, files->uid, files->gid, files->mode);
    int same_fd = entry->target ? open_folder(&all, entry->target, &same) : -ENOENT;
    bool linked =
        same_fd >= 0 && is_right(files, same_fd, same, entry) && linkat(same_fd, same, folder_fd, name, 0) == 0;
    files_clear(&all);
    return linked;
}

int files_make(struct files *files, const struct entry *entry, bool replace)
{
    const char *name;
    int folder_fd = open_folder(files, entry->path, &name);
    if (folder_fd < 0)
        return folder_fd;
    if (entry->kind == ENTRY_DIRECTORY)
        return put_directory(files, folder_fd, name);
    if (entry->kind == ENTRY_LINK)
        return put_link(files, folder_fd, name, entry->target, replace);
    if (!replace && link_same(files, folder_fd, name, entry))
        return 0;
    const struct content content = {secret_bytes(entry->bytes) + entry->offset, entry->size_bytes, entry->mtime_ns,
                                    files->mode};
    return put_file(files, folder_fd, name, &content, replace);
}

int files_make_whole(struct files *files, const struct entry *const *entries, size_t count)
{
    char name[ENTRY_MAX_BYTES];
    const char *place_name;
    int new_fd = files->place->new_fd;
    next_name(files, name);
    int r = put_directory(files, new_fd, name);
    _cleanup_close_ int fd = r < 0 ? -1 : open_component(files, new_fd, name);
    struct files within = *files;
    within.root_fd = fd;
    within.skip_bytes = strlen(entries[0]->path) + 1;
    within.folder = NULL;
    within.folder_fd = -1;
    if (r >= 0 && fd < 0)
        r = fd;
    for (size_t i = 1; i < count && r >= 0; i++)
        r = files_make(&within, entries[i], false);
    files->count = within.count;
    files_clear(&within);
    int folder_fd = r < 0 ? r : open_folder(files, entries[0]->path, &place_name);
    r = folder_fd < 0 ? folder_fd : move(files, name, folder_fd, place_name, false);
    if (r < 0)
        (void)place_remove_all(new_fd, name);
    return r;
}

/* --- the rest of its life --- */

int files_read_link(struct files *files, const char *path, char *ret_target, size_t size_bytes)
{
    const char *name;
    int folder_fd = open_folder(files, path, &name);
    if (folder_fd < 0)
        return folder_fd;
    ssize_t bytes = readlinkat(folder_fd, name, ret_target, size_bytes);
    if (bytes < 0 || (size_t)bytes >= size_bytes)
        return bytes < 0 ? -errno : -ENAMETOOLONG;
    ret_target[bytes] = '\0';
    return 0;
}

int files_check(struct files *files, const struct entry *entry)
{
    const char *name;
    char target[NAME_MAX + 16]; /* "..data/" and a key */
    int folder_fd = open_folder(files, entry->path, &name);
    if (folder_fd < 0)
        return folder_fd;
    if (entry->kind == ENTRY_DIRECTORY) {
        int r = set_directory(files, folder_fd, name);
        return r == -ENOENT ? put_directory(files, folder_fd, name) : r;
    }
    if (entry->kind == ENTRY_LINK && files_read_link(files, entry->path, target, sizeof(target)) >= 0 &&
        strcmp(target, entry->target) == 0)
        return 0;
    if (entry->kind == ENTRY_FILE && is_right(files, folder_fd, name, entry))
        return 0;
    return files_make(files, entry, true);
}

int files_remove(struct files *files, const struct entry *entry)
{
    const char *name;
    bool is_directory = entry->kind == ENTRY_DIRECTORY;
    int folder_fd = open_folder(files, entry->path, &name);
    if (folder_fd < 0)
        return folder_fd == -ENOENT ? 0 : folder_fd;
    if (unlinkat(folder_fd, name, is_directory ? AT_REMOVEDIR : 0) == 0)
        return 0;
    bool is_other = errno == ENOENT || errno == ENOTEMPTY || errno == ENOTDIR || errno == EISDIR || errno == EBUSY;
    return is_other ? 0 : -errno;
}

int files_put_own(struct files *files, const char *entry, const void *bytes, size_t size_bytes, bool for_all)
{
    struct files own = *files;
    own.uid = for_all ? files->uid : geteuid();
    own.gid = for_all ? files->gid : getegid();
    const struct content content = {bytes, size_bytes, 0, for_all ? files->mode : 0600};
    int r = put_file(&own, files->place->own_fd, entry, &content, true);
    files->count = own.count;
    return r;
}

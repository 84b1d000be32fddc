/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/config_files.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/file.h"

#define FILE_COUNT 2

/* What tells one state of a file from another; all zero when there is no file. */
struct stamp {
    dev_t device;
    ino_t inode;
    off_t size_bytes;
    struct timespec modified;
};

struct shared_file {
    char *path; /* NULL: does not exist */
    bool named; /* by a variable */
    struct stamp stamp;
};

struct config_files {
    struct shared_file files[FILE_COUNT]; /* indexed by enum config_file */
    char *names;
};

static int find_file(const struct environment *environment, const char *variable, const char *default_path,
                     struct shared_file *file)
{
    const char *path = environment_get(environment, variable);
    file->named = path != NULL;
    if (path)
        return environment_path(environment, path, &file->path);
    if (environment_get(environment, "HOME"))
        return environment_path(environment, default_path, &file->path);
    return 0;
}

int config_files_new(const struct environment *environment, struct config_files **ret_files)
{
    _cleanup_(config_files_freep) struct config_files *files = calloc(1, sizeof(*files));
    if (!files)
        return -ENOMEM;
    struct shared_file *config = &files->files[CONFIG_FILE_CONFIG];
    struct shared_file *credentials = &files->files[CONFIG_FILE_CREDENTIALS];
    int r = find_file(environment, "AWS_CONFIG_FILE", "~/.aws/config", config);
    if (r == 0)
        r = find_file(environment, "AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials", credentials);
    if (r < 0)
        return r;
    if (asprintf(&files->names, "%s and %s", config->path ? config->path : "~/.aws/config (HOME is not set)",
                 credentials->path ? credentials->path : "~/.aws/credentials (HOME is not set)") < 0) {
        files->names = NULL;
        return -ENOMEM;
    }
    *ret_files = STEAL(files);
    return 0;
}

void config_files_free(struct config_files *files)
{
    if (!files)
        return;
    for (size_t i = 0; i < FILE_COUNT; i++)
        free(files->files[i].path);
    free(files->names);
    free(files);
}

static struct stamp stamp_of(const struct stat *st)
{
    return (struct stamp){st->st_dev, st->st_ino, st->st_size, st->st_mtim};
}

static bool same_stamp(const struct stamp *a, const struct stamp *b)
{
    return a->device == b->device && a->inode == b->inode && a->size_bytes == b->size_bytes &&
           a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

/* Is there none, as far as can be seen? HOME is another user's where a program has given up root: setpriv(1) keeps it.
 * As for the SDKs, a home that may not be entered has no files. */
static bool is_missing(const struct shared_file *file, int error)
{
    struct stat st;
    return error == ENOENT || error == ENOTDIR ||
           (error == EACCES && !file->named && stat(file->path, &st) < 0 && errno == EACCES);
}

/* Opens and reads; O_NONBLOCK, so that a FIFO cannot hold us up. */
static int read_file(struct shared_file *file, struct buffer *text)
{
    file->stamp = (struct stamp){0};
    _cleanup_close_ int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    int error = errno;
    if (fd < 0)
        return is_missing(file, error) ? 0 : -error;
    struct stat st;
    if (fstat(fd, &st) < 0)
        return -errno;
    file->stamp = stamp_of(&st);
    return file_read_fd(fd, text);
}

static int load_file(struct shared_file *file, enum config_file kind, struct config *config, struct error *ret_error)
{
    _cleanup_buffer_ struct buffer text;
    buffer_init(&text, CONFIG_MAX_BYTES);
    if (!file->path)
        return 0;
    int r = read_file(file, &text);
    if (r < 0)
        return error_set(ret_error, ERROR_BAD_REQUEST, "cannot read %s: %s", file->path, strerror(-r));
    return config_parse(config, kind, file->path, text.bytes, text.size_bytes, ret_error);
}

int config_files_load(struct config_files *files, struct config **ret_config, struct error *ret_error)
{
    _cleanup_config_ struct config *config = NULL;
    if (config_new(&config) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    /* In this order: what the credentials file says wins. */
    int r = load_file(&files->files[CONFIG_FILE_CONFIG], CONFIG_FILE_CONFIG, config, ret_error);
    if (r == 0)
        r = load_file(&files->files[CONFIG_FILE_CREDENTIALS], CONFIG_FILE_CREDENTIALS, config, ret_error);
    if (r == 0)
        *ret_config = STEAL(config);
    return r;
}

bool config_files_changed(const struct config_files *files)
{
    for (size_t i = 0; i < FILE_COUNT; i++) {
        struct stat st;
        struct stamp now = {0};
        if (files->files[i].path && stat(files->files[i].path, &st) == 0)
            now = stamp_of(&st);
        if (!same_stamp(&now, &files->files[i].stamp))
            return true;
    }
    return false;
}

const char *config_files_names(const struct config_files *files)
{
    return files->names;
}

const char *config_files_path(const struct config_files *files, enum config_file file)
{
    return files->files[file].path;
}

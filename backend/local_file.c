/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/json_slice.h"
#include "base/slice_text.h"

#define MAX_NAME_BYTES 512 /* of a secret's name in AWS */
#define READ_BYTES 4096
#define OTHERS_MAY_READ_OR_WRITE (S_IRGRP | S_IWGRP | S_IROTH | S_IWOTH)

static void clear_entry(struct local_entry *entry)
{
    free(entry->name);
    secret_unref(entry->bytes);
}

void local_file_free(struct local_file *file)
{
    if (!file)
        return;
    for (size_t i = 0; i < file->entry_count; i++)
        clear_entry(&file->entries[i]);
    free(file->entries);
    free(file);
}

static int make_entry(struct json_slice key, struct json_slice value, struct local_entry *ret_entry)
{
    _cleanup_free_ char *name = NULL;
    struct secret *bytes = NULL;

    int r = slice_to_text(key, &name);
    if (r == 0 && strlen(name) > MAX_NAME_BYTES)
        r = -EBADMSG;
    if (r == 0)
        r = json_slice_type(value) == JSON_STRING ? slice_to_secret(value, &bytes)
                                                  : secret_new(value.bytes, value.size_bytes, &bytes);
    if (r < 0)
        return r;
    *ret_entry = (struct local_entry){.name = STEAL(name), .bytes = bytes};
    return 0;
}

static int compare_entries(const void *a, const void *b)
{
    const struct local_entry *left = a, *right = b;
    int order = strcmp(left->name, right->name);
    return order != 0 ? order : (left->position > right->position) - (left->position < right->position);
}

static void sort_and_keep_the_last(struct local_file *file)
{
    size_t kept = 0;
    if (file->entry_count > 0)
        qsort(file->entries, file->entry_count, sizeof(*file->entries), compare_entries);
    for (size_t i = 0; i < file->entry_count; i++) {
        if (i + 1 < file->entry_count && strcmp(file->entries[i].name, file->entries[i + 1].name) == 0)
            clear_entry(&file->entries[i]);
        else
            file->entries[kept++] = file->entries[i];
    }
    file->entry_count = kept;
}

static int read_entries(struct json_slice object, struct local_file *file)
{
    struct json_slice key, value;
    size_t position = 0, count = 0;

    while (json_slice_next_member(object, &position, &key, &value))
        count++;
    file->entries = calloc(count > 0 ? count : 1, sizeof(*file->entries));
    if (!file->entries)
        return -ENOMEM;
    position = 0;
    while (json_slice_next_member(object, &position, &key, &value)) {
        struct local_entry *entry = &file->entries[file->entry_count];
        int r = make_entry(key, value, entry);
        if (r < 0)
            return r;
        entry->position = file->entry_count++;
    }
    sort_and_keep_the_last(file);
    return 0;
}

int local_file_parse(const char *text, size_t text_bytes, struct local_file **ret_file, struct error *ret_error)
{
    _cleanup_local_file_ struct local_file *file = calloc(1, sizeof(*file));
    struct json_slice object;

    if (!file)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    if (json_slice_check(text, text_bytes, &object) < 0)
        return error_set(ret_error, ERROR_BAD_REQUEST, "it is not valid JSON");
    if (json_slice_type(object) != JSON_OBJECT)
        return error_set(ret_error, ERROR_BAD_REQUEST, "it must hold one JSON object, {\"name\": {…} or \"text\", …}");
    int r = read_entries(object, file);
    if (r == -EBADMSG)
        return error_set(ret_error, ERROR_BAD_REQUEST,
                         "a secret's name is empty, holds a NUL, or is longer than %d bytes", MAX_NAME_BYTES);
    if (r < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    *ret_file = STEAL(file);
    return 0;
}

static int read_whole(int fd, struct buffer *text)
{
    char bytes[READ_BYTES];
    ssize_t got;
    int r = 0;
    while (r == 0 && (got = read(fd, bytes, sizeof(bytes))) != 0) {
        if (got > 0)
            r = buffer_append(text, bytes, (size_t)got);
        else if (errno != EINTR)
            r = -errno;
    }
    explicit_bzero(bytes, sizeof(bytes));
    return r;
}

static int read_checked(const char *path, struct buffer *text, uint64_t *ret_modified_ns, struct error *error)
{
    struct stat state;
    /* O_NONBLOCK: a FIFO must not hold us. */
    _cleanup_close_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &state) < 0)
        return error_set(error, ERROR_BAD_REQUEST, "cannot be opened: %s", strerror(errno));
    if (!S_ISREG(state.st_mode))
        return error_set(error, ERROR_BAD_REQUEST, "it is not a regular file");
    if (state.st_mode & OTHERS_MAY_READ_OR_WRITE)
        return error_set(error, ERROR_BAD_REQUEST,
                         "others than its owner may read or write it (mode %04o): chmod 600 %s", state.st_mode & 07777U,
                         path);
    int r = read_whole(fd, text);
    if (r == -EFBIG)
        return error_set(error, ERROR_BAD_REQUEST, "it is larger than %zu MiB", LOCAL_FILE_MAX_BYTES >> 20);
    if (r < 0)
        return error_set(error, ERROR_BAD_REQUEST, "cannot be read: %s", strerror(-r));
    *ret_modified_ns = (uint64_t)state.st_mtim.tv_sec * NS_PER_SEC + (uint64_t)state.st_mtim.tv_nsec;
    return 0;
}

int local_file_read(const char *path, struct local_file **ret_file, struct error *ret_error)
{
    _cleanup_buffer_ struct buffer text;
    struct local_file *file = NULL;
    struct error error;
    uint64_t modified_ns = 0;

    buffer_init(&text, LOCAL_FILE_MAX_BYTES);
    if (read_checked(path, &text, &modified_ns, &error) == 0)
        (void)local_file_parse(text.bytes, text.size_bytes, &file, &error);
    if (!file)
        return error_set(ret_error, error.kind, "%s: %s", path, error.message);
    file->modified_ns = modified_ns;
    *ret_file = file;
    return 0;
}

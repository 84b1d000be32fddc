/* SPDX-License-Identifier: Apache-2.0 */

/* The file is read again when its state (inode, size, times) differs from that of the last reading, or when inotify has
 * told of a change: times are too coarse to show every one. Its folder is watched, not the file, because editors
 * save by renaming a new file over the old one. A file that cannot be read or parsed, because an editor is half-way
 * through or a comma is missing, changes nothing: the last good content goes on being served. */
#include "backend/local.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "backend/local_file.h"
#include "backend/local_table.h"
#include "base/log.h"

struct local {
    struct source source; /* first */
    char *path;           /* absolute: a daemon changes its working directory */
    char *description;
    int watch_fd; /* inotify, or -1 */
    atomic_bool told_of_change;

    pthread_mutex_t lock; /* protects what follows */
    struct local_table *table;
    struct stat state;                                    /* of the file when it was last looked at; zero: missing */
    char complaint[sizeof(((struct error *)0)->message)]; /* the last one logged, "" after a good reading */
};

static struct local *local_of(struct source *source)
{
    return (struct local *)source;
}

static bool is_same_state(const struct stat *a, const struct stat *b)
{
    return a->st_dev == b->st_dev && a->st_ino == b->st_ino && a->st_size == b->st_size && a->st_mode == b->st_mode &&
           a->st_mtim.tv_sec == b->st_mtim.tv_sec && a->st_mtim.tv_nsec == b->st_mtim.tv_nsec &&
           a->st_ctim.tv_sec == b->st_ctim.tv_sec && a->st_ctim.tv_nsec == b->st_ctim.tv_nsec;
}

static int read_file(struct local *local, struct error *ret_error)
{
    _cleanup_local_file_ struct local_file *file = NULL;
    int r = local_file_read(local->path, &file, ret_error);
    if (r < 0)
        return r;
    if (local_table_update(local->table, file) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "%s: out of memory", local->path);
    return 0;
}

/* Reads the file again if it may have changed. With the lock held. */
static void refresh(struct local *local)
{
    struct stat state = {0};
    struct error error;

    bool told = atomic_exchange(&local->told_of_change, false);
    (void)stat(local->path, &state);
    if (!told && is_same_state(&state, &local->state))
        return;
    local->state = state;
    if (read_file(local, &error) == 0) {
        local->complaint[0] = '\0';
    } else if (strcmp(local->complaint, error.message) != 0) {
        memcpy(local->complaint, error.message, sizeof(local->complaint));
        log_warning("%s; its last good content is still served", error.message);
    }
}

static int local_get(struct source *source, struct http *http, const struct value_request *request,
                     uint64_t deadline_ns, struct value **ret_value, struct error *ret_error)
{
    struct local *local = local_of(source);
    (void)http;
    (void)deadline_ns;

    (void)pthread_mutex_lock(&local->lock);
    refresh(local);
    int r = local_table_get(local->table, request, ret_value);
    (void)pthread_mutex_unlock(&local->lock);
    if (r == -ENOENT)
        return error_set(ret_error, ERROR_NOT_FOUND, "%s has no such secret or version", local->path);
    return r < 0 ? error_set(ret_error, ERROR_INTERNAL, "out of memory") : 0;
}

static void free_names(char **names)
{
    for (char **name = names; name && *name; name++)
        free(*name);
    free(names);
}

/* The names as they are now, so that callbacks run without the lock; ends in NULL. With the lock held. */
static char **copy_names(const struct local_table *table)
{
    size_t count = local_table_count(table);
    char **names = calloc(count + 1, sizeof(*names));
    for (size_t i = 0; names && i < count; i++) {
        names[i] = strdup(local_table_name(table, i));
        if (!names[i]) {
            free_names(names);
            return NULL;
        }
    }
    return names;
}

static bool has_prefix(const char *name, const char *const *prefixes, size_t prefix_count)
{
    for (size_t i = 0; i < prefix_count; i++) {
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    }
    return prefix_count == 0;
}

static int local_list(struct source *source, struct http *http, const char *const *prefixes, size_t prefix_count,
                      uint64_t deadline_ns, source_name_cb each, void *context, struct error *ret_error)
{
    struct local *local = local_of(source);
    (void)http;
    (void)deadline_ns;

    (void)pthread_mutex_lock(&local->lock);
    refresh(local);
    char **names = copy_names(local->table);
    (void)pthread_mutex_unlock(&local->lock);

    int r = names ? 0 : -ENOMEM;
    for (char **name = names; r == 0 && *name; name++) {
        if (has_prefix(*name, prefixes, prefix_count))
            r = each(context, *name);
    }
    free_names(names);
    if (r < 0)
        (void)error_set(ret_error, ERROR_INTERNAL, "the listing was given up: %s", strerror(-r));
    return r;
}

static int local_versions(struct source *source, struct http *http, const char *id, uint64_t deadline_ns,
                          source_version_cb each, void *context, struct error *ret_error)
{
    const struct value_request current_request = {.id = id, .stage = "AWSCURRENT"};
    const struct value_request previous_request = {.id = id, .stage = "AWSPREVIOUS"};
    struct local *local = local_of(source);
    _cleanup_value_ struct value *current = NULL;
    _cleanup_value_ struct value *previous = NULL;
    (void)http;
    (void)deadline_ns;

    (void)pthread_mutex_lock(&local->lock);
    refresh(local);
    int r = local_table_get(local->table, &current_request, &current);
    if (r == 0 && local_table_get(local->table, &previous_request, &previous) == -ENOMEM)
        r = -ENOMEM;
    (void)pthread_mutex_unlock(&local->lock);

    if (r == -ENOENT)
        return error_set(ret_error, ERROR_NOT_FOUND, "%s has no such secret", local->path);
    if (r == 0)
        r = each(context, current->version_id, current_request.stage);
    if (r == 0 && previous)
        r = each(context, previous->version_id, previous_request.stage);
    if (r < 0)
        (void)error_set(ret_error, ERROR_INTERNAL, "the listing was given up: %s", strerror(-r));
    return r;
}

static int local_change_fd(struct source *source)
{
    return local_of(source)->watch_fd;
}

static void local_change_drain(struct source *source, source_change_cb each, void *context)
{
    struct local *local = local_of(source);
    char events[4096];
    while (read(local->watch_fd, events, sizeof(events)) > 0)
        ;
    atomic_store(&local->told_of_change, true);
    each(context, NULL, NULL); /* which secrets have changed is seen when they are asked for */
}

static const char *local_describe(struct source *source)
{
    return local_of(source)->description;
}

static void local_free(struct source *source)
{
    struct local *local = local_of(source);
    if (local->watch_fd >= 0)
        (void)close(local->watch_fd);
    local_table_free(local->table);
    (void)pthread_mutex_destroy(&local->lock);
    free(local->path);
    free(local->description);
    free(local);
}

static const struct source_ops ops = {
    .get = local_get,
    .list = local_list,
    .versions = local_versions,
    .change_fd = local_change_fd,
    .change_drain = local_change_drain,
    .describe = local_describe,
    .free = local_free,
};

static char *make_absolute(const char *path)
{
    _cleanup_free_ char *folder = NULL;
    char *absolute;
    if (path[0] == '/')
        return strdup(path);
    folder = getcwd(NULL, 0);
    return folder && asprintf(&absolute, "%s/%s", folder, path) >= 0 ? absolute : NULL;
}

/* Returns an inotify descriptor, or -1: changes are then seen when a secret is checked. */
static int watch_folder(const char *path)
{
    _cleanup_close_ int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    _cleanup_free_ char *folder = strndup(path, (size_t)(strrchr(path, '/') - path) + 1);

    if (fd >= 0 && folder && inotify_add_watch(fd, folder, IN_CLOSE_WRITE | IN_MOVED_TO | IN_ATTRIB) >= 0)
        return steal_fd(&fd);
    log_warning("cannot watch the folder of %s (%s): changes are seen at the next check", path, strerror(errno));
    return -1;
}

int local_source_new(const char *path, struct source **ret_source, struct error *ret_error)
{
    struct local *local = calloc(1, sizeof(*local));
    _cleanup_source_ struct source *source = local ? &local->source : NULL;
    if (!local)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");

    local->source.ops = &ops;
    local->watch_fd = -1;
    (void)pthread_mutex_init(&local->lock, NULL);
    local->path = make_absolute(path);
    if (!local->path || local_table_new(&local->table) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    if (asprintf(&local->description, "local file %s", local->path) < 0) {
        local->description = NULL;
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    }
    /* Watched and looked at before it is read, so that no change falls in between. */
    local->watch_fd = watch_folder(local->path);
    (void)stat(local->path, &local->state);
    int r = read_file(local, ret_error);
    if (r < 0)
        return r;
    *ret_source = STEAL(source);
    return 0;
}

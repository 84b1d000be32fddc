/* SPDX-License-Identifier: Apache-2.0 */
#include "sync/entries.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static void clear_entry(struct entry *entry)
{
    free(entry->path);
    free(entry->target);
    secret_unref(entry->bytes);
}

void entries_clear(struct entries *entries)
{
    for (size_t i = 0; i < entries->count; i++)
        clear_entry(&entries->list[i]);
    free(entries->list);
    *entries = (struct entries){0};
}

int entries_add(struct entries *entries, const struct entry *entry)
{
    if (entries->count == entries->capacity) {
        size_t capacity = entries->capacity > 0 ? entries->capacity * 2 : 64;
        struct entry *list = reallocarray(entries->list, capacity, sizeof(*list));
        if (!list)
            return -ENOMEM;
        entries->list = list;
        entries->capacity = capacity;
    }
    struct entry copy = *entry;
    copy.path = strdup(entry->path);
    copy.target = entry->target ? strdup(entry->target) : NULL;
    copy.bytes = secret_ref(entry->bytes);
    if (!copy.path || (entry->target && !copy.target)) {
        clear_entry(&copy);
        return -ENOMEM;
    }
    entries->list[entries->count++] = copy;
    return 0;
}

/* --- order --- */

static unsigned rank(char c)
{
    return c == '\0' ? 0 : c == '/' ? 1 : (unsigned)(unsigned char)c + 1;
}

int entry_compare(const char *path, const char *other)
{
    while (*path != '\0' && *path == *other) {
        path++;
        other++;
    }
    return rank(*path) < rank(*other) ? -1 : rank(*path) > rank(*other);
}

static int compare(const void *a, const void *b)
{
    const struct entry *left = a;
    const struct entry *right = b;
    int order = entry_compare(left->path, right->path);
    if (order == 0)
        order = (right->kind == ENTRY_DIRECTORY) - (left->kind == ENTRY_DIRECTORY);
    return order != 0 ? order : left->doubtful - right->doubtful;
}

bool entry_is_below(const char *path, const char *directory)
{
    size_t bytes = strlen(directory);
    return strncmp(path, directory, bytes) == 0 && path[bytes] == '/';
}

void entries_sort(struct entries *entries)
{
    struct entry *list = entries->list;
    size_t kept = 0;
    if (entries->count > 0)
        qsort(list, entries->count, sizeof(*list), compare);
    for (size_t i = 0; i < entries->count; i++) {
        const struct entry *last = kept > 0 ? &list[kept - 1] : NULL;
        if (last && (strcmp(last->path, list[i].path) == 0 ||
                     (last->kind != ENTRY_DIRECTORY && entry_is_below(list[i].path, last->path))))
            clear_entry(&list[i]);
        else
            list[kept++] = list[i];
    }
    entries->count = kept;
}

size_t entries_first(const struct entries *entries, const char *path)
{
    size_t low = 0;
    size_t high = entries->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (entry_compare(entries->list[middle].path, path) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const struct entry *entries_find(const struct entries *entries, const char *path)
{
    size_t first = entries_first(entries, path);
    return first < entries->count && strcmp(entries->list[first].path, path) == 0 ? &entries->list[first] : NULL;
}

bool entry_is_same(const struct entry *a, const struct entry *b)
{
    if (a->kind != b->kind || a->doubtful || b->doubtful)
        return false;
    if (a->kind == ENTRY_LINK)
        return strcmp(a->target, b->target) == 0;
    return a->kind == ENTRY_DIRECTORY ||
           (a->size_bytes == b->size_bytes &&
            memcmp(secret_bytes(a->bytes) + a->offset, secret_bytes(b->bytes) + b->offset, a->size_bytes) == 0);
}

/* --- as a text --- */

int entries_write(const struct entries *entries, struct buffer *text)
{
    for (size_t i = 0; i < entries->count; i++) {
        const char kind[] = {(char)entries->list[i].kind, ' '};
        int r = buffer_append(text, kind, sizeof(kind));
        if (r >= 0)
            r = buffer_append(text, entries->list[i].path, strlen(entries->list[i].path) + 1);
        if (r < 0)
            return r;
    }
    return 0;
}

static bool is_safe_path(const char *path)
{
    while (true) {
        size_t bytes = strcspn(path, "/");
        bool dots = bytes <= 2 && strncmp(path, "..", bytes) == 0;
        if (bytes == 0 || bytes > 255 || dots)
            return false;
        if (path[bytes] == '\0')
            return true;
        path += bytes + 1;
    }
}

int entries_parse(const char *text, size_t text_bytes, struct entries *ret_entries)
{
    _cleanup_entries_ struct entries entries = {0};
    const char *end = text + text_bytes;
    for (const char *next; text < end; text = next) {
        const char *nul = memchr(text, '\0', (size_t)(end - text));
        if (!nul || nul - text < 3 || text[1] != ' ' || !strchr("dfl", text[0]) || !is_safe_path(text + 2))
            return -EBADMSG;
        if (entries.count > 0 && entry_compare(entries.list[entries.count - 1].path, text + 2) >= 0)
            return -EBADMSG;
        struct entry entry = {.path = (char *)(uintptr_t)(text + 2),
                              .kind = text[0] == 'd'   ? ENTRY_DIRECTORY
                                      : text[0] == 'f' ? ENTRY_FILE
                                                       : ENTRY_LINK,
                              .doubtful = true};
        int r = entries_add(&entries, &entry);
        if (r < 0)
            return r;
        next = nul + 1;
    }
    *ret_entries = entries;
    entries = (struct entries){0};
    return 0;
}

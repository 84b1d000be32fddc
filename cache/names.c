/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/names.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define NAME_COMPONENT_MAX_BYTES 255
#define TEXT_MAX_BYTES ((size_t)500 * 1000 * 1000)

/* Each name stands in `text` as one marker byte, its path and a NUL. */
enum {
    MARK_PLAIN = ' ',  /* a secret */
    MARK_SLASH = '/',  /* a secret whose name begins with a slash: marker and path are the name */
    MARK_PREFIX = '~', /* the directory of a pattern; sorts after the secrets of the same path */
};

struct names {
    atomic_uint references;
    size_t count;
    size_t skipped;
    uint32_t *offsets; /* of the marker bytes, in order of the paths */
    char *text;
};

struct names_builder {
    size_t count;
    size_t skipped;
    uint32_t *offsets;
    size_t offsets_capacity;
    char *text;
    size_t text_bytes;
    size_t text_capacity;
};

/* '/' sorts before everything else but the end. */
static unsigned rank(char c)
{
    return c == '\0' ? 0 : c == '/' ? 1 : (unsigned)(unsigned char)c + 1;
}

static int compare_paths(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    return rank(*a) < rank(*b) ? -1 : rank(*a) > rank(*b);
}

static int compare_offsets(const void *a, const void *b, void *text)
{
    const char *left = (const char *)text + *(const uint32_t *)a;
    const char *right = (const char *)text + *(const uint32_t *)b;
    int order = compare_paths(left + 1, right + 1);
    return order != 0 ? order : *left - *right;
}

int names_builder_new(struct names_builder **ret_builder)
{
    struct names_builder *builder = calloc(1, sizeof(*builder));
    if (!builder)
        return -ENOMEM;
    *ret_builder = builder;
    return 0;
}

void names_builder_free(struct names_builder *builder)
{
    if (!builder)
        return;
    free(builder->offsets);
    free(builder->text);
    free(builder);
}

static int grow(void **array, size_t *capacity, size_t needed, size_t element_bytes)
{
    if (needed <= *capacity)
        return 0;
    size_t larger = *capacity + *capacity / 2 + 1024;
    if (larger < needed)
        larger = needed;
    void *grown = reallocarray(*array, larger, element_bytes);
    if (!grown)
        return -ENOMEM;
    *array = grown;
    *capacity = larger;
    return 0;
}

/* Escaping can make a component longer: a leading dot and '%' become three bytes, an empty one becomes "%". */
static bool components_fit(const char *path)
{
    while (true) {
        size_t bytes = path[0] == '.' ? 2 : 0;
        const char *p = path;
        for (; *p != '\0' && *p != '/'; p++)
            bytes += *p == '%' ? 3 : 1;
        if (bytes > NAME_COMPONENT_MAX_BYTES)
            return false;
        if (*p == '\0')
            return true;
        path = p + 1;
    }
}

int names_builder_add(struct names_builder *builder, enum name_kind kind, const char *name)
{
    char mark = kind == NAME_PREFIX ? MARK_PREFIX : name[0] == '/' ? MARK_SLASH : MARK_PLAIN;
    const char *path = name[0] == '/' ? name + 1 : name;
    size_t bytes = strlen(path) + 2;
    if (bytes == 2 || !components_fit(path)) {
        builder->skipped++;
        return 0;
    }
    if (builder->text_bytes + bytes > TEXT_MAX_BYTES)
        return -EFBIG;
    int r = grow((void **)&builder->text, &builder->text_capacity, builder->text_bytes + bytes, 1);
    if (r < 0)
        return r;
    r = grow((void **)&builder->offsets, &builder->offsets_capacity, builder->count + 1, sizeof(uint32_t));
    if (r < 0)
        return r;
    builder->offsets[builder->count++] = (uint32_t)builder->text_bytes;
    builder->text[builder->text_bytes] = mark;
    memcpy(builder->text + builder->text_bytes + 1, path, bytes - 1);
    builder->text_bytes += bytes;
    return 0;
}

int names_builder_finish(struct names_builder *builder, struct names **ret_names)
{
    struct names *names = calloc(1, sizeof(*names));
    if (!names)
        return -ENOMEM;
    if (builder->count > 0)
        qsort_r(builder->offsets, builder->count, sizeof(uint32_t), compare_offsets, builder->text);
    size_t kept = 0;
    for (size_t i = 0; i < builder->count; i++) {
        const char *path = builder->text + builder->offsets[i] + 1;
        if (kept > 0 && strcmp(path, builder->text + builder->offsets[kept - 1] + 1) == 0)
            continue;
        builder->offsets[kept++] = builder->offsets[i];
    }
    atomic_init(&names->references, 1);
    names->count = kept;
    names->skipped = builder->skipped;
    names->offsets = STEAL(builder->offsets);
    names->text = STEAL(builder->text);
    *builder = (struct names_builder){0};
    *ret_names = names;
    return 0;
}

struct names *names_ref(struct names *names)
{
    if (names)
        (void)atomic_fetch_add_explicit(&names->references, 1, memory_order_relaxed);
    return names;
}

void names_unref(struct names *names)
{
    if (!names || atomic_fetch_sub_explicit(&names->references, 1, memory_order_acq_rel) != 1)
        return;
    free(names->offsets);
    free(names->text);
    free(names);
}

size_t names_count(const struct names *names)
{
    return names->count;
}

size_t names_skipped(const struct names *names)
{
    return names->skipped;
}

static const char *path_at(const struct names *names, size_t index)
{
    return names->text + names->offsets[index] + 1;
}

/* How `candidate` stands to the range of all paths that begin with `prefix`: before (-1), in (0), after (1). */
static int compare_prefix(const char *candidate, const char *prefix, size_t prefix_bytes)
{
    for (size_t i = 0; i < prefix_bytes; i++)
        if (candidate[i] != prefix[i])
            return rank(candidate[i]) < rank(prefix[i]) ? -1 : 1;
    return 0;
}

/* First index from `from` on whose path stands in or after (`after` false), or only after, the range. */
static size_t search(const struct names *names, size_t from, const char *prefix, size_t prefix_bytes, bool after)
{
    size_t low = from;
    size_t high = names->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_prefix(path_at(names, middle), prefix, prefix_bytes) < (after ? 1 : 0))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

const char *names_find(const struct names *names, const char *path, enum name_kind *ret_kind)
{
    size_t index = search(names, 0, path, strlen(path) + 1, false);
    if (index == names->count || strcmp(path_at(names, index), path) != 0)
        return NULL;
    const char *marked = names->text + names->offsets[index];
    if (ret_kind)
        *ret_kind = *marked == MARK_PREFIX ? NAME_PREFIX : NAME_SECRET;
    return *marked == MARK_SLASH ? marked : marked + 1;
}

/* The text that all paths below a directory begin with: "" for the root, else the path and a slash. A component may
 * be empty, so the path "" is not the root: that is NULL. */
struct below {
    const char *path;
    size_t bytes; /* with the slash */
};

static struct below below(const char *path)
{
    return (struct below){path, path ? strlen(path) + 1 : 0};
}

static bool is_below(const char *candidate, struct below directory)
{
    return directory.bytes == 0 ||
           (strncmp(candidate, directory.path, directory.bytes - 1) == 0 && candidate[directory.bytes - 1] == '/');
}

/* First index of a path below a directory, if there is one. The directory's own path comes right before it. */
static size_t first_below(const struct names *names, struct below directory)
{
    if (directory.bytes == 0)
        return 0;
    size_t index = search(names, 0, directory.path, directory.bytes, false);
    if (index < names->count && strcmp(path_at(names, index), directory.path) == 0)
        index++;
    return index;
}

bool names_has_below(const struct names *names, const char *path)
{
    size_t index = first_below(names, below(path));
    return index < names->count && is_below(path_at(names, index), below(path));
}

bool names_next_child(const struct names *names, const char *path, size_t *position, const char **ret_component,
                      size_t *ret_bytes)
{
    struct below directory = below(path);
    size_t index = *position > 0 ? *position : first_below(names, directory);
    if (index >= names->count || !is_below(path_at(names, index), directory))
        return false;
    const char *whole = path_at(names, index);
    const char *component = whole + directory.bytes;
    size_t bytes = strcspn(component, "/");

    /* The name itself first, if there is one, then all that lies below it. */
    size_t next = index;
    if (component[bytes] == '\0')
        next++;
    if (next < names->count && strncmp(path_at(names, next), whole, (size_t)(component - whole) + bytes) == 0 &&
        path_at(names, next)[(size_t)(component - whole) + bytes] == '/')
        next = search(names, next, path_at(names, next), (size_t)(component - whole) + bytes + 1, true);
    *position = next;
    *ret_component = component;
    *ret_bytes = bytes;
    return true;
}

void names_diff(const struct names *before, const struct names *after,
                void (*each)(void *context, const char *path, bool added), void *context)
{
    size_t before_count = before ? before->count : 0;
    size_t after_count = after ? after->count : 0;
    size_t b = 0;
    size_t a = 0;
    while (b < before_count || a < after_count) {
        int order = b == before_count  ? 1
                    : a == after_count ? -1
                                       : compare_paths(path_at(before, b), path_at(after, a));
        if (order < 0)
            each(context, path_at(before, b++), false);
        else if (order > 0)
            each(context, path_at(after, a++), true);
        else {
            b++;
            a++;
        }
    }
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/local_table.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define ARN_PREFIX "arn:aws:secretsmanager:local:000000000000:secret:"
#define ARN_SUFFIX_CHARACTERS 6

struct version {
    struct secret *bytes; /* NULL: there is no such version */
    uint64_t created_ns;
    unsigned number; /* counts the rotations of this secret */
};

struct item {
    char *name;
    struct version current;
    struct version previous;
};

struct local_table {
    struct item *items; /* sorted by name */
    size_t item_count;
};

int local_table_new(struct local_table **ret_table)
{
    struct local_table *table = calloc(1, sizeof(*table));
    if (!table)
        return -ENOMEM;
    *ret_table = table;
    return 0;
}

static void clear_items(struct local_table *table)
{
    for (size_t i = 0; i < table->item_count; i++) {
        free(table->items[i].name);
        secret_unref(table->items[i].current.bytes);
        secret_unref(table->items[i].previous.bytes);
    }
    free(table->items);
}

void local_table_free(struct local_table *table)
{
    if (!table)
        return;
    clear_items(table);
    free(table);
}

static int compare_name(const void *name, const void *item)
{
    return strcmp(name, ((const struct item *)item)->name);
}

static const struct item *find_name(const struct local_table *table, const char *name)
{
    if (table->item_count == 0)
        return NULL;
    return bsearch(name, table->items, table->item_count, sizeof(*table->items), compare_name);
}

static bool is_equal(const struct secret *a, const struct secret *b)
{
    return secret_size_bytes(a) == secret_size_bytes(b) &&
           memcmp(secret_bytes(a), secret_bytes(b), secret_size_bytes(a)) == 0;
}

static struct version version_ref(struct version version)
{
    if (version.bytes)
        (void)secret_ref(version.bytes);
    return version;
}

static int make_item(const struct local_entry *entry, uint64_t modified_ns, const struct item *old,
                     struct item *ret_item)
{
    struct item item = {.name = strdup(entry->name)};
    if (!item.name)
        return -ENOMEM;
    if (old && is_equal(old->current.bytes, entry->bytes)) {
        item.current = version_ref(old->current);
        item.previous = version_ref(old->previous);
    } else {
        item.current = (struct version){secret_ref(entry->bytes), modified_ns, old ? old->current.number + 1 : 0};
        if (old)
            item.previous = version_ref(old->current);
    }
    *ret_item = item;
    return 0;
}

int local_table_update(struct local_table *table, const struct local_file *file)
{
    struct local_table updated = {.items = calloc(file->entry_count > 0 ? file->entry_count : 1, sizeof(struct item))};
    int r = updated.items ? 0 : -ENOMEM;

    for (size_t i = 0; r == 0 && i < file->entry_count; i++) {
        const struct local_entry *entry = &file->entries[i];
        r = make_item(entry, file->modified_ns, find_name(table, entry->name), &updated.items[i]);
        if (r == 0)
            updated.item_count++;
    }
    if (r < 0) {
        clear_items(&updated);
        return r;
    }
    clear_items(table);
    *table = updated;
    return 0;
}

/* FNV-1a, 64 bits. */
static uint64_t hash(uint64_t basis, const void *bytes, size_t size_bytes)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size_bytes; i++)
        basis = (basis ^ byte[i]) * UINT64_C(0x100000001b3);
    return basis;
}

/* Six letters and digits that depend on the name alone. */
static void make_arn_suffix(const char *name, char ret_suffix[ARN_SUFFIX_CHARACTERS + 1])
{
    static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    uint64_t number = hash(UINT64_C(0xcbf29ce484222325), name, strlen(name));
    for (size_t i = 0; i < ARN_SUFFIX_CHARACTERS; i++, number /= sizeof(alphabet) - 1)
        ret_suffix[i] = alphabet[number % (sizeof(alphabet) - 1)];
    ret_suffix[ARN_SUFFIX_CHARACTERS] = '\0';
}

/* In the form of a UUID. It is made from name, time and number, not from the value: ids are shown freely, and a hash of
 * a short secret gives it away. */
static char *make_version_id(const char *name, const struct version *version)
{
    uint64_t numbers[] = {version->created_ns, version->number};
    uint64_t high = hash(hash(UINT64_C(0xcbf29ce484222325), name, strlen(name)), numbers, sizeof(numbers));
    uint64_t low = hash(high, name, strlen(name) + 1);
    char *id;
    if (asprintf(&id, "%08" PRIx64 "-%04" PRIx64 "-4%03" PRIx64 "-8%03" PRIx64 "-%012" PRIx64, high >> 32,
                 high >> 16 & 0xffff, high & 0xfff, low >> 52, low & UINT64_C(0xffffffffffff)) < 0)
        return NULL;
    return id;
}

/* By ARN, by ARN without suffix, or by name. */
static const struct item *find_id(const struct local_table *table, const char *id)
{
    if (strncmp(id, ARN_PREFIX, strlen(ARN_PREFIX)) != 0)
        return find_name(table, id);

    const char *name = id + strlen(ARN_PREFIX);
    size_t size = strlen(name);
    if (size > ARN_SUFFIX_CHARACTERS + 1 && name[size - ARN_SUFFIX_CHARACTERS - 1] == '-') {
        _cleanup_free_ char *short_name = strndup(name, size - ARN_SUFFIX_CHARACTERS - 1);
        const struct item *item = short_name ? find_name(table, short_name) : NULL;
        if (item) {
            char suffix[ARN_SUFFIX_CHARACTERS + 1];
            make_arn_suffix(item->name, suffix);
            if (strcmp(suffix, name + size - ARN_SUFFIX_CHARACTERS) == 0)
                return item;
        }
    }
    return find_name(table, name);
}

static int make_value(const struct item *item, const struct version *version, const char *stage, char **version_id,
                      struct value **ret_value)
{
    _cleanup_value_ struct value *value = value_new();
    char suffix[ARN_SUFFIX_CHARACTERS + 1];
    if (!value)
        return -ENOMEM;

    make_arn_suffix(item->name, suffix);
    if (asprintf(&value->arn, ARN_PREFIX "%s-%s", item->name, suffix) < 0)
        value->arn = NULL;
    value->name = strdup(item->name);
    value->stages[0] = strdup(stage);
    if (!value->arn || !value->name || !value->stages[0])
        return -ENOMEM;
    value->stage_count = 1;
    value->version_id = STEAL(*version_id);
    value->created_ns = version->created_ns;
    value->bytes = secret_ref(version->bytes);
    *ret_value = STEAL(value);
    return 0;
}

int local_table_get(const struct local_table *table, const struct value_request *request, struct value **ret_value)
{
    const struct item *item = find_id(table, request->id);
    if (!item)
        return -ENOENT;

    const struct {
        const struct version *version;
        const char *stage;
    } choices[] = {{&item->current, "AWSCURRENT"}, {&item->previous, "AWSPREVIOUS"}};
    const char *stage = request->stage || request->version_id ? request->stage : "AWSCURRENT";

    for (size_t i = 0; i < 2; i++) {
        if (!choices[i].version->bytes)
            continue;
        _cleanup_free_ char *id = make_version_id(item->name, choices[i].version);
        if (!id)
            return -ENOMEM;
        if ((!stage || strcmp(stage, choices[i].stage) == 0) &&
            (!request->version_id || strcmp(request->version_id, id) == 0))
            return make_value(item, choices[i].version, choices[i].stage, &id, ret_value);
    }
    return -ENOENT;
}

size_t local_table_count(const struct local_table *table)
{
    return table->item_count;
}

const char *local_table_name(const struct local_table *table, size_t index)
{
    return table->items[index].name;
}

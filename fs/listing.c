/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/listing.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct item {
    uint64_t number;
    mode_t type;
    size_t text; /* where the entry stands in the listing's text */
};

struct listing {
    struct item *items;
    size_t count;
    size_t capacity;
    char *text;
    size_t text_bytes;
    size_t text_capacity;
};

int listing_new(struct listing **ret_listing)
{
    struct listing *listing = calloc(1, sizeof(*listing));
    if (!listing)
        return -ENOMEM;
    *ret_listing = listing;
    return 0;
}

void listing_free(struct listing *listing)
{
    if (!listing)
        return;
    free(listing->items);
    free(listing->text);
    free(listing);
}

static int make_room(struct listing *listing, size_t bytes)
{
    if (listing->count == listing->capacity) {
        size_t capacity = listing->capacity * 2 + 16;
        struct item *items = reallocarray(listing->items, capacity, sizeof(*items));
        if (!items)
            return -ENOMEM;
        listing->items = items;
        listing->capacity = capacity;
    }
    if (listing->text_bytes + bytes > listing->text_capacity) {
        size_t capacity = listing->text_capacity * 2 + bytes + 256;
        char *text = realloc(listing->text, capacity);
        if (!text)
            return -ENOMEM;
        listing->text = text;
        listing->text_capacity = capacity;
    }
    return 0;
}

int listing_add(struct listing *listing, const char *entry, mode_t type, uint64_t number)
{
    size_t bytes = strlen(entry) + 1;
    int r = make_room(listing, bytes);
    if (r < 0)
        return r;
    memcpy(listing->text + listing->text_bytes, entry, bytes);
    listing->items[listing->count++] = (struct item){number, type, listing->text_bytes};
    listing->text_bytes += bytes;
    return 0;
}

size_t listing_count(const struct listing *listing)
{
    return listing->count;
}

const char *listing_at(const struct listing *listing, size_t index, mode_t *ret_type, uint64_t *ret_number)
{
    const struct item *item = &listing->items[index];
    *ret_type = item->type;
    *ret_number = item->number;
    return listing->text + item->text;
}

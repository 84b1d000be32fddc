/* SPDX-License-Identifier: Apache-2.0 */
#include "tree/name.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

static const struct {
    char byte;
    const char *escape;
} escapes[] = {{'/', "%2F"}, {'%', "%25"}, {'\0', "%00"}, {'.', "%2E"}};

/* The escape of a byte at a position, or NULL when it stands for itself. */
static const char *escape_of(char byte, size_t position)
{
    for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes); i++)
        if (escapes[i].byte == byte && (byte != '.' || position == 0))
            return escapes[i].escape;
    return NULL;
}

int name_escape(const char *component, size_t component_bytes, char ret_entry[NAME_MAX_BYTES + 1])
{
    char entry[NAME_MAX_BYTES + 1] = "%";
    size_t size = component_bytes == 0 ? 1 : 0;
    for (size_t i = 0; i < component_bytes; i++) {
        const char *escape = escape_of(component[i], i);
        size_t bytes = escape ? 3 : 1;
        if (size + bytes > NAME_MAX_BYTES)
            return -ENAMETOOLONG;
        memcpy(entry + size, escape ? escape : component + i, bytes);
        size += bytes;
    }
    entry[size] = '\0';
    memcpy(ret_entry, entry, size + 1);
    return 0;
}

int name_unescape(const char *entry, char ret_component[NAME_MAX_BYTES + 1], size_t *ret_bytes)
{
    char component[NAME_MAX_BYTES + 1];
    size_t size = 0;
    if (entry[0] == '\0' || strlen(entry) > NAME_MAX_BYTES)
        return -EINVAL;
    const char *p = strcmp(entry, "%") == 0 ? entry + 1 : entry;
    while (*p != '\0') {
        bool found = false;
        for (size_t i = 0; i < sizeof(escapes) / sizeof(*escapes) && !found; i++)
            if (strncmp(p, escapes[i].escape, 3) == 0 && escape_of(escapes[i].byte, size)) {
                component[size++] = escapes[i].byte;
                p += 3;
                found = true;
            }
        if (found)
            continue;
        if (escape_of(*p, size))
            return -EINVAL;
        component[size++] = *p++;
    }
    component[size] = '\0';
    memcpy(ret_component, component, size + 1);
    *ret_bytes = size;
    return 0;
}

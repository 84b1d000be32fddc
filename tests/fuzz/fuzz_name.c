/* SPDX-License-Identifier: Apache-2.0 */

/* Names are mapped one to one: the input is tried as a component and as an entry. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tree/name.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void check_component(const char *component, size_t component_bytes)
{
    char entry[NAME_MAX_BYTES + 1];
    char back[NAME_MAX_BYTES + 1];
    size_t back_bytes = SIZE_MAX;
    if (name_escape(component, component_bytes, entry) < 0) {
        assert(component_bytes > NAME_MAX_BYTES / 3);
        return;
    }
    assert(entry[0] != '\0' && entry[0] != '.' && strlen(entry) <= NAME_MAX_BYTES && !strchr(entry, '/'));
    int r = name_unescape(entry, back, &back_bytes);
    assert(r == 0 && back_bytes == component_bytes);
    assert(component_bytes == 0 || memcmp(back, component, component_bytes) == 0);
}

static void check_entry(const char *entry)
{
    char component[NAME_MAX_BYTES + 1];
    char back[NAME_MAX_BYTES + 1];
    size_t bytes = SIZE_MAX;
    if (name_unescape(entry, component, &bytes) < 0)
        return;
    assert(bytes <= strlen(entry) && component[bytes] == '\0');
    int r = name_escape(component, bytes, back);
    assert(r == 0 && strcmp(back, entry) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    _cleanup_free_ char *text = strndup((const char *)data, size_bytes);
    check_component((const char *)data, size_bytes);
    if (text)
        check_entry(text);
    return 0;
}

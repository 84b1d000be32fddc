/* SPDX-License-Identifier: Apache-2.0 */

/* Whatever is in .secretsfs/made: nothing in it leads out of the directory, and what is accepted is written the same.
 */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "sync/entries.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    _cleanup_entries_ struct entries entries = {0};
    _cleanup_buffer_ struct buffer text;
    buffer_init(&text, size + 1);
    if (entries_parse((const char *)data, size, &entries) < 0)
        return 0;
    for (size_t i = 0; i < entries.count; i++) {
        const char *path = entries.list[i].path;
        assert(path[0] != '/' && strcmp(path, "..") != 0 && strncmp(path, "../", 3) != 0 && !strstr(path, "/../"));
        assert(strlen(path) < 3 || strcmp(path + strlen(path) - 3, "/..") != 0);
    }
    assert(entries_write(&entries, &text) == 0 && text.size_bytes == size);
    assert(size == 0 || memcmp(text.bytes, data, size) == 0);
    entries_sort(&entries);
    return 0;
}

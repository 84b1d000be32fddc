/* SPDX-License-Identifier: Apache-2.0 */

/* What is parsed of /proc/self/mountinfo is terminated, and bounded by the line. */
#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "cli/mountinfo.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    struct mountinfo mount;
    if (mountinfo_parse((const char *)data, size_bytes, &mount) < 0)
        return 0;
    assert(strlen(mount.mountpoint) > 0 && strlen(mount.mountpoint) < size_bytes);
    assert(strlen(mount.type) > 0 && strlen(mount.type) < size_bytes);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Where to mount. Main thread. */

#include "base/error.h"

/* The absolute path; of a dead mount as well, which cannot be looked at itself. The caller frees it. NULL with errno.
 */
char *mountpoint_absolute(const char *path);

/* Will other mount namespaces see what is mounted at this absolute path? Returns 0, or -EINVAL with the error filled,
 * which says how to share it. It cannot see whether anybody is at the other end. */
int mountpoint_check_shared(const char *path, struct error *ret_error);

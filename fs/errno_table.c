/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/errno_table.h"

#include <errno.h>

int errno_of(enum error_kind kind)
{
    static const int table[ERROR_KIND_COUNT] = {
        [ERROR_NONE] = EIO,
        [ERROR_NOT_FOUND] = ENOENT,
        [ERROR_DELETED] = ENOENT,
        [ERROR_ACCESS_DENIED] = EACCES,
        [ERROR_KMS_DENIED] = EACCES,
        [ERROR_BAD_CREDENTIALS] = EACCES,
        [ERROR_NO_CREDENTIALS] = EKEYEXPIRED,
        [ERROR_EXPIRED_CREDENTIALS] = EKEYEXPIRED,
        [ERROR_CLOCK_SKEW] = EIO,
        [ERROR_THROTTLED] = EAGAIN,
        [ERROR_TIMEOUT] = ETIMEDOUT,
        [ERROR_UNREACHABLE] = ETIMEDOUT,
        [ERROR_TLS] = EIO,
        [ERROR_SERVER] = EIO,
        [ERROR_BAD_REQUEST] = EIO,
        [ERROR_BAD_ANSWER] = EIO,
        [ERROR_INTERNAL] = EIO,
    };
    return table[kind];
}

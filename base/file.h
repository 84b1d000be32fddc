/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reading of whole small files, which may hold secrets. Any thread. */

#include "base/buffer.h"

/* Appends all of the file to `content`, through nothing that is not wiped. A FIFO cannot hold the caller up. Returns 0,
 * a negative errno, or -EFBIG when there is more than fits; then `content` holds a part. */
__attribute__((warn_unused_result)) int file_read(const char *path, struct buffer *content);

/* The same from the descriptor's position on. */
__attribute__((warn_unused_result)) int file_read_fd(int fd, struct buffer *content);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Reading from and writing to /dev/fuse on behalf of libfuse; see device.c. */

struct fuse_session;

/* Lets the session use `fd`, which it closes at its end, in place of fuse_session_mount(); or goes over to it after
 * that, with the session's own descriptor. The session's user data must be a struct fs. Main thread. Returns 0 or a
 * negative errno. */
int device_use(struct fuse_session *session, int fd);

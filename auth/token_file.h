/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Files in which the AWS CLI leaves what a person has signed in for. The CLI, SDKs and other mounts read and replace
 * them too. Blocking, on a fetcher thread. */

#include "auth/environment.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/http.h"

/* DIRECTORY/HEX.json, where HEX is the digest ("SHA1", "SHA256") of `name`; "~" as in environment_path(). Returns 0, or
 * a negative errno with the error filled. */
int token_file_path(const struct environment *environment, const char *directory, const char *digest, const char *name,
                    char **ret_path, struct error *ret_error);

/* The whole file in place of what is in `ret_text`. Returns 0, or a negative errno: -ENOENT, -EFBIG, ... */
int token_file_read(const char *path, struct buffer *ret_text);

struct token_refresh {
    const char *path;
    struct http *http;
    uint64_t deadline_ns;
    uint64_t fresh_ns; /* what expires later (wall clock) needs no refresh */

    /* When a text expires; 0 for what is no token. */
    uint64_t (*expiry)(const struct buffer *text);

    /* Asks for new tokens and makes the new text. Returns 0, or a negative errno with the error filled. */
    int (*renew)(void *context, const struct buffer *text, uint64_t deadline_ns, struct buffer *ret_text,
                 struct error *ret_error);
    void *context;
};

/* Replaces `text`, which is what the file holds, by what another process has put there, or else by new tokens, which
 * are written to the file. Returns 0, or a negative errno with the error filled and `text` as it was: -EROFS before
 * renew() is called where the file could not be replaced afterwards. While `text` has not expired, this takes no more
 * than half of the time that is left. */
int token_file_refresh(const struct token_refresh *refresh, struct buffer *text, struct error *ret_error);

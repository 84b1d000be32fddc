/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Proof that the sender of a request holds a private key: a JSON Web Token of RFC 9449, signed with ES256. */

#include <stdint.h>

#include "base/buffer.h"

/* Appends the proof for a POST to `url`. `key_pem` is a private key on the curve P-256 (SEC 1 or PKCS #8), `time_ns`
 * the wall clock. Returns 0, -EBADMSG (no such key), -EFBIG, -ENOMEM, or -EIO where OpenSSL fails. Any thread. */
int dpop_proof(const char *key_pem, const char *url, uint64_t time_ns, struct buffer *ret_proof);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* AWS Signature Version 4 in the Authorization header, for requests with the path "/" and no query (AWS JSON
 * and query protocols). Pure: no clock, no I/O; any thread. */

#include <stddef.h>
#include <stdint.h>

#include "auth/credentials.h"
#include "base/buffer.h"

struct sigv4_header {
    const char *name; /* lower case */
    const char *value;
};

struct sigv4_request {
    const char *method;
    const char *host;                   /* as in the Host line: with the port where it is not the default */
    const struct sigv4_header *headers; /* to be signed besides host, x-amz-date and x-amz-security-token; any order */
    size_t header_count;
    const void *body;
    size_t body_bytes;
    const char *region;
    const char *service;
    uint64_t time_ns; /* wall clock */
};

#define SIGV4_DATE_BYTES sizeof("YYYYMMDDTHHMMSSZ")

/* The value of X-Amz-Date for an instant. */
void sigv4_date(uint64_t time_ns, char ret_date[SIGV4_DATE_BYTES]);

/* Appends the value of the Authorization header to `ret_authorization`. The caller must send exactly the signed
 * headers, X-Amz-Date as sigv4_date() gives it, and X-Amz-Security-Token when the credentials have a token.
 * Returns 0, -EINVAL (too many headers), -EFBIG or -ENOMEM. */
int sigv4_authorize(const struct sigv4_request *request, const struct credentials *credentials,
                    struct buffer *ret_authorization);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Why a call to a source of secrets failed. The kinds are what the rest of the program decides on: whether
 * to believe the answer, to retry, to serve a stale value, and (in fs/errno.c alone) which errno a reader
 * gets. A struct error is a plain value; it never holds bytes of a secret. */

#include <stdbool.h>

enum error_kind {
    ERROR_NONE = 0,
    /* Definite: AWS has answered, and the answer is no. */
    ERROR_NOT_FOUND,
    ERROR_DELETED, /* marked for deletion; RestoreSecret can bring it back */
    ERROR_ACCESS_DENIED,
    ERROR_KMS_DENIED,
    /* Not an answer: a value that is known may still be served. */
    ERROR_BAD_CREDENTIALS,
    ERROR_NO_CREDENTIALS,
    ERROR_EXPIRED_CREDENTIALS,
    ERROR_CLOCK_SKEW,
    ERROR_THROTTLED,
    ERROR_TIMEOUT,
    ERROR_UNREACHABLE, /* name resolution, connection refused or reset */
    ERROR_TLS,
    ERROR_SERVER,      /* 5xx, InternalServiceError */
    ERROR_BAD_REQUEST, /* the service refuses our parameters, or the configuration is unusable */
    ERROR_BAD_ANSWER,
    ERROR_INTERNAL, /* out of memory and the like */
    ERROR_KIND_COUNT
};

struct error {
    enum error_kind kind;
    char code[64];       /* the service's own code, "AccessDeniedException", or "" */
    char request_id[64]; /* x-amzn-RequestId, or "" */
    char message[512];   /* one line for people, printable ASCII only */
    bool complete;       /* the message tells where and what to do: nothing needs to be put behind it */
};

/* Fills `error` (which may be NULL) from a printf format; code and request id become "", and it is not complete. The
 * message is cut to fit, and other than printable ASCII becomes '?'. Returns a negative errno that stands for the kind,
 * so that callers can write `return error_set(...)`. Any thread. */
int error_set(struct error *error, enum error_kind kind, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Copies untrusted text into one of the fixed fields above: cut to fit, what is not printable ASCII replaced. */
void error_copy_text(char *field, unsigned long field_bytes, const char *text, unsigned long text_bytes);

/* True for answers that are believed at once, even against a cached value. */
bool error_is_definite(enum error_kind kind);

/* A stable lower-case word, "access-denied", for logs and status. */
const char *error_kind_name(enum error_kind kind);

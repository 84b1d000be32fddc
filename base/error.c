/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    int result; /* what functions of the lower layers return; readers get theirs from fs/errno.c */
    bool definite;
} kinds[ERROR_KIND_COUNT] = {
    [ERROR_NONE] = {"none", -EIO, false},
    [ERROR_NOT_FOUND] = {"not-found", -ENOENT, true},
    [ERROR_DELETED] = {"marked-for-deletion", -ENOENT, true},
    [ERROR_ACCESS_DENIED] = {"access-denied", -EACCES, true},
    [ERROR_KMS_DENIED] = {"kms-denied", -EACCES, true},
    [ERROR_BAD_CREDENTIALS] = {"bad-credentials", -EACCES, false},
    [ERROR_NO_CREDENTIALS] = {"no-credentials", -ENOKEY, false},
    [ERROR_EXPIRED_CREDENTIALS] = {"expired-credentials", -EKEYEXPIRED, false},
    [ERROR_CLOCK_SKEW] = {"clock-skew", -EIO, false},
    [ERROR_THROTTLED] = {"throttled", -EAGAIN, false},
    [ERROR_TIMEOUT] = {"timeout", -ETIMEDOUT, false},
    [ERROR_UNREACHABLE] = {"unreachable", -EHOSTUNREACH, false},
    [ERROR_TLS] = {"tls", -EPROTO, false},
    [ERROR_SERVER] = {"server-error", -EREMOTEIO, false},
    [ERROR_BAD_REQUEST] = {"bad-request", -EINVAL, false},
    [ERROR_BAD_ANSWER] = {"bad-answer", -EBADMSG, false},
    [ERROR_INTERNAL] = {"internal", -EIO, false},
};

void error_copy_text(char *field, unsigned long field_bytes, const char *text, unsigned long text_bytes)
{
    unsigned long size = text_bytes < field_bytes - 1 ? text_bytes : field_bytes - 1;
    for (unsigned long i = 0; i < size; i++)
        field[i] = text[i] < ' ' || text[i] > '~' ? '?' : text[i]; /* char may be signed: other bytes as well */
    field[size] = '\0';
}

int error_set(struct error *error, enum error_kind kind, const char *format, ...)
{
    if (error) {
        char text[sizeof(error->message)];
        va_list arguments;
        va_start(arguments, format);
        (void)vsnprintf(text, sizeof(text), format, arguments);
        va_end(arguments);
        *error = (struct error){.kind = kind};
        error_copy_text(error->message, sizeof(error->message), text, strlen(text));
    }
    return kinds[kind].result;
}

bool error_is_definite(enum error_kind kind)
{
    return kinds[kind].definite;
}

const char *error_kind_name(enum error_kind kind)
{
    return kinds[kind].name;
}

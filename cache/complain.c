/* SPDX-License-Identifier: Apache-2.0 */
#include "cache/complain.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/log.h"

#define REPEAT_AFTER_NS (600 * NS_PER_SEC)

/* "access denied (AccessDeniedException, request id 1-2-3): the message" */
static void describe(const struct error *error, char *text, size_t text_bytes)
{
    (void)snprintf(text, text_bytes, "%s%s%s%s%s%s: %s", error_kind_name(error->kind),
                   error->code[0] || error->request_id[0] ? " (" : "", error->code,
                   error->request_id[0] ? (error->code[0] ? ", request id " : "request id ") : "", error->request_id,
                   error->code[0] || error->request_id[0] ? ")" : "", error->message);
}

static bool is_news(struct complaint *complaint, enum error_kind kind)
{
    uint64_t now_ns = clock_monotonic_ns();
    if (complaint->kind == kind && now_ns - complaint->said_ns < REPEAT_AFTER_NS)
        return false;
    complaint->kind = kind;
    complaint->said_ns = now_ns;
    return true;
}

void complaint_read(struct complaint *complaint, const char *id, const struct error *error, bool served)
{
    char text[sizeof(*error) + 64];
    if (!is_news(complaint, error->kind))
        return;
    describe(error, text, sizeof(text));
    if (served && error_is_definite(error->kind))
        log_warning("secret \"%s\" is gone: %s", id, text);
    else if (served)
        log_warning("cannot check secret \"%s\", serving the last value: %s", id, text);
    else if (error->kind == ERROR_NOT_FOUND) /* any program may look for any name */
        log_info("cannot read secret \"%s\": %s", id, text);
    else
        log_warning("cannot read secret \"%s\": %s", id, text);
}

void complaint_list(struct complaint *complaint, const struct error *error, bool no_scope)
{
    char text[sizeof(*error) + 64];
    if (!is_news(complaint, error->kind))
        return;
    describe(error, text, sizeof(text));
    if (error->kind == ERROR_ACCESS_DENIED)
        log_warning("names cannot be listed, secrets are still found by name%s: %s",
                    no_scope
                        ? " if it has no slash; for names with slashes allow secretsmanager:ListSecrets or say what "
                          "exists with --secret NAME or --secret 'PREFIX/*'"
                        : "",
                    text);
    else
        log_warning("names cannot be listed now, it will be tried again: %s", text);
}

void complaint_skipped(struct complaint *complaint, size_t skipped)
{
    if (skipped == complaint->skipped)
        return;
    complaint->skipped = skipped;
    log_warning("%zu names have a component that is longer than a directory entry (255 bytes) and are not shown",
                skipped);
}

void complaint_settle(struct complaint *complaint, const char *id)
{
    if (complaint->kind == ERROR_NONE)
        return;
    complaint->kind = ERROR_NONE;
    if (id)
        log_info("secret \"%s\" can be read again", id);
    else
        log_info("names can be listed again");
}

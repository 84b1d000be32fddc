/* SPDX-License-Identifier: Apache-2.0 */

/* What to do about a failure, for the log. */
#include <stdio.h>
#include <string.h>

#include "backend/secretsmanager_internal.h"

/* A message of AWS is cut to this, so that our advice finds room behind it. */
#define MAX_REASON_BYTES 200

int secretsmanager_advise(struct error *error, const char *advice, const char *region, const char *endpoint)
{
    struct error said = *error;
    size_t size = strlen(said.message);
    bool cut = advice[0] && size > MAX_REASON_BYTES;

    if (error->complete)
        return error_set(NULL, said.kind, "%s", said.message); /* the number alone */
    if (cut)
        size = MAX_REASON_BYTES;
    else if (advice[0] && size > 0 && said.message[size - 1] == '.')
        size--;
    int r = error_set(error, said.kind, "%.*s%s%s%s (region %s, endpoint %s)", (int)size, said.message,
                      cut ? "..." : "", advice[0] ? "; " : "", advice, region, endpoint);
    memcpy(error->code, said.code, sizeof(error->code));
    memcpy(error->request_id, said.request_id, sizeof(error->request_id));
    return r;
}

const char *secretsmanager_common_advice(enum error_kind kind)
{
    switch ((int)kind) {
    case ERROR_BAD_CREDENTIALS:
        return "check access key, secret key and session token";
    case ERROR_EXPIRED_CREDENTIALS:
        return "renew the credentials";
    case ERROR_CLOCK_SKEW:
        return "set the clock of this machine";
    case ERROR_THROTTLED:
        return "call less often (--ttl, --poll) or ask for fewer secrets";
    default:
        return "";
    }
}

int secretsmanager_explain(const struct secretsmanager *manager, const char *action, const struct secret_id *id,
                           const char *region, struct error *error)
{
    char pattern[256], advice[320] = "";
    _cleanup_free_ char *endpoint = NULL;

    switch ((int)error->kind) {
    case ERROR_ACCESS_DENIED:
        secret_id_pattern(id, region, pattern, sizeof(pattern));
        (void)snprintf(advice, sizeof(advice), "allow secretsmanager:%s on %s", action, pattern);
        break;
    case ERROR_KMS_DENIED:
        (void)snprintf(advice, sizeof(advice), "allow kms:Decrypt on the secret's key and see that it is enabled");
        break;
    case ERROR_NOT_FOUND:
        (void)snprintf(advice, sizeof(advice), "check name, region and account");
        break;
    case ERROR_DELETED:
        (void)snprintf(advice, sizeof(advice), "secretsmanager:RestoreSecret brings it back");
        break;
    default:
        (void)snprintf(advice, sizeof(advice), "%s", secretsmanager_common_advice(error->kind));
        break;
    }
    /* The other region of an ARN has an endpoint of its own. */
    (void)aws_session_endpoint(wire_session(manager->wire), SECRETSMANAGER_SERVICE, region, &endpoint, NULL);
    return secretsmanager_advise(error, advice, region, endpoint ? endpoint : manager->endpoint);
}

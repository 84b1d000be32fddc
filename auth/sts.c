/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sts.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/call.h"
#include "auth/form.h"
#include "auth/sts_answer.h"
#include "base/clock.h"
#include "base/file.h"

#define SERVICE "sts"
#define VERSION "2011-06-15"
#define MAX_BODY_BYTES ((size_t)128 * 1024)
#define MAX_ANSWER_BYTES ((size_t)64 * 1024)
#define MAX_TOKEN_BYTES 20000 /* as STS has it */

/* In an error, so that the remedy finds room. */
#define MAX_SUBJECT_BYTES 250
#define MAX_REASON_BYTES 130

/* One request to be made. */
struct sts_call {
    const struct provider_context *context;
    const struct credentials *credentials; /* NULL: unsigned */
    const char *subject;                   /* of the sentence that tells a failure: "cannot assume role X" */
    struct buffer body;
    char *url;
};

static void sts_call_clear(struct sts_call *call)
{
    buffer_clear(&call->body);
    free(call->url);
}

static int out_of_memory(struct error *ret_error)
{
    return error_set(ret_error, ERROR_INTERNAL, "out of memory");
}

static int begin(struct sts_call *call, const char *action, struct error *ret_error)
{
    buffer_init(&call->body, MAX_BODY_BYTES);
    int r = endpoint_find(call->context->endpoints, SERVICE, call->context->region, &call->url, ret_error);
    if (r < 0)
        return r;
    if (form_add(&call->body, "Action", action) < 0 || form_add(&call->body, "Version", VERSION) < 0)
        return out_of_memory(ret_error);
    return 0;
}

static int add_role(struct sts_call *call, const struct sts_role *role, struct error *ret_error)
{
    char made[64], duration[16];
    (void)snprintf(made, sizeof(made), "secretsfs-%ju", (uintmax_t)(clock_wall_ns() / NS_PER_SEC));
    (void)snprintf(duration, sizeof(duration), "%u", role->duration_seconds);
    int r = form_add(&call->body, "RoleArn", role->role_arn);
    if (r == 0)
        r = form_add(&call->body, "RoleSessionName", role->session_name ? role->session_name : made);
    if (r == 0)
        r = form_add(&call->body, "ExternalId", role->external_id);
    if (r == 0 && role->duration_seconds > 0)
        r = form_add(&call->body, "DurationSeconds", duration);
    if (r == -EFBIG)
        return error_set(ret_error, ERROR_NO_CREDENTIALS, "the name of a role is too long: %s", role->role_arn);
    return r < 0 ? out_of_memory(ret_error) : 0;
}

/* What to do about it. */
static const char *remedy(const struct error *error, bool signed_call)
{
    if (strcmp(error->code, "AccessDenied") == 0 || strcmp(error->code, "AccessDeniedException") == 0)
        return signed_call ? "allow sts:AssumeRole on this role in the caller's policy, and the caller (with this "
                             "external id, if it asks for one) in the role's trust policy"
                           : "allow sts:AssumeRoleWithWebIdentity in the role's trust policy to the token's issuer, "
                             "with the subject and audience of the token";
    if (strcmp(error->code, "ExpiredTokenException") == 0 && !signed_call)
        return "see that whoever writes the token file renews it";
    if (strcmp(error->code, "InvalidIdentityToken") == 0)
        return "see that the file holds the token, and that IAM has its issuer as an identity provider";
    if (strcmp(error->code, "RegionDisabledException") == 0)
        return "activate STS for this region in the account settings of IAM, or use another region";
    switch ((int)error->kind) {
    case ERROR_EXPIRED_CREDENTIALS:
        return "renew the credentials that it is done with";
    case ERROR_BAD_CREDENTIALS:
        return "check the credentials that it is done with";
    case ERROR_CLOCK_SKEW:
        return "set the clock of this machine";
    default:
        return "";
    }
}

/* Puts around the reason what could not be done, where, and what to do. Believed at once is only what AWS says of a
 * secret; a role that is denied leaves us without credentials. */
static int fail(const struct sts_call *call, const struct error *said, struct error *ret_error)
{
    const char *advice = remedy(said, call->credentials != NULL);
    enum error_kind kind = error_is_definite(said->kind) ? ERROR_NO_CREDENTIALS : said->kind;
    size_t size = strlen(said->message);
    bool cut = advice[0] && size > MAX_REASON_BYTES;

    if (cut)
        size = MAX_REASON_BYTES;
    else if (advice[0] && size > 0 && said->message[size - 1] == '.')
        size--;
    int r = error_set(ret_error, kind, "%.*s at %s: %.*s%s%s%s", MAX_SUBJECT_BYTES, call->subject, call->url, (int)size,
                      said->message, cut ? "..." : "", advice[0] ? "; " : "", advice);
    if (ret_error) {
        memcpy(ret_error->code, said->code, sizeof(said->code));
        memcpy(ret_error->request_id, said->request_id, sizeof(said->request_id));
    }
    return r;
}

static int perform(const struct sts_call *call, struct http *http, uint64_t deadline_ns, struct buffer *ret_answer,
                   struct error *ret_error)
{
    const struct provider_context *context = call->context;
    const struct aws_call request = {
        .service = SERVICE,
        .region = context->region,
        .url = call->url,
        .content_type = "application/x-www-form-urlencoded; charset=utf-8",
        .body = call->body.bytes,
        .body_bytes = call->body.size_bytes,
        .max_answer_bytes = MAX_ANSWER_BYTES,
        .max_attempts = context->max_attempts,
        .ca_bundle = context->ca_bundle,
        .bucket = context->bucket,
        .clock = context->clock,
    };
    struct error error = {.kind = ERROR_NONE};
    int r = aws_call_perform(&request, call->credentials, http, deadline_ns, ret_answer, &error);
    return r < 0 ? fail(call, &error, ret_error) : 0;
}

/* STS tells the time by its own clock, and whoever looks at it does by ours. */
static uint64_t by_our_clock(struct signing_clock *clock, uint64_t wall_ns)
{
    int64_t offset_ns = atomic_load(&clock->offset_ns);
    if (offset_ns > 0)
        return wall_ns == CLOCK_NEVER_NS ? wall_ns : wall_ns > (uint64_t)offset_ns ? wall_ns - (uint64_t)offset_ns : 0;
    uint64_t ahead_ns = (uint64_t)-offset_ns;
    return wall_ns < CLOCK_NEVER_NS - ahead_ns ? wall_ns + ahead_ns : CLOCK_NEVER_NS;
}

/* Sends the request and takes credentials out of the answer. */
static int get_credentials(const struct sts_call *call, struct http *http, const char *provider, uint64_t deadline_ns,
                           struct credentials **ret_credentials, struct error *ret_error)
{
    _cleanup_buffer_ struct buffer answer = {0};
    _cleanup_credentials_ struct credentials *credentials = NULL;
    struct error error = {.kind = ERROR_NONE};

    int r = perform(call, http, deadline_ns, &answer, ret_error);
    if (r < 0)
        return r;
    r = sts_answer_credentials(answer.bytes, answer.size_bytes, provider, &credentials, &error);
    if (r < 0)
        return fail(call, &error, ret_error);
    credentials->expires_ns = by_our_clock(call->context->clock, credentials->expires_ns);
    *ret_credentials = STEAL(credentials);
    return 0;
}

int sts_assume_role(const struct provider_context *context, struct http *http, const struct credentials *source,
                    const struct sts_role *role, const char *provider, uint64_t deadline_ns,
                    struct credentials **ret_credentials, struct error *ret_error)
{
    char subject[MAX_SUBJECT_BYTES];
    (void)snprintf(subject, sizeof(subject), "cannot assume role %s (with credentials of %s)", role->role_arn,
                   source->provider);
    _cleanup_(sts_call_clear) struct sts_call call = {.context = context, .credentials = source, .subject = subject};
    int r = begin(&call, "AssumeRole", ret_error);
    if (r == 0)
        r = add_role(&call, role, ret_error);
    if (r == 0)
        r = get_credentials(&call, http, provider, deadline_ns, ret_credentials, ret_error);
    return r;
}

/* Adds what the file holds. The SDKs send the end of its last line too; it is no part of any token. */
static int add_token(struct sts_call *call, const char *path, struct error *ret_error)
{
    _cleanup_buffer_ struct buffer token;
    buffer_init(&token, MAX_TOKEN_BYTES + 2);
    int r = file_read(path, &token);
    size_t size = token.size_bytes;
    while (r == 0 && size > 0 && memchr("\r\n", token.bytes[size - 1], 2))
        token.bytes[--size] = '\0';
    if (r == -EFBIG || size > MAX_TOKEN_BYTES)
        return error_set(ret_error, ERROR_NO_CREDENTIALS, "the web identity token in %s is over %d bytes long", path,
                         MAX_TOKEN_BYTES);
    if (r < 0)
        return error_set(ret_error, ERROR_NO_CREDENTIALS, "cannot read the web identity token file %s: %s", path,
                         strerror(-r));
    if (size == 0 || memchr(token.bytes, '\0', size))
        return error_set(ret_error, ERROR_NO_CREDENTIALS, "the web identity token file %s %s", path,
                         size == 0 ? "is empty" : "does not hold text");
    return form_add(&call->body, "WebIdentityToken", token.bytes) < 0 ? out_of_memory(ret_error) : 0;
}

int sts_assume_role_with_web_identity(const struct provider_context *context, struct http *http,
                                      const struct sts_role *role, const char *token_file, const char *provider,
                                      uint64_t deadline_ns, struct credentials **ret_credentials,
                                      struct error *ret_error)
{
    char subject[MAX_SUBJECT_BYTES];
    (void)snprintf(subject, sizeof(subject), "cannot assume role %s with the token in %s", role->role_arn, token_file);
    _cleanup_(sts_call_clear) struct sts_call call = {.context = context, .subject = subject};
    int r = begin(&call, "AssumeRoleWithWebIdentity", ret_error);
    if (r == 0)
        r = add_role(&call, role, ret_error);
    if (r == 0)
        r = add_token(&call, token_file, ret_error);
    if (r == 0)
        r = get_credentials(&call, http, provider, deadline_ns, ret_credentials, ret_error);
    return r;
}

int sts_get_caller_identity(const struct provider_context *context, struct http *http,
                            const struct credentials *credentials, uint64_t deadline_ns,
                            struct sts_identity *ret_identity, struct error *ret_error)
{
    _cleanup_buffer_ struct buffer answer = {0};
    _cleanup_(sts_call_clear) struct sts_call call = {
        .context = context, .credentials = credentials, .subject = "cannot ask for our identity"};
    struct error error = {.kind = ERROR_NONE};
    int r = begin(&call, "GetCallerIdentity", ret_error);
    if (r == 0)
        r = perform(&call, http, deadline_ns, &answer, ret_error);
    if (r < 0)
        return r;
    r = sts_answer_identity(answer.bytes, answer.size_bytes, ret_identity, &error);
    return r < 0 ? fail(&call, &error, ret_error) : 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/providers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/credentials_json.h"
#include "auth/imds.h"
#include "base/clock.h"

#define ROLE_PATH "/latest/meta-data/iam/security-credentials/"
#define MAX_ROLE_BYTES 64

/* Credentials that the service gives although they have expired count for 10 to 15 minutes more. */
#define EXTENSION_SECONDS 600
#define EXTENSION_JITTER_SECONDS 300

struct imds_provider {
    struct credentials_provider base;
    struct imds *imds;
};

/* The first line names the role; the name becomes part of a URL. */
static bool take_role(const struct buffer *list, char ret_role[MAX_ROLE_BYTES + 1])
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+=,.@_-";
    if (!list->bytes)
        return false;
    size_t size_bytes = strspn(list->bytes, allowed);
    if (size_bytes == 0 || size_bytes > MAX_ROLE_BYTES || !strchr("\r\n", list->bytes[size_bytes])) /* or the end */
        return false;
    memcpy(ret_role, list->bytes, size_bytes);
    ret_role[size_bytes] = '\0';
    return true;
}

static int find_role(const struct imds_provider *provider, struct http *http, uint64_t deadline_ns,
                     char ret_role[MAX_ROLE_BYTES + 1], struct error *ret_error)
{
    _cleanup_buffer_ struct buffer list;
    buffer_init(&list, IMDS_MAX_ANSWER_BYTES);
    int r = imds_get(provider->imds, http, ROLE_PATH, deadline_ns, &list, ret_error);
    if (r == 0 && !list.size_bytes) {
        (void)error_set(ret_error, ERROR_NO_CREDENTIALS, "the instance has no role: attach an instance profile");
        return -ENODATA;
    }
    if (r == 0 && !take_role(&list, ret_role))
        return error_set(ret_error, ERROR_BAD_ANSWER,
                         "the instance metadata service answers with what is not the name of a role");
    return r;
}

/* When EC2 cannot renew them, the service goes on giving the old ones, and AWS may go on accepting them. So they are
 * used, and asked for again later; AWS decides. */
static void extend(struct credentials *credentials)
{
    uint64_t now_ns = clock_wall_ns();
    if (credentials->expires_ns <= now_ns)
        credentials->expires_ns =
            now_ns + (EXTENSION_SECONDS + arc4random_uniform(EXTENSION_JITTER_SECONDS)) * NS_PER_SEC;
}

static int read_answer(const struct imds_provider *provider, const struct buffer *answer, const char *role,
                       struct credentials **ret_credentials, struct error *ret_error)
{
    char code[64] = "", text[160] = "";
    if (credentials_json_text(answer->bytes, answer->size_bytes, "Code", code, sizeof(code)) &&
        strcasecmp(code, "Success") != 0) {
        (void)credentials_json_text(answer->bytes, answer->size_bytes, "Message", text, sizeof(text));
        return error_set(ret_error, ERROR_NO_CREDENTIALS,
                         "the instance has no credentials for its role %s (%s%s%s); check that the role exists and "
                         "trusts ec2.amazonaws.com",
                         role, code, text[0] ? ": " : "", text);
    }
    int r = credentials_json_parse(answer->bytes, answer->size_bytes, "Token", provider->base.ops->name,
                                   ret_credentials, ret_error);
    if (r < 0) {
        struct error said = *ret_error;
        return error_set(ret_error, said.kind, "the instance metadata service, role %s: %s", role, said.message);
    }
    extend(*ret_credentials);
    return 0;
}

static int imds_fetch(struct credentials_provider *base, struct http *http, uint64_t deadline_ns,
                      struct credentials **ret_credentials, struct error *ret_error)
{
    const struct imds_provider *provider = (const struct imds_provider *)base;
    char role[MAX_ROLE_BYTES + 1], path[sizeof(ROLE_PATH) + MAX_ROLE_BYTES];
    _cleanup_buffer_ struct buffer answer;

    buffer_init(&answer, IMDS_MAX_ANSWER_BYTES);
    int r = find_role(provider, http, deadline_ns, role, ret_error);
    if (r < 0)
        return r;
    (void)snprintf(path, sizeof(path), ROLE_PATH "%s", role);
    r = imds_get(provider->imds, http, path, deadline_ns, &answer, ret_error);
    return r < 0 ? r : read_answer(provider, &answer, role, ret_credentials, ret_error);
}

static void imds_provider_free(struct credentials_provider *base)
{
    struct imds_provider *provider = (struct imds_provider *)base;
    imds_free(provider->imds);
    free(provider);
}

int credentials_imds_new(const struct provider_context *context, struct credentials_provider **ret_provider)
{
    static const struct credentials_provider_ops ops = {
        .name = "instance metadata",
        .fetch = imds_fetch,
        .free = imds_provider_free,
    };
    struct imds_provider *provider = calloc(1, sizeof(*provider));
    if (!provider)
        return -ENOMEM;
    provider->base.ops = &ops;
    _cleanup_credentials_provider_ struct credentials_provider *base = &provider->base;
    int r = imds_new(context->settings, context->bucket, &provider->imds);
    if (r == 0)
        *ret_provider = STEAL(base);
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sts_answer.h"

#include <errno.h>
#include <string.h>

#include "auth/xml.h"
#include "base/parse.h"

enum {
    KEY_ID,
    KEY,
    TOKEN,
    EXPIRATION,
    FIELD_COUNT,
};

struct fields {
    struct buffer texts[FIELD_COUNT];
};

static void fields_clear(struct fields *fields)
{
    for (size_t i = 0; i < FIELD_COUNT; i++)
        buffer_clear(&fields->texts[i]);
}

static int bad_answer(int result, struct error *ret_error)
{
    if (result == -ENOMEM)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    return error_set(ret_error, ERROR_BAD_ANSWER, "the answer is not one of STS");
}

int sts_answer_credentials(const char *text, size_t text_bytes, const char *provider,
                           struct credentials **ret_credentials, struct error *ret_error)
{
    _cleanup_(fields_clear) struct fields fields;
    const struct xml_wanted wanted[FIELD_COUNT] = {
        [KEY_ID] = {"Credentials", "AccessKeyId", &fields.texts[KEY_ID]},
        [KEY] = {"Credentials", "SecretAccessKey", &fields.texts[KEY]},
        [TOKEN] = {"Credentials", "SessionToken", &fields.texts[TOKEN]},
        [EXPIRATION] = {"Credentials", "Expiration", &fields.texts[EXPIRATION]},
    };
    uint64_t expires_ns;

    for (size_t i = 0; i < FIELD_COUNT; i++)
        buffer_init(&fields.texts[i], XML_MAX_BYTES);
    int r = xml_read(text, text_bytes, wanted, FIELD_COUNT);
    if (r < 0)
        return bad_answer(r, ret_error);
    for (size_t i = 0; i < FIELD_COUNT; i++)
        if (fields.texts[i].size_bytes == 0)
            return error_set(ret_error, ERROR_BAD_ANSWER, "the answer has no %s", wanted[i].name);
    if (parse_timestamp(fields.texts[EXPIRATION].bytes, &expires_ns) < 0)
        return error_set(ret_error, ERROR_BAD_ANSWER, "the answer has an Expiration that is no time");
    r = credentials_new(fields.texts[KEY_ID].bytes, fields.texts[KEY].bytes, fields.texts[TOKEN].bytes, expires_ns,
                        provider, ret_credentials);
    if (r == -EINVAL)
        return error_set(ret_error, ERROR_BAD_ANSWER, "the answer has a blank or a control character in a key");
    return r < 0 ? bad_answer(r, ret_error) : 0;
}

int sts_answer_identity(const char *text, size_t text_bytes, struct sts_identity *ret_identity, struct error *ret_error)
{
    _cleanup_buffer_ struct buffer account, arn, user_id;
    const struct xml_wanted wanted[] = {
        {"GetCallerIdentityResult", "Account", &account},
        {"GetCallerIdentityResult", "Arn", &arn},
        {"GetCallerIdentityResult", "UserId", &user_id},
    };
    struct sts_identity identity = {.account = ""};

    buffer_init(&account, sizeof(identity.account) - 1);
    buffer_init(&arn, sizeof(identity.arn) - 1);
    buffer_init(&user_id, sizeof(identity.user_id) - 1);
    int r = xml_read(text, text_bytes, wanted, sizeof(wanted) / sizeof(wanted[0]));
    if (r < 0)
        return bad_answer(r, ret_error);
    if (account.size_bytes == 0 || arn.size_bytes == 0)
        return error_set(ret_error, ERROR_BAD_ANSWER, "the answer has no Account or no Arn");
    error_copy_text(identity.account, sizeof(identity.account), account.bytes, account.size_bytes);
    error_copy_text(identity.arn, sizeof(identity.arn), arn.bytes, arn.size_bytes);
    if (user_id.size_bytes > 0)
        error_copy_text(identity.user_id, sizeof(identity.user_id), user_id.bytes, user_id.size_bytes);
    *ret_identity = identity;
    return 0;
}

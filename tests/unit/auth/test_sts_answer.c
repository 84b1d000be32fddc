/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "auth/form.h"
#include "auth/sts_answer.h"
#include "base/clock.h"

#define HEAD "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><AssumeRoleResult>"
#define USER "<AssumedRoleUser><Arn>arn:aws:sts::1:assumed-role/r/s</Arn></AssumedRoleUser>"
#define TAIL "</AssumeRoleResult><ResponseMetadata><RequestId>i</RequestId></ResponseMetadata></AssumeRoleResponse>"
#define FIELD(name, text) "<" name ">" text "</" name ">"
#define ID FIELD("AccessKeyId", "ASIA1")
#define KEY FIELD("SecretAccessKey", "k/+1")
#define TOKEN FIELD("SessionToken", "t==")
#define EXPIRATION FIELD("Expiration", "2026-11-21T00:24:35.236828Z")
#define ANSWER(fields) HEAD USER "<Credentials>" fields "</Credentials>" TAIL

static void credentials_are_taken_out(void **state)
{
    static const char text[] = "<?xml version=\"1.0\"?>\n" ANSWER("\n " ID "\n " KEY "\n " TOKEN "\n " EXPIRATION "\n");
    _cleanup_credentials_ struct credentials *credentials = NULL;
    struct error error;
    (void)state;
    if (sts_answer_credentials(text, strlen(text), "p", &credentials, &error) < 0)
        fail_msg("%s", error.message);
    assert_string_equal(credentials->access_key_id, "ASIA1");
    assert_string_equal(secret_bytes(credentials->secret_access_key), "k/+1");
    assert_string_equal(secret_bytes(credentials->session_token), "t==");
    assert_string_equal(credentials->provider, "p");
    assert_true(credentials->expires_ns == UINT64_C(1795220675236828000));
}

static void incomplete_credentials_are_refused(void **state)
{
    static const struct {
        const char *text;
        const char *message;
    } cases[] = {
        {"", "the answer is not one of STS"},
        {"{\"AccessKeyId\":\"ASIA1\"}", "the answer is not one of STS"},
        {"<html><body>busy</body></html>", "the answer has no AccessKeyId"},
        {"<!DOCTYPE html><html></html>", "the answer is not one of STS"},
        {ANSWER(ID KEY TOKEN EXPIRATION) "x", "the answer is not one of STS"},
        {HEAD ID KEY TOKEN EXPIRATION TAIL, "the answer has no AccessKeyId"},
        {ANSWER(KEY TOKEN EXPIRATION), "the answer has no AccessKeyId"},
        {ANSWER(ID TOKEN EXPIRATION), "the answer has no SecretAccessKey"},
        {ANSWER(ID KEY EXPIRATION), "the answer has no SessionToken"},
        {ANSWER(ID KEY "<SessionToken/>" EXPIRATION), "the answer has no SessionToken"},
        {ANSWER(ID KEY TOKEN), "the answer has no Expiration"},
        {ANSWER(ID KEY TOKEN FIELD("Expiration", "soon")), "the answer has an Expiration that is no time"},
        {ANSWER(FIELD("AccessKeyId", "a&#10;b") KEY TOKEN EXPIRATION),
         "the answer has a blank or a control character in a key"},
        {ANSWER(ID KEY FIELD("SessionToken", "t t") EXPIRATION),
         "the answer has a blank or a control character in a key"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct credentials *credentials = NULL;
        struct error error = {.kind = ERROR_NONE};
        assert_true(sts_answer_credentials(cases[i].text, strlen(cases[i].text), "p", &credentials, &error) < 0);
        assert_null(credentials);
        assert_int_equal(error.kind, ERROR_BAD_ANSWER);
        assert_string_equal(error.message, cases[i].message);
    }
}

static void identity_is_taken_out(void **state)
{
    static const char text[] = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::1:user/u</Arn>"
                               "<UserId>AIDA</UserId><Account>123456789012</Account></GetCallerIdentityResult>"
                               "</GetCallerIdentityResponse>";
    static const char half[] = "<R><GetCallerIdentityResult><Arn>a</Arn></GetCallerIdentityResult></R>";
    struct sts_identity identity = {.account = "untouched"};
    struct error error;
    (void)state;
    assert_true(sts_answer_identity(half, strlen(half), &identity, &error) < 0);
    assert_int_equal(error.kind, ERROR_BAD_ANSWER);
    assert_string_equal(identity.account, "untouched");
    assert_int_equal(sts_answer_identity(text, strlen(text), &identity, &error), 0);
    assert_string_equal(identity.account, "123456789012");
    assert_string_equal(identity.arn, "arn:aws:iam::1:user/u");
    assert_string_equal(identity.user_id, "AIDA");
}

static void form_is_encoded(void **state)
{
    _cleanup_buffer_ struct buffer form;
    (void)state;
    buffer_init(&form, 200);
    assert_int_equal(form_add(&form, "A", "azAZ09-_.~"), 0);
    assert_int_equal(form_add(&form, "B", NULL), 0);
    assert_int_equal(form_add(&form, "C", " +&=/:%\n\xc3\xa4"), 0);
    assert_int_equal(form_add(&form, "D", ""), 0);
    assert_string_equal(form.bytes, "A=azAZ09-_.~&C=%20%2B%26%3D%2F%3A%25%0A%C3%A4&D=");
    buffer_clear(&form);
    buffer_init(&form, 5);
    assert_true(form_add(&form, "A", "::") < 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(credentials_are_taken_out),
        cmocka_unit_test(incomplete_credentials_are_refused),
        cmocka_unit_test(identity_is_taken_out),
        cmocka_unit_test(form_is_encoded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

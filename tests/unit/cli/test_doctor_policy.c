/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "cli/doctor_policy.h"

#define GET "secretsmanager:GetSecretValue"

static const struct policy_place here = {"aws", "eu-west-1", "123456789012"};
static const struct policy_place china = {"aws-cn", "cn-north-1", "*"};

static void assert_policy(struct json *policy, const char *expected)
{
    _cleanup_json_ struct json *owned = policy;
    assert_non_null(owned);
    assert_string_equal(json_format(owned, false), expected);
}

#define STATEMENT(resource) "{\"Effect\":\"Allow\",\"Action\":\"" GET "\",\"Resource\":\"" resource "\"}"

static void a_secret_is_named_as_narrowly_as_it_is_known(void **state)
{
    static const struct {
        const char *id;
        const struct policy_place *place;
        const char *expected;
    } cases[] = {
        {"prod/db", &here, STATEMENT("arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-??????")},
        {"prod/db-AbCdEf", &here,
         STATEMENT("arn:aws:secretsmanager:eu-west-1:123456789012:secret:prod/db-AbCdEf-??????")},
        {"prod/db", &china, STATEMENT("arn:aws-cn:secretsmanager:cn-north-1:*:secret:prod/db-??????")},
        {"arn:aws-us-gov:secretsmanager:us-gov-west-1:1:secret:a-AbCdEf", &here,
         STATEMENT("arn:aws-us-gov:secretsmanager:us-gov-west-1:1:secret:a-AbCdEf")},
        {"arn:aws:secretsmanager:us-east-1:1:secret:a", &here,
         STATEMENT("arn:aws:secretsmanager:us-east-1:1:secret:a-??????")},
        {"arn:aws:secretsmanager:us-east-1:1:secret:a-AbC.Ef", &here,
         STATEMENT("arn:aws:secretsmanager:us-east-1:1:secret:a-AbC.Ef-??????")},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_policy(policy_for_secret(GET, cases[i].id, cases[i].place), cases[i].expected);
    assert_null(policy_for_secret(GET, "no \"name\"", &here));
}

static void a_key_decrypts_for_secrets_manager_alone(void **state)
{
    (void)state;
    assert_policy(policy_for_key("prod/db", &here),
                  "{\"Effect\":\"Allow\",\"Action\":\"kms:Decrypt\",\"Resource\":\"arn:aws:kms:eu-west-1:123456789012:"
                  "key/KEY-ID\",\"Condition\":{\"StringEquals\":{\"kms:ViaService\":\"secretsmanager.eu-west-1."
                  "amazonaws.com\"}}}");
    assert_policy(policy_for_key("arn:aws-cn:secretsmanager:cn-north-1:1:secret:a-AbCdEf", &here),
                  "{\"Effect\":\"Allow\",\"Action\":\"kms:Decrypt\",\"Resource\":\"arn:aws-cn:kms:cn-north-1:1:"
                  "key/KEY-ID\",\"Condition\":{\"StringEquals\":{\"kms:ViaService\":\"secretsmanager.cn-north-1."
                  "amazonaws.com.cn\"}}}");
    assert_policy(policy_for_key("arn:aws-iso:secretsmanager:us-iso-east-1:1:secret:a-AbCdEf", &here),
                  "{\"Effect\":\"Allow\",\"Action\":\"kms:Decrypt\",\"Resource\":\"arn:aws-iso:kms:us-iso-east-1:1:"
                  "key/KEY-ID\",\"Condition\":{\"StringEquals\":{\"kms:ViaService\":\"secretsmanager.us-iso-east-1."
                  "c2s.ic.gov\"}}}");
}

static void other_statements(void **state)
{
    (void)state;
    assert_policy(policy_for_all("secretsmanager:ListSecrets"),
                  "{\"Effect\":\"Allow\",\"Action\":\"secretsmanager:ListSecrets\",\"Resource\":\"*\"}");
    assert_policy(policy_for_queue("arn:aws:sqs:eu-west-1:1:q"),
                  "{\"Effect\":\"Allow\",\"Action\":[\"sqs:ReceiveMessage\",\"sqs:DeleteMessage\"],\"Resource\":\"arn:"
                  "aws:sqs:eu-west-1:1:q\"}");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_secret_is_named_as_narrowly_as_it_is_known),
        cmocka_unit_test(a_key_decrypts_for_secrets_manager_alone),
        cmocka_unit_test(other_statements),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

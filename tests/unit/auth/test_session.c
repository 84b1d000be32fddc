/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/auth/home.h"

/* Expected: "region url attempts". */
#define PLAIN(region) region " https://secretsmanager." region ".amazonaws.com 3"

static const struct row rows[] = {
    /* Region */
    {"--region first", {"AWS_REGION=r2"}, "[default]\nregion = r4", NULL, {.region = "r1"}, PLAIN("r1")},
    {"then AWS_REGION", {"AWS_REGION=r2", "AWS_DEFAULT_REGION=r3"}, "[default]\nregion = r4", NULL, {0}, PLAIN("r2")},
    {"then AWS_DEFAULT_REGION", {"AWS_DEFAULT_REGION=r3"}, "[default]\nregion = r4", NULL, {0}, PLAIN("r3")},
    {"then the profile", {NULL}, "[default]\nregion = r4", NULL, {0}, PLAIN("r4")},
    {"from the credentials file", {NULL}, NULL, "[default]\nregion = r4", {0}, PLAIN("r4")},
    {"empty is absent", {"AWS_REGION=", "AWS_DEFAULT_REGION=r3"}, NULL, NULL, {.region = ""}, PLAIN("r3")},
    {"none", {NULL}, NULL, NULL, {0}, "!no AWS region is set: use --region, or set AWS_REGION, or region in profile"},
    {"none says where it looked", {NULL}, NULL, NULL, {0}, "!.aws/config and "},
    {"not a region",
     {"AWS_REGION=evil.com/"},
     NULL,
     NULL,
     {0},
     "!\"evil.com/\" (from AWS_REGION) is not an AWS region"},
    {"not a region, option", {NULL}, NULL, NULL, {.region = "a b"}, "!from --region"},
    {"not a region, profile", {NULL}, "[default]\nregion = a b", NULL, {0}, "!from region"},

    /* Role */
    {"--role-arn", {"AWS_REGION=r"}, NULL, NULL, {.role_arn = "arn:aws:iam::123456789012:role/a/b"}, PLAIN("r")},
    {"--role-arn, another partition",
     {"AWS_REGION=r"},
     NULL,
     NULL,
     {.role_arn = "arn:aws-cn:iam::1:role/b"},
     PLAIN("r")},
    {"--role-arn that is a name",
     {"AWS_REGION=r"},
     NULL,
     NULL,
     {.role_arn = "b"},
     "!--role-arn must have the form arn:"},
    {"--role-arn of a user",
     {"AWS_REGION=r"},
     NULL,
     NULL,
     {.role_arn = "arn:aws:iam::1:user/b"},
     "!not \"arn:aws:iam::1:u"},
    {"--external-id alone", {"AWS_REGION=r"}, NULL, NULL, {.external_id = "x"}, "!--external-id goes with --role-arn"},

    /* Profile */
    {"--profile first",
     {"AWS_PROFILE=b"},
     "[profile a]\nregion = ra\n[profile b]\nregion = rb",
     NULL,
     {.profile = "a"},
     PLAIN("ra")},
    {"then AWS_PROFILE", {"AWS_PROFILE=b"}, "[default]\nregion = rd\n[profile b]\nregion = rb", NULL, {0}, PLAIN("rb")},
    {"then default", {"AWS_PROFILE="}, "[default]\nregion = rd\n[profile b]\nregion = rb", NULL, {0}, PLAIN("rd")},
    {"--profile that is absent",
     {"AWS_REGION=r"},
     NULL,
     NULL,
     {.profile = "a"},
     "!there is no profile \"a\" (from --profile) in /"},
    {"--profile that is absent, keys",
     {"AWS_REGION=r", "AWS_ACCESS_KEY_ID=A", "AWS_SECRET_ACCESS_KEY=S"},
     NULL,
     NULL,
     {.profile = "a"},
     "!no profile \"a\""},
    {"then AWS_DEFAULT_PROFILE",
     {"AWS_DEFAULT_PROFILE=b"},
     "[default]\nregion = rd\n[profile b]\nregion = rb",
     NULL,
     {0},
     PLAIN("rb")},
    {"AWS_PROFILE before AWS_DEFAULT_PROFILE",
     {"AWS_PROFILE=a", "AWS_DEFAULT_PROFILE=b"},
     "[profile a]\nregion = ra\n[profile b]\nregion = rb",
     NULL,
     {0},
     PLAIN("ra")},
    {"AWS_DEFAULT_PROFILE that is absent",
     {"AWS_REGION=r", "AWS_DEFAULT_PROFILE=a"},
     NULL,
     NULL,
     {0},
     "!there is no profile \"a\" (from AWS_DEFAULT_PROFILE)"},
    {"AWS_PROFILE that is absent",
     {"AWS_REGION=r", "AWS_PROFILE=a"},
     "[a]\nx = y",
     NULL,
     {0},
     "!there is no profile \"a\" (from AWS_PROFILE)"},
    {"AWS_PROFILE that is absent, keys",
     {"AWS_REGION=r", "AWS_PROFILE=a", "AWS_ACCESS_KEY_ID=A", "AWS_SECRET_ACCESS_KEY=S"},
     NULL,
     NULL,
     {0},
     PLAIN("r")},
    {"AWS_PROFILE that is absent, container",
     {"AWS_REGION=r", "AWS_PROFILE=a", "AWS_CONTAINER_CREDENTIALS_FULL_URI=http://x"},
     NULL,
     NULL,
     {0},
     PLAIN("r")},
    {"AWS_PROFILE in the credentials file", {"AWS_REGION=r", "AWS_PROFILE=a"}, NULL, "[a]", {0}, PLAIN("r")},
    {"default may be absent", {"AWS_REGION=r"}, NULL, NULL, {0}, PLAIN("r")},

    /* Files */
    {"broken file", {"AWS_REGION=r"}, "[default]\nbroken", NULL, {0}, "!(line 2 of /"},
    {"broken credentials file", {"AWS_REGION=r"}, NULL, "x = y", {0}, "!.aws/credentials)"},
    {"AWS_CONFIG_FILE",
     {"AWS_CONFIG_FILE=~/.aws/credentials"},
     "[default]\nregion = r1",
     "[default]\nregion = r2",
     {0},
     PLAIN("r2")},
    {"AWS_SHARED_CREDENTIALS_FILE",
     {"AWS_SHARED_CREDENTIALS_FILE=~/.aws/config"},
     "[default]\nregion = r1",
     "x",
     {0},
     PLAIN("r1")},
    {"relative path", {"AWS_CONFIG_FILE=.aws/config"}, "[default]\nregion = r1", NULL, {0}, PLAIN("r1")},
    {"file that is absent", {"AWS_CONFIG_FILE=/nonexistent/x", "AWS_REGION=r"}, "x", NULL, {0}, PLAIN("r")},
    {"/dev/null", {"AWS_CONFIG_FILE=/dev/null", "AWS_REGION=r"}, "x", NULL, {0}, PLAIN("r")},
    {"endless file",
     {"AWS_CONFIG_FILE=/dev/zero", "AWS_REGION=r"},
     NULL,
     NULL,
     {0},
     "!cannot read /dev/zero: File too large"},
    {"directory", {"AWS_CONFIG_FILE=/", "AWS_REGION=r"}, NULL, NULL, {0}, "!cannot read /: Is a directory"},

    /* Endpoint */
    {"--endpoint-url first",
     {"AWS_REGION=r", "AWS_ENDPOINT_URL_SECRETS_MANAGER=http://x"},
     NULL,
     NULL,
     {.endpoint_url = "http://y:1/"},
     "r http://y:1 3"},
    {"--endpoint-url cannot be ignored",
     {"AWS_REGION=r", "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true"},
     NULL,
     NULL,
     {.endpoint_url = "http://y"},
     "r http://y 3"},
    {"--endpoint-url that is malformed", {"AWS_REGION=r"}, NULL, NULL, {.endpoint_url = "y"}, "!--endpoint-url is not"},
    {"AWS_ENDPOINT_URL", {"AWS_REGION=r", "AWS_ENDPOINT_URL=http://x"}, NULL, NULL, {0}, "r http://x 3"},
    {"endpoint without a region", {"AWS_ENDPOINT_URL=http://x"}, NULL, NULL, {0}, "!no AWS region"},
    {"malformed", {"AWS_REGION=r", "AWS_ENDPOINT_URL=x"}, NULL, NULL, {0}, "!AWS_ENDPOINT_URL is not"},
    {"FIPS",
     {"AWS_REGION=us-east-1", "AWS_USE_FIPS_ENDPOINT=true"},
     NULL,
     NULL,
     {0},
     "us-east-1 https://secretsmanager-fips.us-east-1.amazonaws.com 3"},
    {"FIPS by profile",
     {"AWS_REGION=us-east-1"},
     "[default]\nuse_fips_endpoint = true",
     NULL,
     {0},
     "us-east-1 https://secretsmanager-fips.us-east-1.amazonaws.com 3"},
    {"FIPS, environment wins",
     {"AWS_REGION=us-east-1", "AWS_USE_FIPS_ENDPOINT=false"},
     "[default]\nuse_fips_endpoint = true",
     NULL,
     {0},
     PLAIN("us-east-1")},
    {"FIPS, unclear",
     {"AWS_REGION=r", "AWS_USE_FIPS_ENDPOINT=1"},
     NULL,
     NULL,
     {0},
     "!AWS_USE_FIPS_ENDPOINT must be true or false"},
    {"FIPS and a configured endpoint",
     {"AWS_REGION=r", "AWS_USE_FIPS_ENDPOINT=true", "AWS_ENDPOINT_URL=http://x"},
     NULL,
     NULL,
     {0},
     "r http://x 3"},
    {"dual-stack",
     {"AWS_REGION=eusc-de-east-1", "AWS_USE_DUALSTACK_ENDPOINT=true"},
     NULL,
     NULL,
     {0},
     "eusc-de-east-1 https://secretsmanager.eusc-de-east-1.api.amazonwebservices.eu 3"},

    /* Attempts and CA bundle */
    {"attempts",
     {"AWS_REGION=r", "AWS_MAX_ATTEMPTS=5"},
     "[default]\nmax_attempts = 7",
     NULL,
     {0},
     "r https://secretsmanager.r.amazonaws.com 5"},
    {"attempts by profile",
     {"AWS_REGION=r"},
     "[default]\nmax_attempts = 7",
     NULL,
     {0},
     "r https://secretsmanager.r.amazonaws.com 7"},
    {"attempts, none",
     {"AWS_REGION=r", "AWS_MAX_ATTEMPTS=0"},
     NULL,
     NULL,
     {0},
     "!AWS_MAX_ATTEMPTS must be a number from 1 to 100"},
    {"attempts, no number",
     {"AWS_REGION=r"},
     "[default]\nmax_attempts = 3x",
     NULL,
     {0},
     "!max_attempts must be a number"},
    {"CA bundle that is absent",
     {"AWS_REGION=r", "AWS_CA_BUNDLE=/nonexistent/ca.pem"},
     NULL,
     NULL,
     {0},
     "!cannot read the CA bundle /nonexistent/ca.pem (from AWS_CA_BUNDLE): No such file"},
};

static void test_settings(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_aws_session_ struct aws_session *session = NULL;
        _cleanup_free_ char *url = NULL;
        struct error error = {.kind = ERROR_NONE};
        char got[1024];
        int r = open_session(&rows[i], &session, &error);
        if (r == 0) {
            assert_int_equal(aws_session_endpoint(session, "secretsmanager", aws_session_region(session), &url, &error),
                             0);
            (void)snprintf(got, sizeof(got), "%s %s %u", aws_session_region(session), url,
                           aws_session_max_attempts(session));
        } else {
            assert_int_equal(error.kind, ERROR_BAD_REQUEST);
            (void)snprintf(got, sizeof(got), "!%s", error.message);
        }
        failures += row_is_good(&rows[i], r, got) ? 0 : 1;
    }
    assert_int_equal(failures, 0);
}

static void test_region_origin(void **state)
{
    (void)state;
    static const struct row origins[] = {
        {"", {"AWS_REGION=r"}, NULL, NULL, {.region = "r"}, "--region"},
        {"", {"AWS_REGION=r", "AWS_DEFAULT_REGION=r"}, NULL, NULL, {0}, "AWS_REGION"},
        {"", {"AWS_DEFAULT_REGION=r"}, "[default]\nregion = r", NULL, {0}, "AWS_DEFAULT_REGION"},
        {"", {NULL}, "[profile a]\nregion = r", NULL, {.profile = "a"}, "region in profile a"},
    };
    for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
        _cleanup_aws_session_ struct aws_session *session = NULL;
        assert_int_equal(open_session(&origins[i], &session, NULL), 0);
        assert_string_equal(aws_session_region_origin(session), origins[i].expected);
    }
}

static void test_endpoint_origin(void **state)
{
    (void)state;
    static const struct row origins[] = {
        {"", {"AWS_REGION=r", "AWS_ENDPOINT_URL=http://a"}, NULL, NULL, {.endpoint_url = "http://b"}, "--endpoint-url"},
        {"",
         {"AWS_REGION=r", "AWS_ENDPOINT_URL=http://a", "AWS_ENDPOINT_URL_SECRETS_MANAGER=http://b"},
         NULL,
         NULL,
         {0},
         "AWS_ENDPOINT_URL_SECRETS_MANAGER"},
        {"", {"AWS_REGION=r", "AWS_ENDPOINT_URL=http://a"}, NULL, NULL, {0}, "AWS_ENDPOINT_URL"},
        {"",
         {"AWS_REGION=r"},
         "[default]\nservices = s\n[services s]\nsecrets_manager =\n  endpoint_url = http://a",
         NULL,
         {0},
         "endpoint_url in the services section"},
        {"", {"AWS_REGION=r"}, "[default]\nendpoint_url = http://a", NULL, {0}, "endpoint_url"},
        {"", {"AWS_REGION=r"}, NULL, NULL, {0}, "the region"},
    };
    for (size_t i = 0; i < sizeof(origins) / sizeof(origins[0]); i++) {
        _cleanup_aws_session_ struct aws_session *session = NULL;
        assert_int_equal(open_session(&origins[i], &session, NULL), 0);
        assert_string_equal(aws_session_endpoint_origin(session, "secretsmanager"), origins[i].expected);
    }
}

static void test_ca_bundle(void **state)
{
    (void)state;
    static const struct row row = {"", {"AWS_CA_BUNDLE=.aws/config", "AWS_REGION=r"}, "", NULL, {0}, NULL};
    _cleanup_aws_session_ struct aws_session *session = NULL;
    assert_int_equal(open_session(&row, &session, NULL), 0);
    char expected[128];
    (void)snprintf(expected, sizeof(expected), "%s/.aws/config", home);
    assert_string_equal(aws_session_ca_bundle(session), expected);
}

static void test_endpoint_of_other_regions(void **state)
{
    (void)state;
    static const struct row row = {"", {"AWS_REGION=eu-west-1"}, NULL, NULL, {0}, NULL};
    _cleanup_aws_session_ struct aws_session *session = NULL;
    _cleanup_free_ char *url = NULL, *sts = NULL, *bad = NULL;
    struct error error;
    assert_int_equal(open_session(&row, &session, NULL), 0);
    assert_null(aws_session_ca_bundle(session));
    assert_int_equal(aws_session_endpoint(session, "secretsmanager", "cn-north-1", &url, &error), 0);
    assert_string_equal(url, "https://secretsmanager.cn-north-1.amazonaws.com.cn");
    assert_int_equal(aws_session_endpoint(session, "sts", "us-east-1", &sts, &error), 0);
    assert_string_equal(sts, "https://sts.us-east-1.amazonaws.com");
    assert_true(aws_session_endpoint(session, "secretsmanager", "evil.com/", &bad, &error) < 0);
    assert_null(bad);
}

static void test_no_home(void **state)
{
    (void)state;
    static const struct aws_session_options options = {0};
    _cleanup_aws_session_ struct aws_session *session = NULL;
    struct error error;
    write_file(".aws/config", "[default]\nregion = x");
    assert_int_equal(clearenv(), 0);
    assert_int_equal(setenv("AWS_EC2_METADATA_DISABLED", "true", 1), 0);
    assert_true(aws_session_new(&options, &session, &error) < 0);
    assert_non_null(strstr(error.message, "~/.aws/config (HOME is not set)"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_region_origin),
        cmocka_unit_test(test_endpoint_origin),
        cmocka_unit_test(test_ca_bundle),
        cmocka_unit_test(test_endpoint_of_other_regions),
        cmocka_unit_test(test_no_home),
    };
    return cmocka_run_group_tests(tests, make_home, remove_home);
}

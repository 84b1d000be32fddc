/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/endpoint.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Evaluated from the endpoint rule sets of botocore 1.43. */
static const struct {
    const char *service, *region;
    const char *host[4]; /* plain, FIPS, dual-stack, both */
} rows[] = {
    {"secretsmanager",
     "eu-west-1",
     {"secretsmanager.eu-west-1.amazonaws.com", "secretsmanager-fips.eu-west-1.amazonaws.com",
      "secretsmanager.eu-west-1.amazonaws.com", "secretsmanager-fips.eu-west-1.amazonaws.com"}},
    {"secretsmanager",
     "us-gov-west-1",
     {"secretsmanager.us-gov-west-1.amazonaws.com", "secretsmanager-fips.us-gov-west-1.amazonaws.com",
      "secretsmanager.us-gov-west-1.amazonaws.com", "secretsmanager-fips.us-gov-west-1.amazonaws.com"}},
    {"secretsmanager",
     "cn-north-1",
     {"secretsmanager.cn-north-1.amazonaws.com.cn", "secretsmanager-fips.cn-north-1.amazonaws.com.cn",
      "secretsmanager.cn-north-1.amazonaws.com.cn", "secretsmanager-fips.cn-north-1.api.amazonwebservices.com.cn"}},
    {"secretsmanager",
     "eusc-de-east-1",
     {"secretsmanager.eusc-de-east-1.amazonaws.eu", "secretsmanager-fips.eusc-de-east-1.amazonaws.eu",
      "secretsmanager.eusc-de-east-1.api.amazonwebservices.eu",
      "secretsmanager-fips.eusc-de-east-1.api.amazonwebservices.eu"}},
    {"secretsmanager",
     "us-iso-east-1",
     {"secretsmanager.us-iso-east-1.c2s.ic.gov", "secretsmanager-fips.us-iso-east-1.c2s.ic.gov",
      "secretsmanager.us-iso-east-1.api.aws.ic.gov", "secretsmanager-fips.us-iso-east-1.api.aws.ic.gov"}},
    {"secretsmanager",
     "us-isob-east-1",
     {"secretsmanager.us-isob-east-1.sc2s.sgov.gov", "secretsmanager-fips.us-isob-east-1.sc2s.sgov.gov",
      "secretsmanager.us-isob-east-1.api.aws.scloud", "secretsmanager-fips.us-isob-east-1.api.aws.scloud"}},
    {"secretsmanager",
     "eu-isoe-west-1",
     {"secretsmanager.eu-isoe-west-1.cloud.adc-e.uk", "secretsmanager-fips.eu-isoe-west-1.cloud.adc-e.uk",
      "secretsmanager.eu-isoe-west-1.api.cloud-aws.adc-e.uk",
      "secretsmanager-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk"}},
    {"secretsmanager",
     "us-isof-south-1",
     {"secretsmanager.us-isof-south-1.csp.hci.ic.gov", "secretsmanager-fips.us-isof-south-1.csp.hci.ic.gov",
      "secretsmanager.us-isof-south-1.api.aws.hci.ic.gov", "secretsmanager-fips.us-isof-south-1.api.aws.hci.ic.gov"}},
    {"secretsmanager",
     "xx-foo",
     {"secretsmanager.xx-foo.amazonaws.com", "secretsmanager-fips.xx-foo.amazonaws.com",
      "secretsmanager.xx-foo.amazonaws.com", "secretsmanager-fips.xx-foo.amazonaws.com"}},
    {"sts",
     "eu-west-1",
     {"sts.eu-west-1.amazonaws.com", "sts-fips.eu-west-1.amazonaws.com", "sts.eu-west-1.api.aws",
      "sts-fips.eu-west-1.api.aws"}},
    {"sts",
     "us-gov-west-1",
     {"sts.us-gov-west-1.amazonaws.com", "sts.us-gov-west-1.amazonaws.com", "sts.us-gov-west-1.api.aws",
      "sts-fips.us-gov-west-1.api.aws"}},
    {"sts",
     "cn-north-1",
     {"sts.cn-north-1.amazonaws.com.cn", "sts-fips.cn-north-1.amazonaws.com.cn",
      "sts.cn-north-1.api.amazonwebservices.com.cn", "sts-fips.cn-north-1.api.amazonwebservices.com.cn"}},
    {"sts",
     "eusc-de-east-1",
     {"sts.eusc-de-east-1.amazonaws.eu", "sts-fips.eusc-de-east-1.amazonaws.eu",
      "sts.eusc-de-east-1.api.amazonwebservices.eu", "sts-fips.eusc-de-east-1.api.amazonwebservices.eu"}},
    {"sts",
     "us-iso-east-1",
     {"sts.us-iso-east-1.c2s.ic.gov", "sts-fips.us-iso-east-1.c2s.ic.gov", "sts.us-iso-east-1.api.aws.ic.gov",
      "sts-fips.us-iso-east-1.api.aws.ic.gov"}},
    {"sts",
     "us-isob-east-1",
     {"sts.us-isob-east-1.sc2s.sgov.gov", "sts-fips.us-isob-east-1.sc2s.sgov.gov", "sts.us-isob-east-1.api.aws.scloud",
      "sts-fips.us-isob-east-1.api.aws.scloud"}},
    {"sts",
     "eu-isoe-west-1",
     {"sts.eu-isoe-west-1.cloud.adc-e.uk", "sts-fips.eu-isoe-west-1.cloud.adc-e.uk",
      "sts.eu-isoe-west-1.api.cloud-aws.adc-e.uk", "sts-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk"}},
    {"sts",
     "us-isof-south-1",
     {"sts.us-isof-south-1.csp.hci.ic.gov", "sts-fips.us-isof-south-1.csp.hci.ic.gov",
      "sts.us-isof-south-1.api.aws.hci.ic.gov", "sts-fips.us-isof-south-1.api.aws.hci.ic.gov"}},
    {"sts",
     "xx-foo",
     {"sts.xx-foo.amazonaws.com", "sts-fips.xx-foo.amazonaws.com", "sts.xx-foo.api.aws", "sts-fips.xx-foo.api.aws"}},
    {"sqs",
     "us-gov-west-1",
     {"sqs.us-gov-west-1.amazonaws.com", "sqs.us-gov-west-1.amazonaws.com", "sqs.us-gov-west-1.api.aws",
      "sqs-fips.us-gov-west-1.api.aws"}},
    {"sqs",
     "cn-north-1",
     {"sqs.cn-north-1.amazonaws.com.cn", "sqs-fips.cn-north-1.amazonaws.com.cn",
      "sqs.cn-north-1.api.amazonwebservices.com.cn", "sqs-fips.cn-north-1.api.amazonwebservices.com.cn"}},
    {"sqs",
     "eusc-de-east-1",
     {"sqs.eusc-de-east-1.amazonaws.eu", "sqs-fips.eusc-de-east-1.amazonaws.eu",
      "sqs.eusc-de-east-1.api.amazonwebservices.eu", "sqs-fips.eusc-de-east-1.api.amazonwebservices.eu"}},
    {"portal.sso",
     "us-gov-west-1",
     {"portal.sso.us-gov-west-1.amazonaws.com", "portal.sso.us-gov-west-1.amazonaws.com",
      "portal.sso.us-gov-west-1.api.aws", "portal.sso-fips.us-gov-west-1.api.aws"}},
    {"portal.sso",
     "cn-north-1",
     {"portal.sso.cn-north-1.amazonaws.com.cn", "portal.sso-fips.cn-north-1.amazonaws.com.cn",
      "portal.sso.cn-north-1.api.amazonwebservices.com.cn", "portal.sso-fips.cn-north-1.api.amazonwebservices.com.cn"}},
    {"portal.sso",
     "eusc-de-east-1",
     {"portal.sso.eusc-de-east-1.amazonaws.eu", "portal.sso-fips.eusc-de-east-1.amazonaws.eu",
      "portal.sso.eusc-de-east-1.api.amazonwebservices.eu", "portal.sso-fips.eusc-de-east-1.api.amazonwebservices.eu"}},
    {"oidc",
     "us-gov-west-1",
     {"oidc.us-gov-west-1.amazonaws.com", "oidc.us-gov-west-1.amazonaws.com", "oidc.us-gov-west-1.api.aws",
      "oidc-fips.us-gov-west-1.api.aws"}},
    {"oidc",
     "cn-north-1",
     {"oidc.cn-north-1.amazonaws.com.cn", "oidc-fips.cn-north-1.amazonaws.com.cn",
      "oidc.cn-north-1.api.amazonwebservices.com.cn", "oidc-fips.cn-north-1.api.amazonwebservices.com.cn"}},
    {"oidc",
     "eusc-de-east-1",
     {"oidc.eusc-de-east-1.amazonaws.eu", "oidc-fips.eusc-de-east-1.amazonaws.eu",
      "oidc.eusc-de-east-1.api.amazonwebservices.eu", "oidc-fips.eusc-de-east-1.api.amazonwebservices.eu"}},
    {"signin",
     "eu-west-1",
     {"eu-west-1.signin.aws.amazon.com", "signin-fips.eu-west-1.amazonaws.com", "signin.eu-west-1.api.aws",
      "signin-fips.eu-west-1.api.aws"}},
    {"signin",
     "us-gov-west-1",
     {"us-gov-west-1.signin.amazonaws-us-gov.com", "signin-fips.us-gov-west-1.amazonaws.com",
      "signin.us-gov-west-1.api.aws", "signin-fips.us-gov-west-1.api.aws"}},
    {"signin",
     "cn-north-1",
     {"cn-north-1.signin.amazonaws.cn", "signin-fips.cn-north-1.amazonaws.com.cn",
      "signin.cn-north-1.api.amazonwebservices.com.cn", "signin-fips.cn-north-1.api.amazonwebservices.com.cn"}},
    {"signin",
     "eusc-de-east-1",
     {"signin.eusc-de-east-1.amazonaws.eu", "signin-fips.eusc-de-east-1.amazonaws.eu",
      "signin.eusc-de-east-1.api.amazonwebservices.eu", "signin-fips.eusc-de-east-1.api.amazonwebservices.eu"}},
    {"signin",
     "us-iso-east-1",
     {"signin.us-iso-east-1.c2s.ic.gov", "signin-fips.us-iso-east-1.c2s.ic.gov", "signin.us-iso-east-1.api.aws.ic.gov",
      "signin-fips.us-iso-east-1.api.aws.ic.gov"}},
    {"signin",
     "us-isob-east-1",
     {"signin.us-isob-east-1.sc2s.sgov.gov", "signin-fips.us-isob-east-1.sc2s.sgov.gov",
      "signin.us-isob-east-1.api.aws.scloud", "signin-fips.us-isob-east-1.api.aws.scloud"}},
    {"signin",
     "eu-isoe-west-1",
     {"signin.eu-isoe-west-1.cloud.adc-e.uk", "signin-fips.eu-isoe-west-1.cloud.adc-e.uk",
      "signin.eu-isoe-west-1.api.cloud-aws.adc-e.uk", "signin-fips.eu-isoe-west-1.api.cloud-aws.adc-e.uk"}},
    {"signin",
     "us-isof-south-1",
     {"signin.us-isof-south-1.csp.hci.ic.gov", "signin-fips.us-isof-south-1.csp.hci.ic.gov",
      "signin.us-isof-south-1.api.aws.hci.ic.gov", "signin-fips.us-isof-south-1.api.aws.hci.ic.gov"}},
    {"signin",
     "xx-foo",
     {"xx-foo.signin.aws.amazon.com", "signin-fips.xx-foo.amazonaws.com", "signin.xx-foo.api.aws",
      "signin-fips.xx-foo.api.aws"}},
};

static void test_partitions(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        for (unsigned variant = 0; variant < 4; variant++) {
            _cleanup_free_ char *url = NULL;
            char expected[256];
            (void)snprintf(expected, sizeof(expected), "https://%s", rows[i].host[variant]);
            assert_int_equal(
                endpoint_for_region(rows[i].service, rows[i].region, variant & 1, (variant & 2) != 0, &url), 0);
            assert_string_equal(url, expected);
        }
}

static void test_regions(void **state)
{
    (void)state;
    static const char *const good[] = {"eu-west-1", "us-gov-west-1",
                                       "x",         "1",
                                       "local",     "a23456789-123456789-123456789-123456789-123456789-123456789-123"};
    static const char *const bad[] = {
        "",        "-eu",     "eu-",  "eu west", "EU-WEST-1",
        "eu.west", "eu/west", "eu@x", "eu\n",    "a23456789-123456789-123456789-123456789-123456789-123456789-1234"};
    struct error error;
    for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
        assert_int_equal(endpoint_check_region(good[i], "AWS_REGION", &error), 0);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_true(endpoint_check_region(bad[i], "AWS_REGION", &error) < 0);
        assert_int_equal(error.kind, ERROR_BAD_REQUEST);
        assert_non_null(strstr(error.message, "AWS_REGION"));
    }
}

static void test_urls(void **state)
{
    (void)state;
    static const struct {
        const char *url;
        const char *clean; /* NULL: refused */
    } urls[] = {
        {"https://example.com", "https://example.com"},
        {"https://example.com/", "https://example.com"},
        {"HTTPS://Example.com", "https://Example.com"},
        {"http://127.0.0.1:5000", "http://127.0.0.1:5000"},
        {"http://localhost:4566/", "http://localhost:4566"},
        {"http://my_host:1", "http://my_host:1"},
        {"https://[::1]:8443", "https://[::1]:8443"},
        {"https://[fd00:ec2::23]/", "https://[fd00:ec2::23]"},
        {"https://example.com:443", "https://example.com"},
        {"http://example.com:80", "http://example.com"},
        {"https://example.com:80", "https://example.com:80"},
        {"http://example.com:443", "http://example.com:443"},
        {"https://example.com:65535", "https://example.com:65535"},
        {"https://vpce-0-x.secretsmanager.eu-west-1.vpce.amazonaws.com",
         "https://vpce-0-x.secretsmanager.eu-west-1.vpce.amazonaws.com"},
        {"", NULL},
        {"h", NULL},
        {"example.com", NULL},
        {"ftp://example.com", NULL},
        {"file:///etc/passwd", NULL},
        {"https:example.com", NULL},
        {"https://", NULL},
        {"https:///", NULL},
        {"https://:80", NULL},
        {"https://.example.com", NULL},
        {"https://-example.com", NULL},
        {"https://example.com:", NULL},
        {"https://example.com:0", NULL},
        {"https://example.com:65536", NULL},
        {"https://example.com:123456", NULL},
        {"https://example.com:4x", NULL},
        {"https://example.com/path", NULL},
        {"https://example.com//", NULL},
        {"https://example.com?x", NULL},
        {"https://example.com/#x", NULL},
        {"https://user:password@example.com", NULL},
        {"https://user@example.com", NULL},
        {"https://exa mple.com", NULL},
        {"https://example.com\r\nX: y", NULL},
        {"https://[::1", NULL},
        {"https://[]", NULL},
        {"https://[::1]x", NULL},
        {" https://example.com", NULL},
    };
    for (size_t i = 0; i < sizeof(urls) / sizeof(urls[0]); i++) {
        _cleanup_free_ char *clean = NULL;
        struct error error = {.kind = ERROR_NONE};
        int r = endpoint_check_url(urls[i].url, "--endpoint-url", &clean, &error);
        if ((r == 0) != (urls[i].clean != NULL))
            fail_msg("%s: %d", urls[i].url, r);
        if (urls[i].clean) {
            assert_string_equal(clean, urls[i].clean);
        } else {
            assert_non_null(strstr(error.message, "--endpoint-url"));
            assert_null(strstr(error.message, "password"));
        }
    }
}

#define SERVICES \
    "[services mine]\nsecrets_manager =\n endpoint_url = http://services\nsts =\n endpoint_url = http://sts\n"

/* One case a line: environment, configuration file, what comes out for which service. */
static const struct {
    const char *variables[4];
    const char *config;
    const char *service;
    const char *expected; /* NULL: none; "!…": an error with that text */
} configured[] = {
    {{NULL}, "", "secretsmanager", NULL},
    {{NULL}, "[default]\nregion = r", "secretsmanager", NULL},
    {{"AWS_ENDPOINT_URL_SECRETS_MANAGER=http://own", "AWS_ENDPOINT_URL=http://all"},
     "",
     "secretsmanager",
     "http://own"},
    {{"AWS_ENDPOINT_URL=http://all"}, "", "secretsmanager", "http://all"},
    {{"AWS_ENDPOINT_URL=http://all"}, "", "sts", "http://all"},
    {{"AWS_ENDPOINT_URL_STS=http://own"}, "", "sts", "http://own"},
    {{"AWS_ENDPOINT_URL_SQS=http://own"}, "", "sqs", "http://own"},
    {{"AWS_ENDPOINT_URL_SSO=http://own"}, "", "portal.sso", "http://own"},
    {{"AWS_ENDPOINT_URL_SSO_OIDC=http://own"}, "", "oidc", "http://own"},
    {{"AWS_ENDPOINT_URL_SIGNIN=http://own"}, "", "signin", "http://own"},
    {{"AWS_ENDPOINT_URL_STS=http://own"}, "", "secretsmanager", NULL},
    {{"AWS_ENDPOINT_URL="}, "[default]\nendpoint_url = http://profile", "secretsmanager", "http://profile"},
    {{NULL}, "[default]\nendpoint_url = http://profile/", "secretsmanager", "http://profile"},
    {{NULL}, "[default]\nendpoint_url = http://profile", "sts", "http://profile"},
    {{NULL}, "[default]\nservices = mine\n" SERVICES, "secretsmanager", "http://services"},
    {{NULL}, "[default]\nservices = mine\n" SERVICES, "sts", "http://sts"},
    {{NULL}, "[default]\nservices = mine\n" SERVICES, "sqs", NULL},
    {{NULL},
     "[default]\nservices = mine\nendpoint_url = http://profile\n" SERVICES,
     "secretsmanager",
     "http://services"},
    {{NULL}, "[default]\nservices = mine\nendpoint_url = http://profile\n" SERVICES, "sqs", "http://profile"},
    {{"AWS_ENDPOINT_URL=http://all"}, "[default]\nservices = mine\n" SERVICES, "secretsmanager", "http://all"},
    {{"AWS_ENDPOINT_URL=http://all"}, "[default]\nservices = absent\n", "secretsmanager", "http://all"},
    {{NULL}, "[default]\nservices = absent\n" SERVICES, "secretsmanager", "!no section [services absent]"},
    {{NULL}, SERVICES, "secretsmanager", NULL},
    {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=true", "AWS_ENDPOINT_URL=http://all"}, "", "secretsmanager", NULL},
    {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=TRUE"}, "[default]\nendpoint_url = http://profile", "secretsmanager", NULL},
    {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=false", "AWS_ENDPOINT_URL=http://all"}, "", "secretsmanager", "http://all"},
    {{"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS=yes"}, "", "secretsmanager", "!must be true or false"},
    {{"AWS_ENDPOINT_URL=http://all"}, "[default]\nignore_configured_endpoint_urls = true", "secretsmanager", NULL},
    {{"AWS_ENDPOINT_URL=ftp://all"}, "", "secretsmanager", "!AWS_ENDPOINT_URL is not a usable endpoint"},
    {{NULL}, "[default]\nendpoint_url = all", "secretsmanager", "!endpoint_url is not a usable endpoint"},
    {{NULL}, "", "kms", "!kms"},
};

static void test_configured(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(configured) / sizeof(configured[0]); i++) {
        _cleanup_environment_ struct environment *environment = NULL;
        _cleanup_config_ struct config *config = NULL;
        _cleanup_free_ char *url = NULL;
        char *variables[5] = {NULL};
        for (size_t j = 0; j < 4; j++)
            variables[j] = configured[i].variables[j] ? strdup(configured[i].variables[j]) : NULL;
        assert_int_equal(environment_new(variables, &environment), 0);
        for (size_t j = 0; j < 4; j++)
            free(variables[j]);
        assert_int_equal(config_new(&config), 0);
        assert_int_equal(config_parse(config, CONFIG_FILE_CONFIG, "config", configured[i].config,
                                      strlen(configured[i].config), NULL),
                         0);
        const struct settings settings = {environment, config, "default", config_profile(config, "default")};
        struct error error = {.kind = ERROR_NONE};
        int r = endpoint_configured(configured[i].service, &settings, &url, &error);

        const char *expected = configured[i].expected;
        if (expected && expected[0] == '!') {
            assert_true(r < 0);
            if (!strstr(error.message, expected + 1))
                fail_msg("row %zu: %s", i, error.message);
        } else {
            if (r < 0 || !expected != !url)
                fail_msg("row %zu: %s", i, url ? url : error.message);
            if (url)
                assert_string_equal(url, expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_partitions),
        cmocka_unit_test(test_regions),
        cmocka_unit_test(test_urls),
        cmocka_unit_test(test_configured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

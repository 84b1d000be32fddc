/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/session.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "tests/unit/auth/home.h"

#define E "AWS_REGION=r"
#define ID "AWS_ACCESS_KEY_ID=EID"
#define KEY "AWS_SECRET_ACCESS_KEY=ESECRET"
#define RELATIVE "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI="
#define FULL "AWS_CONTAINER_CREDENTIALS_FULL_URI="
#define TEXT_50 "12345678901234567890123456789012345678901234567890"
#define LONG_NAME TEXT_50 TEXT_50 TEXT_50 TEXT_50 TEXT_50
#define WEB "AWS_WEB_IDENTITY_TOKEN_FILE=/nonexistent/token"
#define KEYS "aws_access_key_id = PID\naws_secret_access_key = PSECRET\n"

#define SSO "sso_account_id = 1\nsso_role_name = r\n"
#define PRINT(name) "echo '{\"Version\": 1, \"AccessKeyId\": \"" name "ID\", \"SecretAccessKey\": \"" name "SECRET\"}'"
#define PROCESS "profile (credential_process)"

/* Expected: "provider id secret token". */
static const struct row rows[] = {
    {"environment", {E, ID, KEY}, NULL, NULL, {0}, "environment EID ESECRET -"},
    {"environment, token", {E, ID, KEY, "AWS_SESSION_TOKEN=T"}, NULL, NULL, {0}, "environment EID ESECRET T"},
    {"environment, old name", {E, ID, KEY, "AWS_SECURITY_TOKEN=T"}, NULL, NULL, {0}, "environment EID ESECRET T"},
    {"environment, both names",
     {E, ID, KEY, "AWS_SESSION_TOKEN=T1", "AWS_SECURITY_TOKEN=T2"},
     NULL,
     NULL,
     {0},
     "environment EID ESECRET T1"},
    {"environment, expires",
     {E, ID, KEY, "AWS_CREDENTIAL_EXPIRATION=2100-01-01T00:00:00Z"},
     NULL,
     NULL,
     {0},
     "environment EID ESECRET - expires"},
    {"environment, has expired: AWS decides",
     {E, ID, KEY, "AWS_CREDENTIAL_EXPIRATION=2001-01-01T00:00:00+00:00"},
     NULL,
     NULL,
     {0},
     "environment EID ESECRET - expires"},
    {"environment, expires at no time",
     {E, ID, KEY, "AWS_CREDENTIAL_EXPIRATION=soon"},
     NULL,
     NULL,
     {0},
     "!AWS_CREDENTIAL_EXPIRATION must be a time such as"},
    {"environment before profile", {E, ID, KEY}, NULL, "[default]\n" KEYS, {0}, "environment EID ESECRET -"},
    {"environment before AWS_PROFILE",
     {E, ID, KEY, "AWS_PROFILE=a"},
     NULL,
     "[a]\n" KEYS,
     {0},
     "environment EID ESECRET -"},
    {"--profile before environment", {E, ID, KEY}, NULL, "[a]\n" KEYS, {.profile = "a"}, "profile PID PSECRET -"},
    {"--profile without keys",
     {E, ID, KEY},
     "[profile a]\nx = y",
     NULL,
     {.profile = "a"},
     "!no AWS credentials found (profile: profile \"a\" in "},
    {"key without secret",
     {E, ID},
     NULL,
     "[default]\n" KEYS,
     {0},
     "!AWS_ACCESS_KEY_ID is set in the environment, but AWS_SECRET_ACCESS_KEY is not"},
    {"secret without key",
     {E, KEY},
     NULL,
     "[default]\n" KEYS,
     {0},
     "!AWS_SECRET_ACCESS_KEY is set in the environment, but AWS_ACCESS_KEY_ID is not"},
    {"empty secret", {E, ID, "AWS_SECRET_ACCESS_KEY="}, NULL, NULL, {0}, "!AWS_SECRET_ACCESS_KEY is not"},
    {"empty pair",
     {E, "AWS_ACCESS_KEY_ID=", "AWS_SECRET_ACCESS_KEY="},
     NULL,
     "[default]\n" KEYS,
     {0},
     "profile PID PSECRET -"},
    {"newline in the key id",
     {E, "AWS_ACCESS_KEY_ID=E\nX: y", KEY},
     NULL,
     NULL,
     {0},
     "!holds a blank or a control character"},
    {"newline in the token",
     {E, ID, KEY, "AWS_SESSION_TOKEN=T\n"},
     NULL,
     NULL,
     {0},
     "!holds a blank or a control character"},
    {"profile", {E}, NULL, "[default]\n" KEYS, {0}, "profile PID PSECRET -"},
    {"profile, token", {E}, NULL, "[default]\naws_session_token = T\n" KEYS, {0}, "profile PID PSECRET T"},
    {"profile in the configuration file", {E}, "[default]\n" KEYS, NULL, {0}, "profile PID PSECRET -"},
    {"AWS_PROFILE", {E, "AWS_PROFILE=a"}, NULL, "[a]\n" KEYS, {0}, "profile PID PSECRET -"},
    {"keys over two files",
     {E},
     "[default]\naws_access_key_id = PID",
     "[default]\naws_secret_access_key = PSECRET",
     {0},
     "profile PID PSECRET -"},
    {"credentials file wins",
     {E},
     "[default]\naws_access_key_id = X\naws_secret_access_key = Y",
     "[default]\n" KEYS,
     {0},
     "profile PID PSECRET -"},
    {"half a pair, id",
     {E},
     NULL,
     "[default]\naws_access_key_id = PID",
     {0},
     "!has aws_access_key_id but not aws_secret_access_key"},
    {"half a pair, secret",
     {E},
     NULL,
     "[default]\naws_secret_access_key = PSECRET",
     {0},
     "!has aws_secret_access_key but not aws_access_key_id"},
    {"blank in the key id",
     {E},
     NULL,
     "[default]\naws_access_key_id = P ID\naws_secret_access_key = PSECRET",
     {0},
     "!holds a blank or a control character"},
    {"nothing",
     {E},
     NULL,
     NULL,
     {0},
     "!no AWS credentials found (environment: AWS_ACCESS_KEY_ID is not set; profile: profile \"default\" in "},
    {"nothing, no profile", {E}, NULL, NULL, {0}, "!does not exist; "},
    {"nothing, settings only", {E}, "[default]\nregion = x", NULL, {0}, "!has no keys; "},
    {"nothing, to the end", {E}, NULL, NULL, {0}, "!; instance metadata: AWS_EC2_METADATA_DISABLED is true)"},
    {"environment before container", {E, ID, KEY, RELATIVE "x"}, NULL, NULL, {0}, "environment EID ESECRET -"},
    {"profile before container", {E, RELATIVE "x"}, NULL, "[default]\n" KEYS, {0}, "profile PID PSECRET -"},
    {"AWS_PROFILE that is absent, container",
     {E, "AWS_PROFILE=a", RELATIVE "x"},
     NULL,
     NULL,
     {0},
     "!_URI is not usable"},
    {"--profile without keys, container",
     {E, RELATIVE "x"},
     "[profile a]\nregion = r",
     NULL,
     {.profile = "a"},
     "!_URI is not usable"},
    {"half a pair, container", {E, ID, RELATIVE "x"}, NULL, NULL, {0}, "!but AWS_SECRET_ACCESS_KEY is not"},
    {"container elsewhere stops", {E, FULL "http://203.0.113.7/"}, NULL, NULL, {0}, "!must not be http:// on"},
    {"container, no token file",
     {E, FULL "http://127.0.0.1:1/", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/nonexistent/t"},
     NULL,
     NULL,
     {0},
     "!the authorization token cannot be read: /nonexistent/t (from AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE): No such"},
    {"container, token file first",
     {E, FULL "http://127.0.0.1:1/", "AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE=/dev/null",
      "AWS_CONTAINER_AUTHORIZATION_TOKEN=t"},
     NULL,
     NULL,
     {0},
     "!the authorization token from AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE, /dev/null cannot be sent"},
    {"container, line break in the token",
     {E, FULL "http://127.0.0.1:1/", "AWS_CONTAINER_AUTHORIZATION_TOKEN=t\r\nX: y"},
     NULL,
     NULL,
     {0},
     "!the authorization token from AWS_CONTAINER_AUTHORIZATION_TOKEN cannot be sent"},
    {"web identity without its file",
     {E, WEB, "AWS_ROLE_ARN=arn:aws:iam::1:role/r"},
     NULL,
     NULL,
     {0},
     "!cannot read the web identity token file /nonexistent/token: No such file or directory"},
    {"web identity without a role",
     {E, WEB},
     NULL,
     NULL,
     {0},
     "!AWS_WEB_IDENTITY_TOKEN_FILE is set in the environment, but AWS_ROLE_ARN is not"},
    {"web identity without a token file",
     {E, "AWS_ROLE_ARN=arn:aws:iam::1:role/r"},
     NULL,
     NULL,
     {0},
     "!web identity: AWS_WEB_IDENTITY_TOKEN_FILE is not set"},
    {"environment before web identity", {E, ID, KEY, WEB}, NULL, NULL, {0}, "environment EID ESECRET -"},
    {"profile before web identity", {E, WEB}, NULL, "[default]\n" KEYS, {0}, "profile PID PSECRET -"},
    {"missing AWS_PROFILE, web identity", {E, WEB, "AWS_PROFILE=a"}, NULL, NULL, {0}, "!but AWS_ROLE_ARN is not"},
    {"--profile before web identity",
     {E, WEB},
     "[profile a]\nx = y",
     NULL,
     {.profile = "a"},
     "!no AWS credentials found (profile: profile \"a\" in "},
    {"nothing, with long reasons",
     {E, "AWS_CONFIG_FILE=/nonexistent/" LONG_NAME, "AWS_SHARED_CREDENTIALS_FILE=/nonexistent/" LONG_NAME},
     NULL,
     NULL,
     {0},
     "!AWS_ACCESS_KEY_ID is not set; profile: profile \"default\" in /nonexistent/"},
    {"--role-arn on top of nothing",
     {E},
     NULL,
     NULL,
     {.role_arn = "arn:aws:iam::1:role/r"},
     "!no AWS credentials found (environment: "},
    {"--role-arn on top of half a pair",
     {E, ID},
     NULL,
     NULL,
     {.role_arn = "arn:aws:iam::1:role/r", .external_id = "x"},
     "!but AWS_SECRET_ACCESS_KEY is not"},
    {"role_arn", {E}, "[default]\nrole_arn = x\n" KEYS, NULL, {0}, "!has role_arn but neither source_profile nor"},
    {"token file alone", {E}, "[default]\nweb_identity_token_file = x", NULL, {0}, "!web_identity_token_file but not"},
    {"token file, role in the environment",
     {E, "AWS_ROLE_ARN=x"},
     "[default]\nweb_identity_token_file = x",
     NULL,
     {0},
     "!has web_identity_token_file but not role_arn"},
    {"SSO session", {E}, "[default]\n" SSO "sso_session = x", NULL, {0}, "!there is no section [sso-session x]"},
    {"legacy SSO", {E}, "[default]\n" SSO "sso_start_url = x", NULL, {0}, "!is for SSO but has no sso_region"},
    {"login", {E}, "[default]\nlogin_session = x", NULL, {0}, "!aws login"},
    {"MFA", {E}, "[default]\nrole_arn = x\nsource_profile = a\nmfa_serial = m", "[a]\n" KEYS, {0}, "!has mfa_serial"},
    {"process", {E}, "[default]\ncredential_process = " PRINT("C"), NULL, {0}, PROCESS " CID CSECRET -"},
    {"process before keys",
     {E},
     "[default]\n" KEYS "credential_process = " PRINT("C"),
     NULL,
     {0},
     PROCESS " CID CSECRET -"},
    {"process in a bad way", {E}, "[default]\ncredential_process = exit 3", NULL, {0}, "!failed with exit code 3"},
    {"environment before process",
     {E, ID, KEY},
     "[default]\ncredential_process = exit 3",
     NULL,
     {0},
     "environment EID ESECRET -"},
    {"credential_source = Environment",
     {E, ID, KEY},
     "[profile a]\ncredential_source = Environment",
     NULL,
     {.profile = "a"},
     "environment EID ESECRET -"},
    {"credential_source = Environment, which has nothing",
     {E},
     "[default]\ncredential_source = Environment",
     NULL,
     {0},
     "!profile \"default\" has credential_source = Environment, but AWS_ACCESS_KEY_ID is not set"},
    {"credential_source = EcsContainer, which has nothing",
     {E},
     "[default]\ncredential_source = EcsContainer",
     NULL,
     {0},
     "!profile \"default\" has credential_source = EcsContainer, but AWS_CONTAINER"},
    {"credential_source = EcsContainer, which is wrong",
     {E, RELATIVE "x"},
     "[default]\ncredential_source = EcsContainer",
     NULL,
     {0},
     "!_URI is not usable"},
    {"credential_source = Ec2InstanceMetadata, which has nothing",
     {E},
     "[default]\ncredential_source = Ec2InstanceMetadata",
     NULL,
     {0},
     "!profile \"default\" has credential_source = Ec2InstanceMetadata, but AWS_EC2_METADATA_DISABLED is true"},
    {"no such credential_source",
     {E},
     "[default]\ncredential_source = X",
     NULL,
     {0},
     "!it must be Environment, EcsContainer"},
    {"another kind, but environment", {E, ID, KEY}, "[default]\nrole_arn = x", NULL, {0}, "environment EID ESECRET -"},
};

static void test_chain(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_aws_session_ struct aws_session *session = NULL;
        _cleanup_credentials_ struct credentials *credentials = NULL;
        struct error error = {.kind = ERROR_NONE};
        char got[1024];
        assert_int_equal(open_session(&rows[i], &session, &error), 0);
        int r = aws_session_credentials(session, NULL, clock_monotonic_ns() + NS_PER_SEC, &credentials, &error);
        if (r == 0) {
            const struct secret *token = credentials->session_token;
            const char *expires = credentials->expires_ns == CLOCK_NEVER_NS ? "" : " expires";
            (void)snprintf(got, sizeof(got), "%s %s %s %s%s", credentials->provider, credentials->access_key_id,
                           secret_bytes(credentials->secret_access_key), token ? secret_bytes(token) : "-", expires);
        } else {
            assert_true(error.kind == ERROR_NO_CREDENTIALS || error.kind == ERROR_BAD_REQUEST);
            assert_null(strstr(error.message, "SECRET "));
            (void)snprintf(got, sizeof(got), "!%s", error.message);
        }
        failures += row_is_good(&rows[i], r, got) ? 0 : 1;
    }
    assert_int_equal(failures, 0);
}

static const char *current_id(struct aws_session *session, struct credentials **credentials)
{
    credentials_unref(*credentials);
    *credentials = NULL;
    assert_int_equal(aws_session_credentials(session, NULL, clock_monotonic_ns() + NS_PER_SEC, credentials, NULL), 0);
    return (*credentials)->access_key_id;
}

static void rotate_key(void)
{
    assert_int_equal(rename(".aws/credentials", ".aws/old"), 0);
    write_file(".aws/credentials", "[default]\naws_access_key_id = NEW\naws_secret_access_key = S\n");
}

static void test_changed_file_is_noticed(void **state)
{
    (void)state;
    static const struct row row = {"", {E}, NULL, "[default]\n" KEYS, {0}, NULL};
    _cleanup_aws_session_ struct aws_session *session = NULL;
    _cleanup_credentials_ struct credentials *credentials = NULL;
    assert_int_equal(open_session(&row, &session, NULL), 0);
    assert_string_equal(current_id(session, &credentials), "PID");
    rotate_key();
    assert_string_equal(current_id(session, &credentials), "NEW");
}

static void test_refused_key_is_read_again(void **state)
{
    (void)state;
    static const struct row row = {"", {E}, NULL, "[default]\n" KEYS, {0}, NULL};
    _cleanup_aws_session_ struct aws_session *session = NULL;
    _cleanup_credentials_ struct credentials *credentials = NULL;
    assert_int_equal(open_session(&row, &session, NULL), 0);
    assert_string_equal(current_id(session, &credentials), "PID");
    assert_string_equal(current_id(session, &credentials), "PID"); /* looks at the files, so not soon again */
    rotate_key();
    aws_session_credentials_refused(session, credentials);
    assert_string_equal(current_id(session, &credentials), "NEW");
}

/* The process may drop its environment once the session is there. */
static void test_environment_is_copied(void **state)
{
    (void)state;
    static const struct row row = {"", {E, ID, KEY}, NULL, NULL, {0}, NULL};
    _cleanup_aws_session_ struct aws_session *session = NULL;
    _cleanup_credentials_ struct credentials *credentials = NULL;
    assert_int_equal(open_session(&row, &session, NULL), 0);
    assert_int_equal(clearenv(), 0);
    assert_string_equal(current_id(session, &credentials), "EID");
}

struct told {
    char text[1024];
};

static void tell(void *context, const char *provider, enum provider_outcome outcome, const char *message)
{
    static const char *const words[] = {"not configured", "used", "failed"};
    struct told *told = context;
    size_t size = strlen(told->text);
    (void)snprintf(told->text + size, sizeof(told->text) - size, "%s %s (%.17s) ", provider, words[outcome], message);
}

static void test_it_tells_what_each_provider_said(void **state)
{
    (void)state;
    static const struct {
        struct row row;
        const char *expected; /* the beginning */
    } cases[] = {
        {{"", {E, ID, KEY}, NULL, "[default]\n" KEYS, {0}, NULL}, "environment used () "},
        {{"", {E}, NULL, "[default]\n" KEYS, {0}, NULL},
         "environment not configured (AWS_ACCESS_KEY_ID) profile used () "},
        {{"", {E, ID}, NULL, "[default]\n" KEYS, {0}, NULL}, "environment failed (AWS_ACCESS_KEY_ID) "},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_aws_session_ struct aws_session *session = NULL;
        _cleanup_credentials_ struct credentials *credentials = NULL;
        struct told told = {""};
        assert_int_equal(open_session(&cases[i].row, &session, NULL), 0);
        aws_session_each_provider(session, tell, &told);
        assert_string_equal(told.text, ""); /* nobody has been asked yet */
        (void)aws_session_credentials(session, NULL, clock_monotonic_ns() + NS_PER_SEC, &credentials, NULL);
        aws_session_each_provider(session, tell, &told);
        assert_string_equal(told.text, cases[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_tells_what_each_provider_said),
        cmocka_unit_test(test_chain),
        cmocka_unit_test(test_changed_file_is_noticed),
        cmocka_unit_test(test_refused_key_is_read_again),
        cmocka_unit_test(test_environment_is_copied),
    };
    return cmocka_run_group_tests(tests, make_home, remove_home);
}

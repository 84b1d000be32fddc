/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/profile_sources.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/retry.h"
#include "tests/unit/http_server.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* sha1("s"), sha1("https://start"), sha256("arn") */
#define SESSION_FILE ".aws/sso/cache/a0f1490a20d0211c997b44bc357e1972deab8ae3.json"
#define LEGACY_FILE ".aws/sso/cache/6ad0e7e61d1f47e491ea32c2031add41ef92e07d.json"
#define LOGIN_FILE ".aws/login/cache/42e7ab5b52beca9d20fbc05fa6b72c0a48755ada50d340472ab6f1832cbf42ac.json"

#define ROLE "sso_account_id = 123456789012\nsso_role_name = Read Only\n"
#define SESSION "[sso-session s]\nsso_start_url = https://start\nsso_region = eu-west-1\n"
#define MODERN "[profile p]\nsso_session = s\n" ROLE SESSION
#define LEGACY "[profile p]\nsso_start_url = https://start\nsso_region = eu-west-1\n" ROLE
#define LOGIN "[profile p]\nlogin_session = arn\n"

#define KEY_PEM                                                                                \
    "-----BEGIN EC PRIVATE KEY-----\\nMHcCAQEEIPt/u8InPLpQeQLJTvVX+sNDzni8vMDMt3Liu+"          \
    "nMBigfoAoGCCqGSM49\\nAwEHoUQDQgAEILkGG7rNOnxiIJlMgimY1UPP8eDMFP0DAY6WGjngP4bvTAiUCQ/I\\n" \
    "ffut2379uP+OBCm2ovGpBOJRgrl1RspUOQ==\\n-----END EC PRIVATE KEY-----\\n"

#define SSO_TOKEN(expires) "{\"accessToken\": \"bearer\", \"expiresAt\": \"" expires "\", \"kept\": 1.50}"
#define SSO_TOKEN_RENEWABLE(expires)                                                                           \
    "{\"accessToken\": \"bearer\", \"expiresAt\": \"" expires "\", \"kept\": 1.50, \"refreshToken\": \"r1\", " \
    "\"clientId\": \"id\", \"clientSecret\": \"cs\", \"registrationExpiresAt\": \"2999-01-01T00:00:00Z\"}"
#define LOGIN_TOKEN(expires)                                                                             \
    "{\"accessToken\": {\"accessKeyId\": \"OLD\", \"secretAccessKey\": \"S\", \"sessionToken\": \"T\", " \
    "\"accountId\": \"1\", \"expiresAt\": \"" expires "\"}, \"kept\": 1.50, \"refreshToken\": \"r1\", "  \
    "\"clientId\": \"id\", \"dpopKey\": \"" KEY_PEM "\"}"
#define FUTURE "2999-01-01T00:00:00Z"
#define PAST "2020-01-01T00:00:00Z"

#define HEAD(status, length) "HTTP/1.1 " status "\r\nContent-Length: " #length "\r\n"
#define CREDENTIALS                                                                                        \
    HEAD("200 OK", 110)                                                                                    \
    "\r\n{\"roleCredentials\":{\"accessKeyId\":\"AKID\",\"secretAccessKey\":\"S\",\"sessionToken\":\"T\"," \
    "\"expiration\":1795262400000}}"
#define RENEWED HEAD("200 OK", 63) "\r\n{\"accessToken\":\"bearer2\",\"expiresIn\":28800,\"refreshToken\":\"r2\"}"
#define LOGIN_RENEWED                                                                                    \
    HEAD("200 OK", 130)                                                                                  \
    "\r\n{\"accessToken\":{\"accessKeyId\":\"NEW\",\"secretAccessKey\":\"S2\",\"sessionToken\":\"T2\"}," \
    "\"refreshToken\":\"r2\",\"expiresIn\":900,\"x\":\"\"}       "

typedef int fetch_function(const struct profile_source *source, struct http *http, uint64_t deadline_ns,
                           struct credentials **ret_credentials, struct error *ret_error);

static char home[] = "/tmp/secretsfs-test-sso-XXXXXX";

static void write_file(const char *path, const char *text)
{
    (void)unlink(path);
    if (!text)
        return;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(close(fd), 0);
}

/* Fetches by profile "p"; `server` (may be NULL) stands for all services. Returns the access key id, or "!" and the
 * error's message. */
static const char *fetch(const char *config_text, const struct server *server, fetch_function *function)
{
    static char got[1024];
    char home_variable[64], endpoint[96];
    char *variables[] = {home_variable, endpoint, NULL};
    _cleanup_environment_ struct environment *environment = NULL;
    _cleanup_(config_files_freep) struct config_files *files = NULL;
    _cleanup_config_ struct config *config = NULL;
    _cleanup_(retry_bucket_freep) struct retry_bucket *bucket = NULL;
    _cleanup_http_ struct http *http = NULL;
    _cleanup_credentials_ struct credentials *credentials = NULL;
    struct error error = {.kind = ERROR_NONE};

    write_file(".aws/config", config_text);
    (void)snprintf(home_variable, sizeof(home_variable), "HOME=%s", home);
    (void)snprintf(endpoint, sizeof(endpoint), "AWS_ENDPOINT_URL=%s", server ? server->url : "http://127.0.0.1:1");
    assert_int_equal(environment_new(variables, &environment), 0);
    assert_int_equal(config_files_new(environment, &files), 0);
    assert_int_equal(config_files_load(files, &config, &error), 0);
    assert_int_equal(retry_bucket_new(&bucket), 0);
    assert_int_equal(http_new(&http), 0);
    const struct settings settings = {.environment = environment, .config = config, .profile_name = "p"};
    const struct endpoint_rules endpoints = {.settings = &settings};
    struct signing_clock clock = {0};
    const struct provider_context context = {
        .environment = environment,
        .files = files,
        .profile = "p",
        .settings = &settings,
        .endpoints = &endpoints,
        .region = "eu-west-1",
        .max_attempts = 3,
        .bucket = bucket,
        .clock = &clock,
    };
    const struct profile_source source = {
        .context = &context, .config = config, .profile = config_profile(config, "p"), .name = "p"};
    int r = function(&source, http, clock_monotonic_ns() + 5 * NS_PER_SEC, &credentials, &error);
    (void)snprintf(got, sizeof(got), "%s%s", r < 0 ? "!" : "", r < 0 ? error.message : credentials->access_key_id);
    return got;
}

static void assert_holds(const char *text, const char *part)
{
    if (!strstr(text, part))
        fail_msg("\"%s\" is not in \"%s\"", part, text);
}

static void test_settings(void **state)
{
    (void)state;
#define BOTH "[profile p]\nsso_session = s\n" ROLE
    static const struct {
        const char *config, *expected;
    } rows[] = {
        {MODERN, "!there is no SSO token (/"},
        {LEGACY, "!there is no SSO token (/"},
        {BOTH, "but there is no section [sso-session s]"},
        {BOTH "sso_region = eu-west-1\n" SESSION, "!there is no SSO token"},
        {BOTH "sso_region = us-east-1\n" SESSION, "!sso_region differs between profile \"p\" (us-east-1)"},
        {BOTH "sso_start_url = https://other\n" SESSION, "!sso_start_url differs"},
        {BOTH "sso_start_url = https://start\n" SESSION, "!there is no SSO token"},
        {"[profile p]\nsso_session = s\nsso_account_id = 1\n" SESSION, "has no sso_role_name"},
        {"[profile p]\nsso_session = s\nsso_role_name = r\n" SESSION, "has no sso_account_id"},
        {"[profile p]\nsso_session = s\n" SESSION, "has no sso_account_id"},
        {BOTH "[sso-session s]\nsso_start_url = https://start\n", "has no sso_region, nor has its sso-session"},
        {BOTH "[sso-session s]\nsso_region = eu-west-1\n", "has no sso_start_url, nor has its sso-session"},
        {"[profile p]\nsso_start_url = https://start\n" ROLE, "has no sso_region"},
        {"[profile p]\nsso_region = eu-west-1\n" ROLE, "has no sso_start_url"},
        {"[profile p]\nsso_start_url = https://start\nsso_region = e/vil\n" ROLE, "not an AWS region"},
        {BOTH SESSION "sso_account_id = 2\n", "!sso_account_id differs"},
    };
    write_file(SESSION_FILE, NULL);
    write_file(LEGACY_FILE, NULL);
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_holds(fetch(rows[i].config, NULL, credentials_sso_fetch), rows[i].expected);
}

enum kind {
    KIND_SESSION,
    KIND_LEGACY,
    KIND_LOGIN,
};

static const struct {
    const char *config, *path;
    fetch_function *fetch;
} kinds[] = {
    [KIND_SESSION] = {MODERN, SESSION_FILE, credentials_sso_fetch},
    [KIND_LEGACY] = {LEGACY, LEGACY_FILE, credentials_sso_fetch},
    [KIND_LOGIN] = {LOGIN, LOGIN_FILE, credentials_login_fetch},
};

/* What is in the file, what the services answer, and what comes of it. */
static const struct {
    const char *about;
    enum kind kind;
    const char *text;
    const char *answers[4]; /* "" resets the connection */
    const char *expected, *sent, *file_after;
} exchanges[] = {
    {"sso-session",
     KIND_SESSION,
     SSO_TOKEN(FUTURE),
     {CREDENTIALS},
     "AKID",
     "GET /federation/credentials?role_name=Read%20Only&account_id=123456789012 HTTP/1.1",
     "\"kept\": 1.50}"},
    {"bearer token",
     KIND_SESSION,
     SSO_TOKEN(FUTURE),
     {CREDENTIALS},
     "AKID",
     "\r\nx-amz-sso_bearer_token: bearer\r\n",
     "bearer"},
    {"without a session", KIND_LEGACY, SSO_TOKEN(FUTURE), {CREDENTIALS}, "AKID", "GET /federation/", "bearer"},
    {"a failure is retried",
     KIND_SESSION,
     SSO_TOKEN(FUTURE),
     {HEAD("503 x", 0) "\r\n", "", CREDENTIALS},
     "AKID",
     "GET ",
     "bearer"},
    {"throttled",
     KIND_SESSION,
     SSO_TOKEN(FUTURE),
     {HEAD("429 x", 0) "\r\n", HEAD("429 x", 0) "\r\n", HEAD("429 x", 0) "\r\n"},
     "!http",
     "GET ",
     ""},
    {"token refused",
     KIND_SESSION,
     SSO_TOKEN(FUTURE),
     {HEAD("401 x", 0) "x-amzn-ErrorType: UnauthorizedException:http://x\r\n\r\n"},
     "run: aws sso login --profile p",
     "GET ",
     ""},
    {"role not assigned",
     KIND_SESSION,
     SSO_TOKEN(FUTURE),
     {HEAD("403 x", 0) "\r\n"},
     "may not use role Read Only in account 123456789012",
     "GET ",
     ""},
    {"no such role",
     KIND_SESSION,
     SSO_TOKEN(FUTURE),
     {HEAD("404 x", 0) "\r\n"},
     "answers HTTP 404: who has signed in may not use role",
     "GET ",
     ""},
    {"garbage",
     KIND_SESSION,
     SSO_TOKEN(FUTURE),
     {HEAD("200 OK", 5) "\r\n<htm>"},
     "there are no credentials in it",
     "GET ",
     ""},
    {"expired", KIND_SESSION, SSO_TOKEN(PAST), {NULL}, "!the SSO token has expired (/", "", ""},
    {"no token", KIND_SESSION, "{}", {NULL}, "!the file holds no SSO token (/", "", ""},
    {"token with a line break",
     KIND_SESSION,
     "{\"accessToken\": \"a\\r\\nb\", \"expiresAt\": \"" FUTURE "\"}",
     {NULL},
     "!the file holds no SSO token (/",
     "",
     ""},
    {"renewed",
     KIND_SESSION,
     SSO_TOKEN_RENEWABLE(PAST),
     {RENEWED, CREDENTIALS},
     "AKID",
     "\r\nx-amz-sso_bearer_token: bearer2\r\n",
     "\"kept\": 1.50, "},
    {"renewed: what is asked",
     KIND_SESSION,
     SSO_TOKEN_RENEWABLE(PAST),
     {RENEWED, CREDENTIALS},
     "AKID",
     "{\"clientId\": \"id\", \"clientSecret\": \"cs\", \"grantType\": \"refresh_token\", \"refreshToken\": \"r1\"}",
     "\"refreshToken\": \"r2\"}"},
    {"renewed, and then the portal is down",
     KIND_SESSION,
     SSO_TOKEN_RENEWABLE(PAST),
     {RENEWED, HEAD("403 x", 0) "\r\n"},
     "!http",
     "POST /token ",
     "bearer2"},
    {"not without a session",
     KIND_LEGACY,
     SSO_TOKEN_RENEWABLE(PAST),
     {NULL},
     "!the SSO token has expired (/",
     "",
     "\"r1\""},
    {"not renewed",
     KIND_SESSION,
     SSO_TOKEN_RENEWABLE(PAST),
     {HEAD("400 x", 0) "\r\n"},
     "run: aws sso login --profile p",
     "POST /token ",
     "\"r1\""},
    {"renewal fails",
     KIND_SESSION,
     SSO_TOKEN_RENEWABLE(PAST),
     {HEAD("500 x", 0) "\r\n", HEAD("500 x", 0) "\r\n", HEAD("500 x", 0) "\r\n"},
     "answers HTTP 500: the service fails",
     "POST /token ",
     "\"r1\""},
    {"renewal is garbage",
     KIND_SESSION,
     SSO_TOKEN_RENEWABLE(PAST),
     {HEAD("200 OK", 2) "\r\n{}"},
     "this is no token",
     "POST /token ",
     "\"r1\""},

    {"login", KIND_LOGIN, LOGIN_TOKEN(FUTURE), {NULL}, "OLD", "", "\"r1\""},
    {"login: none", KIND_LOGIN, NULL, {NULL}, "!aws login has left no credentials (/", "", NULL},
    {"login: bad file", KIND_LOGIN, "{}", {NULL}, "!accessToken is missing in the file (/", "", "{}"},
    {"login: renewed", KIND_LOGIN, LOGIN_TOKEN(PAST), {LOGIN_RENEWED}, "NEW", "POST /v1/token ", "\"kept\": 1.50, "},
    {"login: proof",
     KIND_LOGIN,
     LOGIN_TOKEN(PAST),
     {LOGIN_RENEWED},
     "NEW",
     "\r\nDPoP: eyJ0eXAiOiJkcG9wK2p3dCIs",
     "\"refreshToken\": \"r2\"}"},
    {"login: what is asked",
     KIND_LOGIN,
     LOGIN_TOKEN(PAST),
     {LOGIN_RENEWED},
     "NEW",
     "{\"clientId\": \"id\", \"refreshToken\": \"r1\", \"grantType\": \"refresh_token\"}",
     "\"accountId\": \"1\""},
    {"login: over",
     KIND_LOGIN,
     LOGIN_TOKEN(PAST),
     {HEAD("401 x", 25) "\r\n{\"error\":\"TOKEN_EXPIRED\"}"},
     "run: aws login --profile p",
     "POST ",
     "\"r1\""},
    {"login: not permitted",
     KIND_LOGIN,
     LOGIN_TOKEN(PAST),
     {HEAD("403 x", 36) "\r\n{\"error\":\"INSUFFICIENT_PERMISSIONS\"}"},
     "signin:CreateOAuth2Token",
     "POST ",
     "\"r1\""},
    {"login: service down",
     KIND_LOGIN,
     LOGIN_TOKEN(PAST),
     {HEAD("500 x", 0) "\r\n", HEAD("500 x", 0) "\r\n", HEAD("500 x", 0) "\r\n"},
     "!http",
     "POST ",
     "\"r1\""},
};

static void test_tokens(void **state)
{
    (void)state;
    for (size_t i = 0; i < COUNT(exchanges); i++) {
        struct server server;
        size_t count = 0;
        struct step steps[COUNT(exchanges[i].answers)];
        for (; count < COUNT(steps) && exchanges[i].answers[count]; count++)
            steps[count] =
                (struct step){exchanges[i].answers[count], *exchanges[i].answers[count] ? THEN_KEEP : THEN_RESET, 0};
        print_message("%s\n", exchanges[i].about);
        write_file(kinds[exchanges[i].kind].path, exchanges[i].text);
        server_start(&server, steps, count);
        const char *got = fetch(kinds[exchanges[i].kind].config, &server, kinds[exchanges[i].kind].fetch);
        server_stop(&server);
        assert_holds(got, exchanges[i].expected);
        assert_int_equal(got[0] == '!', exchanges[i].expected[0] != 'A' && exchanges[i].expected[0] != 'N' &&
                                            exchanges[i].expected[0] != 'O');
        assert_int_equal(server.requests, count);
        assert_holds(server.history, exchanges[i].sent);
        if (!exchanges[i].file_after)
            continue;
        _cleanup_buffer_ struct buffer text;
        struct stat st;
        buffer_init(&text, 65536);
        assert_int_equal(file_read(kinds[exchanges[i].kind].path, &text), 0);
        assert_holds(text.bytes, exchanges[i].file_after);
        assert_int_equal(stat(kinds[exchanges[i].kind].path, &st), 0);
        assert_int_equal(st.st_mode & 07777, 0600);
    }
}

/* The token is about to expire, another mount holds the lock, and puts a new token into the file meanwhile. */
static void *other_mount(void *context)
{
    int fd = *(int *)context;
    const struct timespec interval = {.tv_nsec = 100000000};
    (void)nanosleep(&interval, NULL);
    write_file(SESSION_FILE, SSO_TOKEN(FUTURE));
    (void)close(fd);
    return NULL;
}

static void test_another_mount(void **state)
{
    (void)state;
    static const struct step steps[] = {{CREDENTIALS, THEN_KEEP, 0}};
    struct server server;
    pthread_t thread;
    write_file(SESSION_FILE, SSO_TOKEN_RENEWABLE(PAST));
    int fd = open(".aws/sso/cache", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(flock(fd, LOCK_EX), 0);
    START(&server, steps);
    assert_int_equal(pthread_create(&thread, NULL, other_mount, &fd), 0);
    assert_string_equal(fetch(MODERN, &server, credentials_sso_fetch), "AKID");
    (void)pthread_join(thread, NULL);
    server_stop(&server);
    assert_int_equal(server.requests, 1);
}

/* A new refresh token that cannot be kept would sign the person out. */
static void test_full_disk(void **state)
{
    (void)state;
    static const struct step steps[] = {{CREDENTIALS, THEN_KEEP, 0}};
    struct rlimit limit, small;
    struct server server;
    write_file(SESSION_FILE, SSO_TOKEN_RENEWABLE(PAST));
    START(&server, steps);
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &limit), 0);
    small = (struct rlimit){.rlim_cur = 4096, .rlim_max = limit.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const char *got = fetch(MODERN, &server, credentials_sso_fetch);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &limit), 0);
    server_stop(&server);
    assert_holds(got, "cannot be replaced (File too large)");
    assert_int_equal(server.requests, 0);
}

static int make_home(void **state)
{
    (void)state;
    if (!mkdtemp(home) || chdir(home) < 0 || http_setup() < 0)
        return -1;
    static const char *const directories[] = {".aws", ".aws/sso", ".aws/sso/cache", ".aws/login", ".aws/login/cache"};
    for (size_t i = 0; i < COUNT(directories); i++)
        if (mkdir(directories[i], 0700) < 0)
            return -1;
    return 0;
}

/* Nothing else may be left: no temporary files. */
static int remove_home(void **state)
{
    (void)state;
    static const char *const files[] = {SESSION_FILE, LEGACY_FILE, LOGIN_FILE, ".aws/config"};
    static const char *const directories[] = {".aws/sso/cache", ".aws/sso", ".aws/login/cache", ".aws/login", ".aws"};
    for (size_t i = 0; i < COUNT(files); i++)
        (void)unlink(files[i]);
    for (size_t i = 0; i < COUNT(directories); i++)
        if (rmdir(directories[i]) < 0)
            return -1;
    return chdir("/") == 0 && rmdir(home) == 0 ? 0 : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_settings),
        cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_another_mount),
        cmocka_unit_test(test_full_disk),
    };
    return cmocka_run_group_tests_name("auth sso", tests, make_home, remove_home);
}

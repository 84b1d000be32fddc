/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/token_file.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "auth/dpop.h"
#include "auth/login_token.h"
#include "auth/sso_token.h"
#include "base/clock.h"
#include "base/json.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* 2026-11-21T12:00:00Z */
#define NOON_NS (UINT64_C(1795262400) * NS_PER_SEC)

static void test_paths(void **state)
{
    (void)state;
    static const struct {
        const char *variable, *directory, *digest, *name, *expected;
    } rows[] = {
        {"HOME=/home/u", "~/.aws/sso/cache", "SHA1", "dev-scopes",
         "/home/u/.aws/sso/cache/75e4d41276d8bd17f85986fc6cccef29fd725ce3.json"},
        {"HOME=/home/u", "~/.aws/login/cache", "SHA256", "arn:aws:sts::012345678910:assumed-role/Admin/admin",
         "/home/u/.aws/login/cache/4b0ba8f99f075c0633e122fd73346ce203a3faf18ea0310eb2d29df1bab2e255.json"},
        {"HOME=", "/var/cache/aws", "SHA1", "", "/var/cache/aws/da39a3ee5e6b4b0d3255bfef95601890afd80709.json"},
        {"HOME=", "~/.aws/sso/cache", "SHA1", "x", "!HOME is not set"},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        char variable[64];
        char *variables[] = {variable, NULL};
        _cleanup_environment_ struct environment *environment = NULL;
        _cleanup_free_ char *path = NULL;
        struct error error = {0};
        (void)snprintf(variable, sizeof(variable), "%s", rows[i].variable);
        assert_int_equal(environment_new(variables, &environment), 0);
        int r = token_file_path(environment, rows[i].directory, rows[i].digest, rows[i].name, &path, &error);
        if (rows[i].expected[0] == '!') {
            assert_true(r < 0);
            assert_non_null(strstr(error.message, rows[i].expected + 1));
        } else {
            assert_int_equal(r, 0);
            assert_string_equal(path, rows[i].expected);
        }
    }
}

/* What is expected of a text. */
enum { BAD = -1, PLAIN = 0, REFRESHABLE = 1 };

#define REGISTERED "\"clientId\":\"id\",\"clientSecret\":\"cs\",\"refreshToken\":\"r\",\"registrationExpiresAt\":"

static void test_sso_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int expected;
    } rows[] = {
        {"{\"accessToken\":\"t\",\"expiresAt\":\"2026-11-21T12:00:00Z\"}", PLAIN},
        {"{\"accessToken\":\"t\",\"expiresAt\":\"2026-11-21T12:00:00UTC\"}", PLAIN},
        {" {\"x\":[{}],\"accessToken\":\"t\",\"expiresAt\":\"2026-11-21T13:00:00+01:00\",\"y\":null}\n", PLAIN},
        {"{\"accessToken\":1,\"accessToken\":\"t\",\"expiresAt\":\"2026-11-21T12:00:00Z\"}", PLAIN},
        {"{\"accessToken\":\"t\",\"expiresAt\":\"2026-11-21T12:00:00Z\"," REGISTERED "\"2027-01-01T00:00:00Z\"}",
         REFRESHABLE},
        {"{\"accessToken\":\"t\",\"expiresAt\":\"2026-11-21T12:00:00Z\"," REGISTERED "\"2026-01-01T00:00:00Z\"}",
         PLAIN},
        {"{\"accessToken\":\"t\",\"expiresAt\":\"2026-11-21T12:00:00Z\"," REGISTERED "null}", PLAIN},
        {"{\"accessToken\":\"t\",\"expiresAt\":\"2026-11-21T12:00:00Z\"," REGISTERED
         "\"2027-01-01T00:00:00Z\",\"clientSecret\":\"\"}",
         PLAIN},
        {"", BAD},
        {"null", BAD},
        {"[]", BAD},
        {"{}", BAD},
        {"{\"accessToken\":\"t\"}", BAD},
        {"{\"accessToken\":\"\",\"expiresAt\":\"2026-11-21T12:00:00Z\"}", BAD},
        {"{\"accessToken\":null,\"expiresAt\":\"2026-11-21T12:00:00Z\"}", BAD},
        {"{\"accessToken\":{},\"expiresAt\":\"2026-11-21T12:00:00Z\"}", BAD},
        {"{\"accessToken\":\"t\",\"expiresAt\":1795262400}", BAD},
        {"{\"accessToken\":\"t\",\"expiresAt\":\"tomorrow\"}", BAD},
        {"{\"accessToken\":\"t\",\"expiresAt\":\"2026-11-21T12:00:00Z\"", BAD},
        {"{\"accessToken\":\"t\",\"expiresAt\":\"2026-11-21T12:00:00Z\"}}", BAD},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct sso_token token;
        int r = sso_token_parse(rows[i].text, strlen(rows[i].text), &token);
        int got = r < 0 ? BAD : sso_token_is_refreshable(&token, NOON_NS) ? REFRESHABLE : PLAIN;
        if (got != rows[i].expected || (r == 0 && token.expires_ns != NOON_NS))
            fail_msg("%s: %d", rows[i].text, got);
    }
}

static void test_sso_renewal(void **state)
{
    (void)state;
    static const char text[] =
        "{\"startUrl\": \"https://x\", \"new\": [1.50, {\"a\": null}], \"accessToken\": \"old\",\n"
        "\"expiresAt\": \"2026-11-21T11:00:00Z\", \"refreshToken\": \"r1\", \"clientId\": \"id\","
        "\"clientSecret\": \"a\\\"b\", \"registrationExpiresAt\": \"2027-01-01T00:00:00Z\"}";
    static const struct {
        const char *answer, *expected;
    } rows[] = {
        {"{\"accessToken\":\"t\\u0041\",\"tokenType\":\"Bearer\",\"expiresIn\":3600,\"refreshToken\":\"r2\"}",
         "{\"startUrl\": \"https://x\", \"new\": [1.50, {\"a\": null}], \"clientId\": \"id\", "
         "\"clientSecret\": \"a\\\"b\", \"registrationExpiresAt\": \"2027-01-01T00:00:00Z\", "
         "\"accessToken\": \"t\\u0041\", \"expiresAt\": \"2026-11-21T13:00:00Z\", \"refreshToken\": \"r2\"}"},
        {"{\"accessToken\":\"t\",\"expiresIn\":1,\"refreshToken\":null}",
         "{\"startUrl\": \"https://x\", \"new\": [1.50, {\"a\": null}], \"refreshToken\": \"r1\", "
         "\"clientId\": \"id\", \"clientSecret\": \"a\\\"b\", \"registrationExpiresAt\": \"2027-01-01T00:00:00Z\", "
         "\"accessToken\": \"t\", \"expiresAt\": \"2026-11-21T12:00:01Z\"}"},
        {"{\"accessToken\":\"t\"}", NULL},
        {"{\"expiresIn\":1}", NULL},
        {"{\"accessToken\":\"t\",\"expiresIn\":-1}", NULL},
        {"{\"accessToken\":\"t\",\"expiresIn\":1e30}", NULL},
        {"<html>", NULL},
        {"", NULL},
    };
    struct sso_token token;
    assert_int_equal(sso_token_parse(text, strlen(text), &token), 0);
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_buffer_ struct buffer renewed;
        buffer_init(&renewed, TOKEN_TEXT_MAX_BYTES);
        int r = sso_token_renew(&token, rows[i].answer, strlen(rows[i].answer), NOON_NS, &renewed);
        assert_int_equal(r, rows[i].expected ? 0 : -EBADMSG);
        if (rows[i].expected)
            assert_string_equal(renewed.bytes, rows[i].expected);
    }
    _cleanup_buffer_ struct buffer body;
    buffer_init(&body, TOKEN_TEXT_MAX_BYTES);
    assert_int_equal(sso_token_request(&token, &body), 0);
    assert_string_equal(body.bytes, "{\"clientId\": \"id\", \"clientSecret\": \"a\\\"b\", "
                                    "\"grantType\": \"refresh_token\", \"refreshToken\": \"r1\"}");
}

static void test_role_credentials(void **state)
{
    (void)state;
#define ROLE(members) "{\"roleCredentials\":{" members "}}"
    static const struct {
        const char *answer;
        uint64_t expires_ns; /* 0: bad */
    } rows[] = {
        {ROLE("\"accessKeyId\":\"A\",\"secretAccessKey\":\"S\",\"sessionToken\":\"T\",\"expiration\":1795262400000"),
         NOON_NS},
        {ROLE("\"accessKeyId\":\"A\",\"secretAccessKey\":\"S\",\"sessionToken\":\"T\",\"expiration\":1.7952624E12"),
         NOON_NS},
        {ROLE("\"accessKeyId\":\"A\",\"secretAccessKey\":\"S\",\"sessionToken\":\"T\",\"expiration\":\"1\""), 0},
        {ROLE("\"accessKeyId\":\"A\",\"secretAccessKey\":\"S\",\"sessionToken\":\"T\""), 0},
        {ROLE("\"accessKeyId\":\"A\",\"secretAccessKey\":\"S\",\"expiration\":1795262400000"), 0},
        {ROLE("\"accessKeyId\":\"A\\n\",\"secretAccessKey\":\"S\",\"sessionToken\":\"T\",\"expiration\":1"), 0},
        {ROLE("\"accessKeyId\":\"A\\u0000\",\"secretAccessKey\":\"S\",\"sessionToken\":\"T\",\"expiration\":1"), 0},
        {ROLE("\"accessKeyId\":\"\",\"secretAccessKey\":\"S\",\"sessionToken\":\"T\",\"expiration\":1"), 0},
        {"{\"roleCredentials\":null}", 0},
        {"{}", 0},
        {"<html>", 0},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        _cleanup_credentials_ struct credentials *credentials = NULL;
        int r = sso_role_credentials(rows[i].answer, strlen(rows[i].answer), &credentials);
        assert_int_equal(r, rows[i].expires_ns ? 0 : -EBADMSG);
        if (r < 0)
            continue;
        assert_string_equal(credentials->access_key_id, "A");
        assert_string_equal(secret_bytes(credentials->secret_access_key), "S");
        assert_string_equal(secret_bytes(credentials->session_token), "T");
        assert_int_equal(credentials->expires_ns, rows[i].expires_ns);
        assert_string_equal(credentials->provider, "sso");
    }
}

#define ACCESS                                                                                                     \
    "\"accessToken\":{\"accessKeyId\":\"A\",\"secretAccessKey\":\"S\",\"sessionToken\":\"T\",\"accountId\":\"1\"," \
    "\"expiresAt\":\"2026-11-21T12:00:00Z\"}"

static void test_login_tokens(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *missing; /* NULL: good */
    } rows[] = {
        {"{" ACCESS ",\"refreshToken\":\"r\",\"clientId\":\"c\",\"dpopKey\":\"k\",\"idToken\":\"i\"}", NULL},
        {"{\"refreshToken\":\"r\",\"clientId\":\"c\",\"dpopKey\":\"k\"}", "accessToken"},
        {"{" ACCESS ",\"clientId\":\"c\",\"dpopKey\":\"k\"}", "refreshToken"},
        {"{" ACCESS ",\"refreshToken\":\"r\",\"dpopKey\":\"k\"}", "clientId"},
        {"{" ACCESS ",\"refreshToken\":\"r\",\"clientId\":\"c\"}", "dpopKey"},
        {"{" ACCESS ",\"refreshToken\":\"r\",\"clientId\":\"\",\"dpopKey\":\"k\"}", "clientId"},
        {"{\"accessToken\":{},\"refreshToken\":\"r\",\"clientId\":\"c\",\"dpopKey\":\"k\"}", "expiresAt"},
        {"{\"accessToken\":\"\",\"refreshToken\":\"r\",\"clientId\":\"c\",\"dpopKey\":\"k\"}", "accessToken"},
        {"", ""},
        {"[]", ""},
    };
    for (size_t i = 0; i < COUNT(rows); i++) {
        struct login_token token;
        const char *missing = "unset";
        int r = login_token_parse(rows[i].text, strlen(rows[i].text), &token, &missing);
        assert_int_equal(r, rows[i].missing ? -EBADMSG : 0);
        if (rows[i].missing) {
            assert_string_equal(missing, rows[i].missing);
            continue;
        }
        _cleanup_credentials_ struct credentials *credentials = NULL;
        assert_int_equal(login_token_credentials(&token, &credentials), 0);
        assert_string_equal(credentials->access_key_id, "A");
        assert_int_equal(credentials->expires_ns, NOON_NS);
        assert_string_equal(credentials->provider, "login");
    }
}

static void test_login_renewal(void **state)
{
    (void)state;
    static const char text[] =
        "{" ACCESS ",\"refreshToken\":\"r1\",\"clientId\":\"c\",\"dpopKey\":\"k\",\"idToken\":7}";
    static const char good[] = "{\"accessToken\":{\"accessKeyId\":\"A2\",\"secretAccessKey\":\"S2\",\"sessionToken\":"
                               "\"T2\"},\"refreshToken\":\"r2\",\"expiresIn\":900,\"tokenType\":\"aws_sigv4\"}";
    static const char *const bad[] = {
        "{\"accessToken\":{\"accessKeyId\":\"A2\",\"secretAccessKey\":\"S2\",\"sessionToken\":\"T2\"},"
        "\"expiresIn\":900}",
        "{\"accessToken\":{\"accessKeyId\":\"A2\",\"secretAccessKey\":\"S2\"},\"refreshToken\":\"r\",\"expiresIn\":"
        "900}",
        "{\"refreshToken\":\"r\",\"expiresIn\":900}",
        "{}",
        "",
    };
    struct login_token token;
    _cleanup_buffer_ struct buffer renewed, body;
    buffer_init(&renewed, TOKEN_TEXT_MAX_BYTES);
    buffer_init(&body, TOKEN_TEXT_MAX_BYTES);
    assert_int_equal(login_token_parse(text, strlen(text), &token, NULL), 0);
    for (size_t i = 0; i < COUNT(bad); i++)
        assert_int_equal(login_token_renew(&token, bad[i], strlen(bad[i]), NOON_NS, &renewed), -EBADMSG);
    assert_int_equal(login_token_renew(&token, good, strlen(good), NOON_NS, &renewed), 0);
    assert_string_equal(
        renewed.bytes, "{\"clientId\": \"c\", \"dpopKey\": \"k\", \"idToken\": 7, \"accessToken\": "
                       "{\"accountId\": \"1\", \"accessKeyId\": \"A2\", \"secretAccessKey\": \"S2\", "
                       "\"sessionToken\": \"T2\", \"expiresAt\": \"2026-11-21T12:15:00Z\"}, \"refreshToken\": \"r2\"}");
    assert_int_equal(login_token_request(&token, &body), 0);
    assert_string_equal(body.bytes,
                        "{\"clientId\": \"c\", \"refreshToken\": \"r1\", \"grantType\": \"refresh_token\"}");
}

static void test_login_denials(void **state)
{
    (void)state;
    static const struct {
        const char *answer;
        enum login_denial expected;
    } rows[] = {
        {"{\"error\":\"TOKEN_EXPIRED\",\"message\":\"m\"}", LOGIN_DENIED_SESSION},
        {"{\"error\":\"USER_CREDENTIALS_CHANGED\"}", LOGIN_DENIED_SESSION},
        {"{\"error\":\"INSUFFICIENT_PERMISSIONS\"}", LOGIN_DENIED_PERMISSIONS},
        {"{\"error\":\"INVALID_REQUEST\"}", LOGIN_DENIED},
        {"{\"error\":1}", LOGIN_DENIED},
        {"<html>", LOGIN_DENIED},
        {"", LOGIN_DENIED},
    };
    for (size_t i = 0; i < COUNT(rows); i++)
        assert_int_equal(login_token_denial(rows[i].answer, strlen(rows[i].answer)), rows[i].expected);
}

/* The key of the SDKs' shared test cases, and its public half as they state it. */
static const char key_pem[] = "-----BEGIN EC PRIVATE KEY-----\n"
                              "MHcCAQEEIPt/u8InPLpQeQLJTvVX+sNDzni8vMDMt3Liu+nMBigfoAoGCCqGSM49\n"
                              "AwEHoUQDQgAEILkGG7rNOnxiIJlMgimY1UPP8eDMFP0DAY6WGjngP4bvTAiUCQ/I\n"
                              "ffut2379uP+OBCm2ovGpBOJRgrl1RspUOQ==\n"
                              "-----END EC PRIVATE KEY-----\n";
static const char public_hex[] = "04"
                                 "20b9061bbacd3a7c6220994c822998d543cff1e0cc14fd03018e961a39e03f86"
                                 "ef4c0894090fc87dfbaddb7efdb8ff8e0429b6a2f1a904e25182b97546ca5439";

static size_t decode_base64url(const char *text, size_t text_bytes, unsigned char *output)
{
    unsigned char padded[2048];
    size_t size_bytes = 0;
    for (; size_bytes < text_bytes; size_bytes++)
        padded[size_bytes] = text[size_bytes] == '-'   ? '+'
                             : text[size_bytes] == '_' ? '/'
                                                       : (unsigned char)text[size_bytes];
    size_t padding = (4 - text_bytes % 4) % 4;
    for (size_t i = 0; i < padding; i++)
        padded[size_bytes++] = '=';
    int decoded = EVP_DecodeBlock(output, padded, (int)size_bytes);
    assert_true(decoded >= 0);
    output[(size_t)decoded - padding] = '\0';
    return (size_t)decoded - padding;
}

static EVP_PKEY *public_key(void)
{
    unsigned char point[65];
    size_t point_bytes;
    assert_int_equal(OPENSSL_hexstr2buf_ex(point, sizeof(point), &point_bytes, public_hex, '\0'), 1);
    assert_int_equal(point_bytes, sizeof(point));
    char group[] = "prime256v1";
    OSSL_PARAM parameters[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, sizeof(point)),
        OSSL_PARAM_construct_end(),
    };
    EVP_PKEY *key = NULL;
    EVP_PKEY_CTX *context = EVP_PKEY_CTX_new_from_name(NULL, "EC", NULL);
    assert_int_equal(EVP_PKEY_fromdata_init(context), 1);
    assert_int_equal(EVP_PKEY_fromdata(context, &key, EVP_PKEY_PUBLIC_KEY, parameters), 1);
    EVP_PKEY_CTX_free(context);
    return key;
}

/* Verifies the two numbers of a signature against the text that they sign. */
static bool verifies(EVP_PKEY *key, const char *text, size_t text_bytes, const unsigned char *raw)
{
    ECDSA_SIG *signature = ECDSA_SIG_new();
    unsigned char *der = NULL;
    assert_int_equal(ECDSA_SIG_set0(signature, BN_bin2bn(raw, 32, NULL), BN_bin2bn(raw + 32, 32, NULL)), 1);
    int der_bytes = i2d_ECDSA_SIG(signature, &der);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    assert_int_equal(EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key), 1);
    int r = EVP_DigestVerify(context, der, (size_t)der_bytes, (const unsigned char *)text, text_bytes);
    EVP_MD_CTX_free(context);
    ECDSA_SIG_free(signature);
    OPENSSL_free(der);
    return r == 1;
}

static void test_dpop(void **state)
{
    (void)state;
    EVP_PKEY *key = public_key();
    char last_id[64] = "";
    for (int round = 0; round < 50; round++) { /* signatures differ, and with them their leading zeros */
        _cleanup_buffer_ struct buffer proof;
        _cleanup_json_ struct json *header = NULL, *payload = NULL;
        unsigned char bytes[2048];
        double issued;
        buffer_init(&proof, TOKEN_TEXT_MAX_BYTES);
        assert_int_equal(buffer_append_text(&proof, "DPoP: "), 0);
        assert_int_equal(dpop_proof(key_pem, "https://r.signin.aws.amazon.com/v1/token", NOON_NS, &proof), 0);
        const char *start = proof.bytes + strlen("DPoP: ");
        const char *first = strchr(start, '.');
        const char *second = strchr(first + 1, '.');

        size_t size = decode_base64url(start, (size_t)(first - start), bytes);
        assert_int_equal(json_parse((char *)bytes, size, 3, &header), 0);
        assert_string_equal(json_format(header, false),
                            "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\","
                            "\"x\":\"ILkGG7rNOnxiIJlMgimY1UPP8eDMFP0DAY6WGjngP4Y\","
                            "\"y\":\"70wIlAkPyH37rdt-_bj_jgQptqLxqQTiUYK5dUbKVDk\",\"crv\":\"P-256\"}}");
        size = decode_base64url(first + 1, (size_t)(second - first - 1), bytes);
        assert_int_equal(json_parse((char *)bytes, size, 1, &payload), 0);
        assert_string_equal(json_member_text(payload, "htm"), "POST");
        assert_string_equal(json_member_text(payload, "htu"), "https://r.signin.aws.amazon.com/v1/token");
        assert_true(json_number(json_member(payload, "iat"), &issued) && issued == 1795262400.0);
        assert_string_not_equal(json_member_text(payload, "jti"), last_id);
        (void)snprintf(last_id, sizeof(last_id), "%s", json_member_text(payload, "jti"));

        assert_int_equal(decode_base64url(second + 1, strlen(second + 1), bytes), 64);
        assert_true(verifies(key, start, (size_t)(second - start), bytes));
        assert_false(verifies(key, start, (size_t)(second - start) - 1, bytes));
    }
    EVP_PKEY_free(key);
}

static void test_dpop_keys(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "no key",
        "-----BEGIN EC PRIVATE KEY-----\nAAAA\n-----END EC PRIVATE KEY-----\n",
        /* on another curve, secp256k1 */
        "-----BEGIN EC PRIVATE KEY-----\n"
        "MC4CAQEEIAEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBoAcGBSuBBAAK\n"
        "-----END EC PRIVATE KEY-----\n",
    };
    for (size_t i = 0; i < COUNT(bad); i++) {
        _cleanup_buffer_ struct buffer proof;
        buffer_init(&proof, TOKEN_TEXT_MAX_BYTES);
        assert_int_equal(dpop_proof(bad[i], "https://x/", NOON_NS, &proof), -EBADMSG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_paths),         cmocka_unit_test(test_sso_tokens),
        cmocka_unit_test(test_sso_renewal),   cmocka_unit_test(test_role_credentials),
        cmocka_unit_test(test_login_tokens),  cmocka_unit_test(test_login_renewal),
        cmocka_unit_test(test_login_denials), cmocka_unit_test(test_dpop),
        cmocka_unit_test(test_dpop_keys),
    };
    return cmocka_run_group_tests_name("auth tokens", tests, NULL, NULL);
}

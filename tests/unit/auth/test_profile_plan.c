/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/profile_plan.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

#define KEYS "aws_access_key_id = I\naws_secret_access_key = S\n"
#define A "[profile a]\n"
#define B "[profile b]\n"
#define C "[profile c]\n"
#define ROLE "role_arn = RA\nsource_profile = b\n"
#define SSO "sso_session = s\nsso_account_id = 1\nsso_role_name = r\n"
#define OLD_SSO "sso_start_url = u\nsso_region = x\nsso_account_id = 1\nsso_role_name = r\n"
#define NEXT(name, source) "[profile " name "]\nrole_arn = R" name "\nsource_profile = " source "\n"

/* One case a line: what is tested, the configuration file, and the plan for profile a: "base profile", then each role
 * as " > arn,session,external,seconds" in the order of assuming; "-error" when it is not configured, "!error" when it
 * cannot work. */
static const struct {
    const char *about;
    const char *config;
    const char *expected;
} cases[] = {
    /* One profile */
    {"keys", A KEYS, "keys a"},
    {"keys and token", A KEYS "aws_session_token = T", "keys a"},
    {"no such profile", B KEYS, "-profile \"a\" in FILES does not exist"},
    {"no profile at all", "", "-does not exist"},
    {"empty profile", A, "-profile \"a\" in FILES has no keys"},
    {"settings only", A "region = x\nmax_attempts = 3", "-has no keys"},
    {"token alone is not a key", A "aws_session_token = T", "-has no keys"},
    {"empty key is no key", A "aws_access_key_id =\naws_secret_access_key =", "-has no keys"},
    {"source_profile without role_arn", A "source_profile = b\n" B KEYS, "-has no keys"},
    {"source_profile without role_arn, keys", A KEYS "source_profile = b\n" B KEYS, "keys a"},
    {"id without secret", A "aws_access_key_id = I", "!has aws_access_key_id but not aws_secret_access_key"},
    {"secret without id", A "aws_secret_access_key = S", "!has aws_secret_access_key but not aws_access_key_id"},
    {"empty secret", A "aws_access_key_id = I\naws_secret_access_key =", "!but not aws_secret_access_key"},
    {"process", A "credential_process = x", "process a"},
    {"login", A "login_session = x", "login a"},
    {"SSO", A SSO, "sso a"},
    {"legacy SSO", A OLD_SSO, "sso a"},
    {"web identity", A "role_arn = RA\nweb_identity_token_file = f", "web a > RA,-,-,0"},
    {"Environment without a role", A "credential_source = Environment", "environment a"},
    {"EcsContainer without a role", A "credential_source = EcsContainer", "container a"},
    {"mfa_serial without a role", A KEYS "mfa_serial = m", "keys a"},

    /* Several kinds in one profile */
    {"process before keys", A KEYS "credential_process = x", "process a"},
    {"process before half a pair", A "aws_access_key_id = I\ncredential_process = x", "process a"},
    {"login before process", A "login_session = x\ncredential_process = x", "login a"},
    {"SSO before login", A SSO "login_session = x", "sso a"},
    {"SSO before process and keys", A KEYS SSO "credential_process = x", "sso a"},
    {"web identity before SSO", A SSO "role_arn = RA\nweb_identity_token_file = f", "web a > RA,-,-,0"},
    {"web identity before source_profile", A ROLE "web_identity_token_file = f\n" B KEYS, "web a > RA,-,-,0"},
    {"role before all", A KEYS SSO ROLE "credential_process = x\nlogin_session = x\n" B KEYS, "keys b > RA,-,-,0"},

    /* SSO: what is missing there is told when it is used */
    {"SSO, session only", A "sso_session = s", "sso a"},
    {"SSO, start URL only", A "sso_start_url = u", "sso a"},
    {"SSO, account only", A "sso_account_id = 1", "sso a"},
    {"SSO, role only", A "sso_role_name = r", "sso a"},
    {"SSO, region is a setting", A "sso_region = r", "-has no keys"},

    /* Roles */
    {"role", A ROLE B KEYS, "keys b > RA,-,-,0"},
    {"role, keys beside it are ignored", A KEYS ROLE B KEYS, "keys b > RA,-,-,0"},
    {"role, half a pair beside it is ignored", A "aws_access_key_id = I\n" ROLE B KEYS, "keys b > RA,-,-,0"},
    {"session name", A ROLE "role_session_name = n\n" B KEYS, "keys b > RA,n,-,0"},
    {"external id", A ROLE "external_id = e\n" B KEYS, "keys b > RA,-,e,0"},
    {"shortest duration", A ROLE "duration_seconds = 900\n" B KEYS, "keys b > RA,-,-,900"},
    {"longest duration", A ROLE "duration_seconds = 43200\n" B KEYS, "keys b > RA,-,-,43200"},
    {"too short", A ROLE "duration_seconds = 899\n" B KEYS, "!duration_seconds = 899: it must be a number from 900 to"},
    {"too long", A ROLE "duration_seconds = 43201\n" B KEYS, "!duration_seconds = 43201: it must be"},
    {"duration is no number", A ROLE "duration_seconds = 1h\n" B KEYS, "!duration_seconds = 1h: it must be"},
    {"session name, web identity", A "role_arn = RA\nrole_session_name = n\nweb_identity_token_file = f",
     "web a > RA,n,-,0"},
    {"MFA", A ROLE "mfa_serial = m\n" B KEYS, "!\"a\" in FILES has mfa_serial: a daemon cannot ask for a code; use a"},
    {"MFA further on", A ROLE NEXT("b", "c") "mfa_serial = m\n" C KEYS, "!\"b\" in FILES has mfa_serial"},
    {"MFA beside keys of a source", A ROLE B KEYS "role_arn = RB\nmfa_serial = m", "keys b > RA,-,-,0"},
    {"role alone", A "role_arn = RA", "!has role_arn but neither source_profile nor credential_source"},
    {"role and keys alone", A KEYS "role_arn = RA", "!has role_arn but neither"},
    {"both sources", A ROLE "credential_source = Environment\n" B KEYS, "!both source_profile and credential_source"},
    {"role, Environment", A "role_arn = RA\ncredential_source = Environment", "environment a > RA,-,-,0"},
    {"role, EcsContainer", A "role_arn = RA\ncredential_source = EcsContainer", "container a > RA,-,-,0"},
    {"role, Ec2InstanceMetadata", A "role_arn = RA\ncredential_source = Ec2InstanceMetadata", "instance a > RA,-,-,0"},
    {"credential_source in other letters", A "role_arn = RA\ncredential_source = environment",
     "!credential_source = environment: it must be Environment, EcsContainer or Ec2InstanceMetadata"},
    {"credential_source, MFA", A "role_arn = RA\ncredential_source = Environment\nmfa_serial = m", "!has mfa_serial"},
    {"token file without a role", A "web_identity_token_file = f", "!has web_identity_token_file but not role_arn"},
    {"token file without a role, keys", A KEYS "web_identity_token_file = f", "!but not role_arn"},
    {"web identity, MFA", A "role_arn = RA\nweb_identity_token_file = f\nmfa_serial = m", "!has mfa_serial"},

    /* Chains */
    {"two roles", A ROLE NEXT("b", "c") C KEYS, "keys c > Rb,-,-,0 > RA,-,-,0"},
    {"keys of a source win over its role", A ROLE NEXT("b", "c") KEYS C KEYS, "keys b > RA,-,-,0"},
    {"keys of a source win over its process", A ROLE B KEYS "credential_process = x", "keys b > RA,-,-,0"},
    {"half a pair in a source", A ROLE B "aws_access_key_id = I", "!\"b\" in FILES has aws_access_key_id but not"},
    {"half a pair beside a source's role", A ROLE NEXT("b", "c") "aws_access_key_id = I\n" C KEYS,
     "!\"b\" in FILES has"},
    {"source without credentials", A ROLE B, "!\"b\" in FILES has no credentials, but profile \"a\" names it"},
    {"no such source", A ROLE, "!\"a\" in FILES has source_profile = b, which does not exist"},
    {"no such source further on", A ROLE NEXT("b", "c"), "!\"b\" in FILES has source_profile = c, which does not"},
    {"process as source", A ROLE B "credential_process = x", "process b > RA,-,-,0"},
    {"SSO as source", A ROLE B SSO, "sso b > RA,-,-,0"},
    {"login as source", A ROLE B "login_session = x", "login b > RA,-,-,0"},
    {"web identity as source", A ROLE B "role_arn = RB\nweb_identity_token_file = f", "web b > RB,-,-,0 > RA,-,-,0"},
    {"credential_source as source", A ROLE B "credential_source = EcsContainer", "container b > RA,-,-,0"},
    {"role of an instance as source", A ROLE B "role_arn = RB\ncredential_source = Ec2InstanceMetadata",
     "instance b > RB,-,-,0 > RA,-,-,0"},
    {"own source", A KEYS "role_arn = RA\nsource_profile = a", "keys a > RA,-,-,0"},
    {"own source without keys", A "role_arn = RA\nsource_profile = a",
     "!is its own source_profile, but has no aws_acc"},
    {"own source, process", A "role_arn = RA\nsource_profile = a\ncredential_process = x",
     "!is its own source_profile"},
    {"own source, half a pair", A "aws_access_key_id = I\nrole_arn = RA\nsource_profile = a",
     "!but not aws_secret_acc"},
    {"own source further on", A ROLE NEXT("b", "b"), "!\"b\" in FILES is its own source_profile, but has no"},
    {"loop", A ROLE NEXT("b", "a"), "!is part of a loop of source_profile: a -> b -> a; one of them must have"},
    {"loop with keys in the selected one", A KEYS ROLE NEXT("b", "a"), "!source_profile: a -> b -> a;"},
    {"loop further on", A ROLE NEXT("b", "c") NEXT("c", "b"), "!source_profile: a -> b -> c -> b;"},
    {"eight roles",
     A ROLE NEXT("b", "c") NEXT("c", "d") NEXT("d", "e") NEXT("e", "f") NEXT("f", "g") NEXT("g", "h")
         NEXT("h", "k") "[profile k]\n" KEYS,
     "keys k > Rh,-,-,0 > Rg,-,-,0 > Rf,-,-,0 > Re,-,-,0 > Rd,-,-,0 > Rc,-,-,0 > Rb,-,-,0 > RA,-,-,0"},
    {"nine roles",
     A ROLE NEXT("b", "c") NEXT("c", "d") NEXT("d", "e") NEXT("e", "f") NEXT("f", "g") NEXT("g", "h") NEXT("h", "k")
         NEXT("k", "l") "[profile l]\n" KEYS,
     "!\"k\" in FILES is one of more than 8 roles in a row"},
};

static const char *or_dash(const char *text)
{
    return text ? text : "-";
}

static void describe(const struct profile_plan *plan, struct buffer *text)
{
    static const char *const bases[] = {
        [PROFILE_BASE_KEYS] = "keys",
        [PROFILE_BASE_WEB_IDENTITY] = "web",
        [PROFILE_BASE_SSO] = "sso",
        [PROFILE_BASE_LOGIN] = "login",
        [PROFILE_BASE_PROCESS] = "process",
        [PROFILE_BASE_ENVIRONMENT] = "environment",
        [PROFILE_BASE_CONTAINER] = "container",
        [PROFILE_BASE_INSTANCE] = "instance",
    };
    assert_int_equal(buffer_printf(text, "%s %s", bases[plan->base], plan->profile), 0);
    for (size_t i = 0; i < plan->role_count; i++) {
        const struct sts_role *role = &plan->roles[i];
        assert_int_equal(buffer_printf(text, " > %s,%s,%s,%u", role->role_arn, or_dash(role->session_name),
                                       or_dash(role->external_id), role->duration_seconds),
                         0);
    }
}

static bool matches(const char *expected, int r, const char *got)
{
    switch (expected[0]) {
    case '-':
        return r == -ENODATA && strstr(got, expected + 1);
    case '!':
        return r < 0 && r != -ENODATA && strstr(got, expected + 1);
    default:
        return r == 0 && strcmp(got, expected) == 0;
    }
}

static void test_plans(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_config_ struct config *config = NULL;
        _cleanup_buffer_ struct buffer got;
        struct profile_plan plan;
        struct error error = {.kind = ERROR_NONE};
        buffer_init(&got, 4096);
        assert_int_equal(config_new(&config), 0);
        assert_int_equal(
            config_parse(config, CONFIG_FILE_CONFIG, "config", cases[i].config, strlen(cases[i].config), &error), 0);
        int r = profile_plan_make(config, "a", "FILES", &plan, &error);
        if (r == 0) {
            describe(&plan, &got);
            assert_ptr_equal(plan.section, config_profile(config, plan.profile));
        } else {
            assert_int_equal(error.kind, ERROR_NO_CREDENTIALS);
            assert_int_equal(buffer_append_text(&got, error.message), 0);
        }
        if (!matches(cases[i].expected, r, got.bytes)) {
            print_error("%s:\n  expected %s\n  got      %s (%d)\n", cases[i].about, cases[i].expected, got.bytes, r);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_plans)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

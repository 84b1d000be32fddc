/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/config.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"

/* One case a line: what is tested, configuration file, credentials file, and what comes out: each section as
 * kind:name{key=value;…} (p: profile, o: sso-session, s: services), or "!error". */
static const struct {
    const char *about;
    const char *config;
    const char *credentials;
    const char *expected;
} cases[] = {
    /* Sections */
    {"empty file", "", "", ""},
    {"white space only", " \t \n\n\t\n", "", ""},
    {"comments only", "# a\n; b\n", "", ""},
    {"empty profile", "[profile foo]", "", "p:foo{}"},
    {"two empty profiles", "[profile foo]\n[profile bar]", "", "p:foo{}p:bar{}"},
    {"all marks in a name", "[profile a-b/c_d.e%f@g:h+i]", "", "p:a-b/c_d.e%f@g:h+i{}"},
    {"letters and digits in a name", "[profile AZaz09]", "", "p:AZaz09{}"},
    {"names keep their case", "[profile Foo]\n[profile foo]", "", "p:Foo{}p:foo{}"},
    {"'!' is not allowed in a name", "[profile foo!bar]", "", ""},
    {"blank inside a name", "[profile in valid]\nk = v", "", ""},
    {"blank inside a name, credentials", "", "[in valid]\nk = v", ""},
    {"quotes are no help", "[profile \"foo\"]\nk = v", "", ""},
    {"letter outside ASCII", "[profile f\xc3\xb6o]\nk = v", "", ""},
    {"name is trimmed", "[profile \tfoo \t]", "", "p:foo{}"},
    {"tab after profile", "[profile\tfoo]", "", "p:foo{}"},
    {"blanks inside the brackets", "[   profile foo    ]\nk = v", "", "p:foo{k=v}"},
    {"blanks inside the brackets, credentials", "", "[   foo    ]\nk = v", "p:foo{k=v}"},
    {"blanks after the bracket", "[profile foo] \t ", "", "p:foo{}"},
    {"no blank after profile", "[profilefoo]\nk = v\n[profile bar]", "", "p:bar{}"},
    {"profile without a name", "[profile]\nk = v", "", ""},
    {"profile with a blank name", "[profile   ]\nk = v", "", ""},
    {"empty brackets", "[]\nk = v", "", ""},
    {"bare name in the configuration", "[foo]\nk = v", "", ""},
    {"unknown kind in the configuration", "[plugins foo]\nk = v\n[profile bar]", "", "p:bar{}"},
    {"profile prefix in credentials", "", "[profile foo]\nk = v", ""},
    {"a profile called profile, credentials", "", "[profile]\nk = v", "p:profile{k=v}"},
    {"bare name in credentials", "", "[foo]\nk = v", "p:foo{k=v}"},
    {"no closing bracket", "[profile foo", "", "!a section must end with ']' (line 1 of config)"},
    {"text after the bracket", "[profile foo] x", "", "!a section must end with ']' (line 1 of config)"},
    {"comment before the bracket", "[profile fo#o]", "", "!a section must end with ']' (line 1 of config)"},
    {"lone bracket", "[", "", "!a section must end with ']' (line 1 of config)"},
    {"properties of an ignored section", "[profile a]\nk = 1\n[profile b c]\nk = 2\n[profile d]\nk = 3", "",
     "p:a{k=1}p:d{k=3}"},
    {"syntax in an ignored section counts", "[x y]\nbroken", "",
     "!a property must have the form name = value (line 2 of config)"},
    {"continuation in an ignored section", "[x y]\nk = v\n more\n[profile a]", "", "p:a{}"},

    /* Other kinds of sections */
    {"sso-session", "[sso-session foo]\nk = v\n[profile bar]", "", "o:foo{k=v}p:bar{}"},
    {"sso-session and profile of one name", "[sso-session foo]\na = 1\n[profile foo]\nb = 2", "",
     "o:foo{a=1}p:foo{b=2}"},
    {"sso-session without a blank", "[sso-sessionfoo]\nk = v", "", ""},
    {"sso-session without a blank, credentials", "", "[sso-sessionfoo]\nk = v", "p:sso-sessionfoo{k=v}"},
    {"sso-session in credentials", "", "[sso-session foo]\nk = v", ""},
    {"services", "[services foo]\ns3 =\n  endpoint_url = http://x", "", "s:foo{s3=\nendpoint_url = http://x}"},
    {"services in credentials", "", "[services foo]\nk = v", ""},
    {"sso-session default", "[sso-session default]\nk = v", "", "o:default{k=v}"},

    /* Properties */
    {"property", "[profile foo]\nname = value", "", "p:foo{name=value}"},
    {"no blanks around =", "[profile foo]\nname=value", "", "p:foo{name=value}"},
    {"two properties", "[profile foo]\na = 1\nb = 2", "", "p:foo{a=1;b=2}"},
    {"key and value are trimmed", "[profile foo]\nname \t=  \tvalue \t", "", "p:foo{name=value}"},
    {"= inside a value", "[profile foo]\nname = val=ue==", "", "p:foo{name=val=ue==}"},
    {"blanks inside a value", "[profile foo]\nname = a  b", "", "p:foo{name=a  b}"},
    {"UTF-8 in a value", "[profile foo]\nname = \xf0\x9f\x98\x82", "", "p:foo{name=\xf0\x9f\x98\x82}"},
    {"empty value", "[profile foo]\nname =", "", "p:foo{name=}"},
    {"empty value, then another property", "[profile foo]\na =\nb = 2", "", "p:foo{a=;b=2}"},
    {"keys become lower case", "[profile foo]\nNaMe = Value", "", "p:foo{name=Value}"},
    {"all marks in a key", "[profile foo]\na-b/c_d.e%f@g:h+i = v", "", "p:foo{a-b/c_d.e%f@g:h+i=v}"},
    {"blank inside a key", "[profile foo]\nin valid = v\nb = 2", "", "p:foo{b=2}"},
    {"continuation of a key that is not allowed", "[profile foo]\nin valid = v\n more\nb = 2", "", "p:foo{b=2}"},
    {"last newline", "[profile foo]\nname = value\n", "", "p:foo{name=value}"},
    {"CRLF", "[profile foo]\r\nname = value\r\n", "", "p:foo{name=value}"},
    {"CRLF after an empty value", "[profile foo]\r\nname =\r\n\r\nb = 2\r\n", "", "p:foo{name=;b=2}"},
    {"blank lines", "\t \n[profile foo]\n\t\n \nname = value\n\t \n[profile bar]\n \t", "", "p:foo{name=value}p:bar{}"},
    {"property before any section", "name = value", "", "!a property must stand below a [section] (line 1 of config)"},
    {"no =", "[profile foo]\nkey : value", "", "!a property must have the form name = value (line 2 of config)"},
    {"no key", "[profile foo]\n\n= value", "", "!a property has no name (line 3 of config)"},
    {"= in a comment only", "[profile foo]\nname # = x", "",
     "!a property must have the form name = value (line 2 of config)"},
    {"error in credentials", "[profile foo]", "[foo]\nx",
     "!a property must have the form name = value (line 2 of credentials)"},

    /* Comments */
    {"# after everything", "# c\n[profile foo] # c\nname = value # c # d", "", "p:foo{name=value}"},
    {"; after everything", "; c\n[profile foo] ; c\nname = value ; c ; d", "", "p:foo{name=value}"},
    {"both marks", "# c\n[profile foo] ; c\nname = value # c ; d", "", "p:foo{name=value}"},
    {"empty comments", ";\n[profile foo];\nname = value ;\n", "", "p:foo{name=value}"},
    {"comment right after the bracket", "[profile foo];c\n[profile bar]#c", "", "p:foo{}p:bar{}"},
    {"bracket inside a comment", "[profile foo] # ]x[", "", "p:foo{}"},
    {"comment after a tab", "[profile foo]\nname = value\t# c", "", "p:foo{name=value}"},
    {"no white space, no comment", "[profile foo]\na = v; c\nb = v# c", "", "p:foo{a=v; c;b=v# c}"},
    {"value that is all comment", "[profile foo]\nname = # c", "", "p:foo{name=}"},
    {"indented comment after a section", "[profile foo]\n  # c\nname = value", "", "p:foo{name=value}"},
    {"indented comment at the start", "  ; c\n[profile foo]", "", "p:foo{}"},

    /* Continuations */
    {"continuation", "[profile foo]\nname = value\n more", "", "p:foo{name=value\nmore}"},
    {"two continuations", "[profile foo]\nname = value\n more\n and more", "", "p:foo{name=value\nmore\nand more}"},
    {"continuation is trimmed", "[profile foo]\nname = value\n \t more \t ", "", "p:foo{name=value\nmore}"},
    {"continuation after a tab", "[profile foo]\nname = value\n\tmore", "", "p:foo{name=value\nmore}"},
    {"continuation after a blank line", "[profile foo]\nname = value\n\n more", "", "p:foo{name=value\nmore}"},
    {"continuation after a comment line", "[profile foo]\nname = value\n# c\n more", "", "p:foo{name=value\nmore}"},
    {"# stays in a continuation", "[profile foo]\nname = value\n more # c", "", "p:foo{name=value\nmore # c}"},
    {"; stays in a continuation", "[profile foo]\nname = value\n more ; c", "", "p:foo{name=value\nmore ; c}"},
    {"continuation that begins with #", "[profile foo]\nname = value\n # c", "", "p:foo{name=value\n# c}"},
    {"continuation that looks like a property", "[profile foo]\nname = value\n a = b", "", "p:foo{name=value\na = b}"},
    {"continuation that looks like a section", "[profile foo]\nname = value\n [x]", "", "p:foo{name=value\n[x]}"},
    {"continuation with CRLF", "[profile foo]\r\nname = value\r\n more\r\n", "", "p:foo{name=value\nmore}"},
    {"continuation before any section", " more", "", "!a property must stand below a [section] (line 1 of config)"},
    {"continuation after a section", "[profile foo]\n more", "",
     "!an indented line must follow a property (line 2 of config)"},
    {"continuation after the same section again", "[profile foo]\nname = value\n[profile foo]\n more", "",
     "!an indented line must follow a property (line 4 of config)"},

    /* Nested blocks */
    {"nested", "[profile foo]\ns3 =\n name = value", "", "p:foo{s3=\nname = value}"},
    {"nested, two lines", "[profile foo]\ns3 =\n a = 1\n b = 2", "", "p:foo{s3=\na = 1\nb = 2}"},
    {"nested, empty value", "[profile foo]\ns3 =\n name =", "", "p:foo{s3=\nname =}"},
    {"nested, name with a blank", "[profile foo]\ns3 =\n in valid = value", "", "p:foo{s3=\nin valid = value}"},
    {"nested, blank line", "[profile foo]\ns3 =\n a = 1\n\t \n b = 2", "", "p:foo{s3=\na = 1\nb = 2}"},
    {"nested, comment line", "[profile foo]\ns3 =\n # c\n a = 1", "", "p:foo{s3=\na = 1}"},
    {"nested, no =", "[profile foo]\ns3 =\n broken", "",
     "!a line of a nested block must have the form name = value (line 3 of config)"},
    {"nested, no name", "[profile foo]\ns3 =\n = value", "",
     "!a property in a nested block has no name (line 3 of config)"},
    {"nested, then a property", "[profile foo]\ns3 =\n a = 1\nb = 2", "", "p:foo{s3=\na = 1;b=2}"},
    {"nested below a value that is all comment", "[profile foo]\ns3 = # c\n a = 1", "", "p:foo{s3=\na = 1}"},

    /* Duplicates and merging */
    {"section again", "[profile foo]\na = 1\n[profile foo]\nb = 2", "", "p:foo{a=1;b=2}"},
    {"property again", "[profile foo]\na = 1\na = 2", "", "p:foo{a=2}"},
    {"property again, other case", "[profile foo]\nA = 1\n[profile foo]\na = 2", "", "p:foo{a=2}"},
    {"property again, empty", "[profile foo]\na = 1\na =", "", "p:foo{a=}"},
    {"property again drops continuations", "[profile foo]\na = 1\n 2\na = 3", "", "p:foo{a=3}"},
    {"both files merge", "[profile foo]\na = 1", "[foo]\nb = 2", "p:foo{a=1;b=2}"},
    {"credentials win", "[profile foo]\na = 1\nb = 1", "[foo]\na = 2", "p:foo{a=2;b=1}"},
    {"different profiles", "[profile foo]\na = 1", "[bar]\nb = 2", "p:foo{a=1}p:bar{b=2}"},
    {"plain default", "[default]\na = 1", "", "p:default{a=1}"},
    {"[profile default] first", "[profile default]\na = 1\n[default]\nb = 2", "", "p:default{a=1}"},
    {"[profile default] last", "[default]\nb = 2\n[profile default]\na = 1", "", "p:default{a=1}"},
    {"[default] between", "[profile default]\na = 1\n[default]\nb = 2\n[profile default]\nc = 3", "",
     "p:default{a=1;c=3}"},
    {"[profile default] and credentials", "[default]\nb = 2\n[profile default]\na = 1", "[default]\nc = 3",
     "p:default{a=1;c=3}"},
    {"[default] in both files", "[default]\na = 1\nb = 1", "[default]\nb = 2", "p:default{a=1;b=2}"},
    {"continuation below a [default] that does not count", "[profile default]\na = 1\n[default]\nb = 2\n more", "",
     "p:default{a=1}"},
};

static void dump(void *context, enum config_kind kind, const char *name, const char *key, const char *value)
{
    struct buffer *text = context;
    int r;
    if (key) {
        bool first = text->bytes[text->size_bytes - 1] == '{';
        r = buffer_printf(text, "%s%s=%s", first ? "" : ";", key, value);
    } else {
        r = buffer_printf(text, "%s%c:%s{", text->size_bytes ? "}" : "", "pos"[kind], name);
    }
    assert_int_equal(r, 0);
}

/* Parses both files; returns what came out in the form of the table. */
static void run(const char *config_text, const char *credentials_text, struct buffer *ret_text)
{
    _cleanup_config_ struct config *config = NULL;
    struct error error = {.kind = ERROR_NONE};
    assert_int_equal(config_new(&config), 0);
    int r = config_parse(config, CONFIG_FILE_CONFIG, "config", config_text, strlen(config_text), &error);
    if (r == 0)
        r = config_parse(config, CONFIG_FILE_CREDENTIALS, "credentials", credentials_text, strlen(credentials_text),
                         &error);
    if (r < 0) {
        assert_int_equal(error.kind, ERROR_BAD_REQUEST);
        assert_int_equal(buffer_printf(ret_text, "!%s", error.message), 0);
        return;
    }
    config_each(config, dump, ret_text);
    assert_int_equal(buffer_append_text(ret_text, ret_text->size_bytes ? "}" : ""), 0);
}

static void test_table(void **state)
{
    (void)state;
    size_t failures = 0;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        _cleanup_buffer_ struct buffer text;
        buffer_init(&text, 1024);
        run(cases[i].config, cases[i].credentials, &text);
        if (strcmp(text.bytes, cases[i].expected) != 0) {
            print_error("%s:\n  expected %s\n  got      %s\n", cases[i].about, cases[i].expected, text.bytes);
            failures++;
        }
    }
    assert_int_equal(failures, 0);
}

static struct config *parse(const char *text)
{
    struct config *config = NULL;
    assert_int_equal(config_new(&config), 0);
    assert_int_equal(config_parse(config, CONFIG_FILE_CONFIG, "config", text, strlen(text), NULL), 0);
    return config;
}

static void test_lookup(void **state)
{
    (void)state;
    _cleanup_config_ struct config *config = parse("[profile a]\nregion = r1\nempty =\n[services a]\nx = 1\n");
    const struct config_section *profile = config_profile(config, "a");
    assert_non_null(profile);
    assert_string_equal(config_value(profile, "region"), "r1");
    assert_string_equal(config_setting(profile, "region"), "r1");
    assert_string_equal(config_value(profile, "empty"), "");
    assert_null(config_setting(profile, "empty"));
    assert_null(config_value(profile, "x"));
    assert_null(config_value(NULL, "region"));
    assert_null(config_profile(config, "b"));
    assert_null(config_section(config, CONFIG_SSO_SESSION, "a"));
    assert_string_equal(config_value(config_section(config, CONFIG_SERVICES, "a"), "x"), "1");
}

static void test_nested_lookup(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *expected; /* of s3 / endpoint_url */
    } nested[] = {
        {"s3 =\n endpoint_url = http://a", "http://a"},
        {"s3 =\n x = 1\n endpoint_url=http://a ", "http://a"},
        {"s3 =\n Endpoint_URL = http://a", "http://a"},
        {"s3 =\n endpoint_url = http://a # comment", "http://a"},
        {"s3 =\n endpoint_url = http://a\n endpoint_url = http://b", "http://b"},
        {"s3 =\n endpoint_url = http://a\ns3 =\n x = 1", NULL},
        {"s3 =\n endpoint_url =", NULL},
        {"s3 =\n endpoint_urls = http://a", NULL},
        {"sts =\n endpoint_url = http://a", NULL},
        {"s3 = endpoint_url", NULL},
        {"s3 = x\n endpoint_url = http://a", NULL},
        {"s3 =", NULL},
    };
    for (size_t i = 0; i < sizeof(nested) / sizeof(nested[0]); i++) {
        char text[256];
        (void)snprintf(text, sizeof(text), "[services a]\n%s\n", nested[i].text);
        _cleanup_config_ struct config *config = parse(text);
        _cleanup_free_ char *value = NULL;
        int r = config_nested_setting(config_section(config, CONFIG_SERVICES, "a"), "s3", "endpoint_url", &value);
        assert_int_equal(r, nested[i].expected ? 0 : -ENOENT);
        if (nested[i].expected)
            assert_string_equal(value, nested[i].expected);
    }
    char *value;
    assert_int_equal(config_nested_setting(NULL, "s3", "endpoint_url", &value), -ENOENT);
}

static void test_errors_do_not_show_the_text(void **state)
{
    (void)state;
    static const char text[] = "[profile a]\nwJalrXUtnFEMI/K7MDENG";
    _cleanup_config_ struct config *config = NULL;
    struct error error = {.kind = ERROR_NONE};
    assert_int_equal(config_new(&config), 0);
    assert_true(config_parse(config, CONFIG_FILE_CONFIG, "config", text, strlen(text), &error) < 0);
    assert_null(strstr(error.message, "wJalr"));
}

static void test_bounds(void **state)
{
    (void)state;
    _cleanup_config_ struct config *config = NULL;
    struct error error = {.kind = ERROR_NONE};
    assert_int_equal(config_new(&config), 0);

    _cleanup_free_ char *large = calloc(1, CONFIG_MAX_BYTES + 1);
    assert_non_null(large);
    memset(large, '\n', CONFIG_MAX_BYTES + 1);
    assert_int_equal(config_parse(config, CONFIG_FILE_CONFIG, "config", large, CONFIG_MAX_BYTES, &error), 0);
    assert_true(config_parse(config, CONFIG_FILE_CONFIG, "config", large, CONFIG_MAX_BYTES + 1, &error) < 0);
    assert_non_null(strstr(error.message, "larger than 1 MiB"));

    _cleanup_buffer_ struct buffer many;
    buffer_init(&many, CONFIG_MAX_BYTES);
    assert_int_equal(buffer_append_text(&many, "[profile a]\n"), 0);
    for (int i = 0; i < 501; i++)
        assert_int_equal(buffer_printf(&many, "k%d = v\n", i), 0);
    assert_true(config_parse(config, CONFIG_FILE_CONFIG, "config", many.bytes, many.size_bytes, &error) < 0);
    assert_string_equal(error.message, "too many sections or properties (line 502 of config)");

    static const char nul[] = "[profile a]\nb = \0c\n";
    assert_true(config_parse(config, CONFIG_FILE_CONFIG, "config", nul, sizeof(nul) - 1, &error) < 0);
    assert_non_null(strstr(error.message, "NUL"));
    assert_int_equal(config_parse(config, CONFIG_FILE_CONFIG, "config", NULL, 0, &error), 0);
}

static void test_forget_keys(void **state)
{
    (void)state;
    _cleanup_config_ struct config *config =
        parse("[default]\naws_access_key_id = A\naws_secret_access_key = S\naws_session_token = T\nregion = r\n");
    config_forget_keys(config);
    const struct config_section *profile = config_profile(config, "default");
    assert_null(config_setting(profile, "aws_access_key_id"));
    assert_null(config_setting(profile, "aws_secret_access_key"));
    assert_null(config_setting(profile, "aws_session_token"));
    assert_string_equal(config_setting(profile, "region"), "r");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),         cmocka_unit_test(test_lookup),
        cmocka_unit_test(test_nested_lookup), cmocka_unit_test(test_errors_do_not_show_the_text),
        cmocka_unit_test(test_bounds),        cmocka_unit_test(test_forget_keys),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */

/* Many secrets at once, and versions, through the source, against a scripted server. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "tests/unit/backend/fixture.h"

#define ARN_OF(region, name) "arn:aws:secretsmanager:" region ":1:secret:" name
#define SECRET(region, name)                                        \
    "{\"ARN\":\"" ARN_OF(region, name) "-AbCdEf\",\"Name\":\"" name \
                                       "\",\"VersionId\":\"v\",\"SecretString\":\"of " name "\"}"
#define HOME(name) SECRET("eu-west-1", name)
#define OK(body)                                  \
    {                                             \
        ANSWER("200 OK", "", body), THEN_CLOSE, 0 \
    }
#define FAILED(code, message)               \
    {                                       \
        ERROR(code, message), THEN_CLOSE, 0 \
    }

/* What each() has told, by index: "of a", or the kind of the error. */
struct told {
    char texts[SOURCE_MAX_BATCH][64];
    char denied[512]; /* the message of the last one that was denied */
    unsigned calls;
};

static void note(void *context, size_t index, struct value *value, const struct error *error)
{
    struct told *told = context;
    const char *text = value ? secret_bytes(value->bytes) : error_kind_name(error->kind);
    assert_true(index < SOURCE_MAX_BATCH && told->texts[index][0] == '\0'); /* once for each */
    assert_true(strlen(text) < sizeof(told->texts[index]));
    memcpy(told->texts[index], text, strlen(text));
    if (!value && error->kind == ERROR_ACCESS_DENIED)
        memcpy(told->denied, error->message, sizeof(error->message));
    told->calls++;
    value_free(value);
}

static int get_many(struct fixture *fixture, const char *const *ids, size_t count, struct told *ret_told,
                    struct error *ret_error)
{
    *ret_told = (struct told){.calls = 0};
    return fixture->source->ops->get_many(fixture->source, fixture->http, ids, count,
                                          clock_monotonic_ns() + 5 * NS_PER_SEC, note, ret_told, ret_error);
}

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void each_id_gets_its_answer(void **state)
{
    static const char *const ids[] = {
        "a",
        ARN_OF("eu-west-1", "b-AbCdEf"),
        ARN_OF("eu-west-1", "c"),
        "gone",
        ARN_OF("eu-west-1", "denied-AbCdEf"),
        "left/out",
        "not a name",
        "a", /* again */
        ARN_OF("eu-west-1", "a"),
        "b-AbCdEf", /* a name of its own, which is none */
    };
    static const char *const texts[] = {"of a",       "of b",      "of c", "not-found", "access-denied",
                                        "bad-answer", "not-found", "of a", "of a",      "bad-answer"};
    static const struct step steps[] = {
        OK("{\"SecretValues\":[" HOME("c") "," HOME("b") "," HOME("a") "," HOME(
            "stray") "],\"Errors\":["
                     "{\"SecretId\":\"gone\",\"ErrorCode\":\"ResourceNotFoundException\",\"Message\":\"?\"},"
                     "{\"SecretId\":\"" ARN_OF("eu-west-1",
                                               "denied-AbCdEf") "\",\"ErrorCode\":\"AccessDeniedException\","
                                                                "\"Message\":\"no.\"}]}"),
    };
    struct fixture fixture;
    struct told told;
    (void)state;
    SET_UP(&fixture, steps);
    assert_int_equal(get_many(&fixture, ids, COUNT(ids), &told, NULL), 0);
    fixture_tear_down(&fixture);
    assert_int_equal(told.calls, COUNT(ids));
    for (size_t i = 0; i < COUNT(ids); i++)
        assert_string_equal(told.texts[i], texts[i]);
    assert_non_null(strstr(told.denied, "no; allow secretsmanager:GetSecretValue on "
                                        "arn:aws:secretsmanager:eu-west-1:1:secret:denied-?????? (region"));
    assert_non_null(strstr(fixture.server.request, "X-Amz-Target: secretsmanager.BatchGetSecretValue\r\n"));
    assert_null(strstr(fixture.server.request, "not a name"));
    assert_int_equal(fixture.server.requests, 1);
}

static void pages_are_followed(void **state)
{
    static const char *const ids[] = {"a", "b", "c"};
    static const struct step steps[] = {
        OK("{\"SecretValues\":[" HOME("b") "],\"NextToken\":\"t1\"}"),
        OK("{\"SecretValues\":[],\"NextToken\":\"t2\"}"),
        OK("{\"SecretValues\":[" HOME("a") "," HOME("c") "],\"NextToken\":\"needless\"}"),
    };
    struct fixture fixture;
    struct told told;
    (void)state;
    SET_UP(&fixture, steps);
    assert_int_equal(get_many(&fixture, ids, 3, &told, NULL), 0);
    fixture_tear_down(&fixture);
    assert_string_equal(told.texts[0], "of a");
    assert_string_equal(told.texts[2], "of c");
    assert_non_null(strstr(fixture.server.request, "{\"SecretIdList\":[\"a\",\"b\",\"c\"],\"NextToken\":\"t2\"}"));
}

static void failure_of_the_whole_is_told_once(void **state)
{
    static const char *const ids[] = {"a", "b"};
    static const struct {
        struct step steps[2];
        enum error_kind kind;
        const char *message;
    } cases[] = {
        {{FAILED("AccessDeniedException", "no")},
         ERROR_ACCESS_DENIED,
         "no; allow secretsmanager:BatchGetSecretValue on * (region eu-west-1, endpoint http://127.0.0.1:"},
        {{OK("<html>")}, ERROR_BAD_ANSWER, "BatchGetSecretValue"},
        {{OK("{\"SecretValues\":[" HOME("a") "],\"NextToken\":\"t\"}"), FAILED("AccessDeniedException", "no")},
         ERROR_ACCESS_DENIED,
         "no; allow"},
    };
    (void)state;
    for (size_t i = 0; i < COUNT(cases); i++) {
        struct fixture fixture;
        struct told told;
        struct error error;
        fixture_set_up(&fixture, cases[i].steps, cases[i].steps[1].answer ? 2 : 1, NULL);
        assert_true(get_many(&fixture, ids, 2, &told, &error) < 0);
        fixture_tear_down(&fixture);
        assert_int_equal(told.calls, 0);
        assert_int_equal(error.kind, cases[i].kind);
        if (!strstr(error.message, cases[i].message))
            fail_msg("%s", error.message);
    }
}

static void failure_that_may_lie_with_one_is_not_that_of_all(void **state)
{
    static const char *const ids[] = {"a", "b"};
    static const char *const refusals[] = {
        ERROR("ResourceNotFoundException", "?"),
        ERROR("InvalidRequestException", "marked for deletion"),
        ERROR("DecryptionFailure", "?"),
        ERROR("ValidationException", "?"),
    };
    (void)state;
    for (size_t i = 0; i < COUNT(refusals); i++) {
        const struct step steps[] = {{refusals[i], THEN_CLOSE, 0}, OK(HOME("a")), {refusals[i], THEN_CLOSE, 0}};
        struct fixture fixture;
        struct told told;
        SET_UP(&fixture, steps);
        assert_int_equal(get_many(&fixture, ids, 2, &told, NULL), 0);
        fixture_tear_down(&fixture);
        assert_int_equal(told.calls, 2);
        assert_string_equal(told.texts[0], "of a");
        assert_string_not_equal(told.texts[1], "of b");
        assert_int_equal(fixture.server.requests, 3);
    }
}

static void other_regions_are_asked_apart(void **state)
{
    static const char *const ids[] = {ARN_OF("us-east-2", "b-AbCdEf"), "a"};
    static const struct step steps[] = {OK("{\"SecretValues\":[" HOME("a") "]}"), OK(SECRET("us-east-2", "b"))};
    static const struct step one[] = {OK(SECRET("us-east-2", "b"))};
    struct fixture fixture;
    struct told told;
    (void)state;
    SET_UP(&fixture, steps);
    assert_int_equal(get_many(&fixture, ids, 2, &told, NULL), 0);
    fixture_tear_down(&fixture);
    assert_string_equal(told.texts[0], "of b");
    assert_string_equal(told.texts[1], "of a");
    assert_non_null(strstr(fixture.server.history, "{\"SecretIdList\":[\"a\"]}"));
    assert_non_null(strstr(fixture.server.request, "/us-east-2/secretsmanager/aws4_request"));

    SET_UP(&fixture, one);
    assert_int_equal(get_many(&fixture, ids, 1, &told, NULL), 0);
    fixture_tear_down(&fixture);
    assert_string_equal(told.texts[0], "of b");
}

static int add_version(void *context, const char *version_id, const char *stage)
{
    return buffer_printf(context, "%s=%s;", version_id, stage ? stage : "-");
}

static int versions(struct fixture *fixture, const char *id, struct buffer *told, struct error *ret_error)
{
    return fixture->source->ops->versions(fixture->source, fixture->http, id, clock_monotonic_ns() + 5 * NS_PER_SEC,
                                          add_version, told, ret_error);
}

static void versions_are_described(void **state)
{
    static const struct step steps[] = {
        OK("{\"ARN\":\"arn:a\",\"VersionIdsToStages\":{\"v1\":[\"AWSCURRENT\"],\"v2\":null}}"),
    };
    _cleanup_buffer_ struct buffer told;
    struct fixture fixture;
    (void)state;
    buffer_init(&told, 100);
    SET_UP(&fixture, steps);
    assert_int_equal(versions(&fixture, ARN_OF("us-east-2", "a"), &told, NULL), 0);
    fixture_tear_down(&fixture);
    assert_string_equal(told.bytes, "v1=AWSCURRENT;v2=-;");
    assert_non_null(strstr(fixture.server.request, "X-Amz-Target: secretsmanager.DescribeSecret\r\n"));
    assert_non_null(strstr(fixture.server.request, "/us-east-2/secretsmanager/aws4_request"));
    assert_non_null(strstr(fixture.server.request, "{\"SecretId\":\"" ARN_OF("us-east-2", "a") "\"}"));
}

static void denied_versions_say_what_to_do(void **state)
{
    static const struct step steps[] = {FAILED("AccessDeniedException", "no")};
    struct fixture fixture;
    struct error error;
    (void)state;
    SET_UP(&fixture, steps);
    assert_true(versions(&fixture, "a", NULL, &error) < 0);
    assert_int_equal(error.kind, ERROR_ACCESS_DENIED);
    assert_non_null(strstr(error.message, "allow secretsmanager:DescribeSecret on "
                                          "arn:aws:secretsmanager:eu-west-1:*:secret:a-??????"));
    assert_true(versions(&fixture, "not a name", NULL, &error) < 0);
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
    fixture_tear_down(&fixture);
    assert_int_equal(fixture.server.requests, 1);
}

static int set_up_all(void **state)
{
    (void)state;
    return http_setup();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_id_gets_its_answer),
        cmocka_unit_test(pages_are_followed),
        cmocka_unit_test(failure_of_the_whole_is_told_once),
        cmocka_unit_test(failure_that_may_lie_with_one_is_not_that_of_all),
        cmocka_unit_test(other_regions_are_asked_apart),
        cmocka_unit_test(versions_are_described),
        cmocka_unit_test(denied_versions_say_what_to_do),
    };
    return cmocka_run_group_tests(tests, set_up_all, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/doctor_policy.h"
#include "cli/doctor_report.h"

struct written {
    char *text;
    size_t size;
    FILE *file;
    struct report *report;
};

static void begin(struct written *written, bool json, bool utf8, bool colour)
{
    const struct report_format format = {.json = json, .utf8 = utf8, .colour = colour};
    *written = (struct written){.text = NULL};
    written->file = open_memstream(&written->text, &written->size);
    assert_non_null(written->file);
    assert_int_equal(report_new(written->file, &format, &written->report), 0);
}

static void end(struct written *written)
{
    report_free(written->report);
    (void)fclose(written->file);
    free(written->text);
}

static void add_some(struct report *report)
{
    report_group(report, "Group");
    report_say(report, STEP_OK, "region", NULL, "%s", "r");
    report_say(report, STEP_NOTE, "provider", "p", "note");
    report_say(report, STEP_SKIPPED, "read", "s", "why");
    report_add(report, &(struct step){.name = "list",
                                      .result = STEP_FAILED,
                                      .detail = "",
                                      .cause = "cause\n\033[31m\xff",
                                      .remedy = "remedy",
                                      .policy = policy_for_all("a:B")});
}

static void text_in_utf8(void **state)
{
    struct written written;
    (void)state;
    begin(&written, false, true, false);
    add_some(written.report);
    assert_int_equal(report_failures(written.report), 1);
    assert_int_equal(report_finish(written.report), 0);
    assert_string_equal(written.text, "Group\n"
                                      "  \u2713 region: r\n"
                                      "  \u2022 provider p: note\n"
                                      "  - read s: why\n"
                                      "  \u2717 list\n"
                                      "      cause: cause??[31m?\n"
                                      "      remedy: remedy\n"
                                      "      policy:\n"
                                      "        {\n"
                                      "          \"Effect\": \"Allow\",\n"
                                      "          \"Action\": \"a:B\",\n"
                                      "          \"Resource\": \"*\"\n"
                                      "        }\n"
                                      "\n1 of 4 steps failed\n");
    end(&written);
}

static void plain_text_has_words(void **state)
{
    struct written written;
    (void)state;
    begin(&written, false, false, false);
    report_say(written.report, STEP_OK, "a", NULL, "x");
    report_group(written.report, "Next");
    report_say(written.report, STEP_FAILED, "b", NULL, "y");
    report_say(written.report, STEP_NOTE, "c", NULL, "z");
    report_say(written.report, STEP_SKIPPED, "d", NULL, "z");
    assert_int_equal(report_finish(written.report), 0);
    assert_string_equal(written.text, "  ok      a: x\n\nNext\n  FAILED  b: y\n  note    c: z\n  skipped d: z\n"
                                      "\n1 of 4 steps failed\n");
    end(&written);
}

static void colour_is_for_the_mark_alone(void **state)
{
    struct written written;
    (void)state;
    begin(&written, false, false, true);
    report_say(written.report, STEP_FAILED, "a", NULL, "x");
    assert_int_equal(fflush(written.file), 0);
    assert_string_equal(written.text, "  \033[31mFAILED \033[0m a: x\n");
    end(&written);
}

static void json_is_one_object(void **state)
{
    struct written written;
    _cleanup_json_ struct json *json = NULL;
    (void)state;
    begin(&written, true, true, false);
    add_some(written.report);
    assert_int_equal(fflush(written.file), 0);
    assert_int_equal(written.size, 0);
    assert_int_equal(report_finish(written.report), 0);
    assert_int_equal(json_parse(written.text, written.size, 8, &json), 0);
    assert_false(json_boolean(json_member(json, "ok")));
    const struct json *steps = json_member(json, "steps");
    assert_int_equal(json_array_length(steps), 4);
    const struct json *failed = json_array_at(steps, 3);
    assert_string_equal(json_member_text(failed, "result"), "failed");
    assert_string_equal(json_member_text(failed, "cause"), "cause??[31m?");
    assert_string_equal(json_member_text(json_member(failed, "policy"), "Action"), "a:B");
    assert_null(json_member(failed, "subject"));
    assert_string_equal(json_member_text(json_array_at(steps, 1), "subject"), "p");
    end(&written);
}

static void advice_is_what_follows_the_last_semicolon(void **state)
{
    static const struct {
        const char *message, *cause, *remedy;
    } cases[] = {
        {"it failed", "it failed", "more"},
        {"it failed; do this", "it failed", "do this; more"},
        {"a; b; do this (region r)", "a; b", "do this (region r); more"},
        {"", "", "more"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error error;
        struct error_words words;
        (void)error_set(&error, ERROR_INTERNAL, "%s", cases[i].message);
        error_words_split(&error, &words);
        error_words_advise(&words, "%s", "more");
        assert_string_equal(words.cause, cases[i].cause);
        assert_string_equal(words.remedy, cases[i].remedy);
    }
}

static void code_and_request_id_are_part_of_the_cause(void **state)
{
    struct error error;
    struct error_words words;
    (void)state;
    (void)error_set(&error, ERROR_ACCESS_DENIED, "no; allow it");
    error_copy_text(error.code, sizeof(error.code), "Denied", 6);
    error_words_split(&error, &words);
    assert_string_equal(words.cause, "no (Denied)");
    error_copy_text(error.request_id, sizeof(error.request_id), "42", 2);
    error_words_split(&error, &words);
    assert_string_equal(words.cause, "no (Denied, request id 42)");
    for (int i = 0; i < 100; i++) /* what does not fit is cut */
        error_words_advise(&words, "%s", "a long advice that goes on and on");
    assert_int_equal(strlen(words.remedy), sizeof(words.remedy) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_in_utf8),
        cmocka_unit_test(plain_text_has_words),
        cmocka_unit_test(colour_is_for_the_mark_alone),
        cmocka_unit_test(json_is_one_object),
        cmocka_unit_test(advice_is_what_follows_the_last_semicolon),
        cmocka_unit_test(code_and_request_id_are_part_of_the_cause),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

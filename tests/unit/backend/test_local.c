/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "backend/local.h"
#include "base/buffer.h"
#include "base/clock.h"

struct folder {
    char path[32];
    char file[48];
    char other[48];
};

static int make_folder(void **state)
{
    struct folder *folder = calloc(1, sizeof(*folder));
    assert_non_null(folder);
    (void)snprintf(folder->path, sizeof(folder->path), "/tmp/secretsfs-XXXXXX");
    assert_non_null(mkdtemp(folder->path));
    (void)snprintf(folder->file, sizeof(folder->file), "%s/secrets.json", folder->path);
    (void)snprintf(folder->other, sizeof(folder->other), "%s/other", folder->path);
    *state = folder;
    return 0;
}

static int remove_folder(void **state)
{
    struct folder *folder = *state;
    (void)unlink(folder->file);
    (void)unlink(folder->other);
    (void)rmdir(folder->path);
    free(folder);
    return 0;
}

static void write_file(const char *path, const char *text)
{
    _cleanup_fclose_ FILE *file = fopen(path, "w");
    assert_non_null(file);
    assert_int_equal(chmod(path, 0600), 0);
    assert_true(fputs(text, file) >= 0);
}

static struct source *open_source(const struct folder *folder, const char *text)
{
    struct source *source = NULL;
    struct error error;
    write_file(folder->file, text);
    if (local_source_new(folder->file, &source, &error) < 0)
        fail_msg("%s", error.message);
    return source;
}

static struct value *get(struct source *source, const char *id, const char *stage, const char *version_id)
{
    struct value_request request = {id, stage, version_id};
    struct value *value = NULL;
    struct error error = {.kind = ERROR_NONE};
    if (source->ops->get(source, NULL, &request, CLOCK_NEVER_NS, &value, &error) < 0) {
        assert_int_equal(error.kind, ERROR_NOT_FOUND);
        assert_null(value);
    }
    return value;
}

static void assert_value(struct source *source, const char *id, const char *stage, const char *text)
{
    _cleanup_value_ struct value *value = get(source, id, stage, NULL);
    assert_int_equal(value == NULL, text == NULL);
    if (text)
        assert_string_equal(secret_bytes(value->bytes), text);
}

static void values_are_served_by_their_type(void **state)
{
    _cleanup_source_ struct source *source = open_source(
        *state, "{ \"o\": { \"n\" : 1.50, \"l\":[1] } , \"t\":\"a\\n\\u00e9\", \"i\":-0, \"b\":true, \"n\":null,\n"
                "\"l\":[1, 2], \"dup\":\"first\", \"dup\":\"last\", \"\\u00fc\":\"\"}");
    assert_value(source, "o", NULL, "{ \"n\" : 1.50, \"l\":[1] }");
    assert_value(source, "t", "AWSCURRENT", "a\n\xc3\xa9");
    assert_value(source, "i", NULL, "-0");
    assert_value(source, "b", NULL, "true");
    assert_value(source, "n", NULL, "null");
    assert_value(source, "l", NULL, "[1, 2]");
    assert_value(source, "dup", NULL, "last");
    assert_value(source, "\xc3\xbc", NULL, "");
    assert_value(source, "missing", NULL, NULL);
    assert_value(source, "t", "AWSPREVIOUS", NULL);
    assert_value(source, "t", "blue", NULL);
    assert_non_null(strstr(source->ops->describe(source), "/secrets.json"));
}

static void value_looks_like_one_of_aws(void **state)
{
    struct folder *folder = *state;
    _cleanup_source_ struct source *source = open_source(folder, "{\"prod/db\":\"x\"}");
    _cleanup_value_ struct value *value = get(source, "prod/db", NULL, NULL);
    struct stat file;

    assert_int_equal(stat(folder->file, &file), 0);
    assert_string_equal(value->name, "prod/db");
    assert_memory_equal(value->arn, "arn:aws:secretsmanager:local:000000000000:secret:prod/db-", 57);
    assert_int_equal(strlen(value->arn), 57 + 6);
    assert_int_equal(strlen(value->version_id), 36);
    assert_int_equal(value->stage_count, 1);
    assert_string_equal(value->stages[0], "AWSCURRENT");
    assert_int_equal(value->created_ns / NS_PER_SEC, file.st_mtim.tv_sec);

    assert_value(source, value->arn, NULL, "x");
    assert_value(source, "arn:aws:secretsmanager:local:000000000000:secret:prod/db", NULL, "x");
    value->arn[strlen(value->arn) - 1] ^= 1;
    assert_value(source, value->arn, NULL, NULL);
    _cleanup_value_ struct value *by_version = get(source, "prod/db", NULL, value->version_id);
    assert_non_null(by_version);
    assert_null(get(source, "prod/db", NULL, "01234567-89ab-4def-8123-456789abcdef"));
}

static void name_that_ends_like_an_arn_is_found(void **state)
{
    _cleanup_source_ struct source *source = open_source(*state, "{\"a-passwd\":\"long\",\"a\":\"short\"}");
    assert_value(source, "arn:aws:secretsmanager:local:000000000000:secret:a-passwd", NULL, "long");
    assert_value(source, "arn:aws:secretsmanager:local:000000000000:secret:a", NULL, "short");
}

static void edit_is_a_rotation(void **state)
{
    struct folder *folder = *state;
    _cleanup_source_ struct source *source = open_source(folder, "{\"a\":\"1\",\"same\":\"s\",\"gone\":\"g\"}");
    _cleanup_value_ struct value *first = get(source, "a", NULL, NULL), *same = get(source, "same", NULL, NULL);

    write_file(folder->file, "{\"same\":\"s\",\"a\":\"two\",\"new\":\"n\"}");
    _cleanup_value_ struct value *second = get(source, "a", NULL, NULL);
    _cleanup_value_ struct value *previous = get(source, "a", "AWSPREVIOUS", NULL);
    _cleanup_value_ struct value *same_now = get(source, "same", NULL, NULL);
    assert_string_equal(secret_bytes(second->bytes), "two");
    assert_string_equal(secret_bytes(previous->bytes), "1");
    assert_string_equal(previous->version_id, first->version_id);
    assert_string_equal(previous->stages[0], "AWSPREVIOUS");
    assert_int_equal(previous->created_ns, first->created_ns);
    assert_string_not_equal(second->version_id, first->version_id);
    assert_string_equal(same_now->version_id, same->version_id);
    assert_int_equal(same_now->created_ns, same->created_ns);
    assert_value(source, "same", "AWSPREVIOUS", NULL);
    assert_value(source, "gone", NULL, NULL);
    assert_value(source, "new", NULL, "n");

    write_file(folder->file, "{\"a\":\"1\"}"); /* back again: a version of its own */
    _cleanup_value_ struct value *third = get(source, "a", NULL, NULL);
    assert_string_not_equal(third->version_id, first->version_id);
    assert_string_not_equal(third->version_id, second->version_id);
    assert_value(source, "a", "AWSPREVIOUS", "two");
    assert_null(get(source, "a", NULL, first->version_id));
}

static void broken_content_keeps_the_last_good_one(void **state)
{
    static const char *const broken[] = {"", "{\"a\":\"2\"", "[]", "{\"\":1}"};
    struct folder *folder = *state;
    _cleanup_source_ struct source *source = open_source(folder, "{\"a\":\"1\"}");

    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++) {
        write_file(folder->file, broken[i]);
        assert_value(source, "a", NULL, "1");
    }
    assert_int_equal(unlink(folder->file), 0);
    assert_value(source, "a", NULL, "1");
    write_file(folder->file, "{\"a\":\"open\"}");
    assert_int_equal(chmod(folder->file, 0640), 0);
    assert_value(source, "a", NULL, "1");
    assert_int_equal(chmod(folder->file, 0600), 0);
    assert_value(source, "a", NULL, "open");
    assert_value(source, "a", "AWSPREVIOUS", "1");
}

static void unusable_file_is_refused(void **state)
{
    static const struct {
        mode_t mode;
        const char *text;
        const char *message;
    } cases[] = {
        {0640, "{}", "chmod 600"},          {0604, "{}", "chmod 600"},           {0620, "{}", "chmod 600"},
        {0602, "{}", "chmod 600"},          {0600, "{", "not valid JSON"},       {0600, "[]", "one JSON object"},
        {0600, "{\"a\":NaN}", "not valid"}, {0600, "{\"\":1}", "secret's name"}, {0600, "", "not valid JSON"},
    };
    struct folder *folder = *state;
    struct source *source = NULL;
    struct error error;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_file(folder->file, cases[i].text);
        assert_int_equal(chmod(folder->file, cases[i].mode), 0);
        assert_true(local_source_new(folder->file, &source, &error) < 0);
        assert_int_equal(error.kind, ERROR_BAD_REQUEST);
        assert_non_null(strstr(error.message, folder->file));
        assert_non_null(strstr(error.message, cases[i].message));
    }
    assert_true(local_source_new(folder->path, &source, &error) < 0);
    assert_non_null(strstr(error.message, "not a regular file"));
    assert_true(local_source_new(folder->other, &source, &error) < 0);
    assert_non_null(strstr(error.message, "No such file"));
    assert_int_equal(mkfifo(folder->other, 0600), 0);
    assert_true(local_source_new(folder->other, &source, &error) < 0);
}

static int add_version(void *context, const char *version_id, const char *stage)
{
    return buffer_printf(context, "%s=%s;", stage, version_id);
}

static int stop_at_version(void *context, const char *version_id, const char *stage)
{
    (void)context;
    (void)version_id;
    (void)stage;
    return -ECANCELED;
}

static void versions_are_listed(void **state)
{
    struct folder *folder = *state;
    _cleanup_source_ struct source *source = open_source(folder, "{\"a\":\"1\"}");
    _cleanup_value_ struct value *first = get(source, "a", NULL, NULL);
    char expected[256];
    struct error error;

    for (int rotations = 0; rotations < 2; rotations++) {
        _cleanup_buffer_ struct buffer versions;
        _cleanup_value_ struct value *current = get(source, "a", NULL, NULL);
        buffer_init(&versions, 1024);
        assert_int_equal(source->ops->versions(source, NULL, current->arn, 0, add_version, &versions, NULL), 0);
        (void)snprintf(expected, sizeof(expected), "AWSCURRENT=%s;%s%s%s", current->version_id,
                       rotations ? "AWSPREVIOUS=" : "", rotations ? first->version_id : "", rotations ? ";" : "");
        assert_string_equal(versions.bytes, expected);
        write_file(folder->file, "{\"a\":\"2\"}");
    }
    assert_true(source->ops->versions(source, NULL, "b", 0, add_version, NULL, &error) < 0);
    assert_int_equal(error.kind, ERROR_NOT_FOUND);
    assert_int_equal(source->ops->versions(source, NULL, "a", 0, stop_at_version, NULL, &error), -ECANCELED);
}

static bool told(struct source *source)
{
    struct pollfd change = {.fd = source->ops->change_fd(source), .events = POLLIN};
    return poll(&change, 1, 0) == 1;
}

static void count_change(void *context, const char *id, const char *version_id)
{
    assert_null(id);
    assert_null(version_id);
    ++*(unsigned *)context;
}

static void drain(struct source *source)
{
    unsigned count = 0;
    source->ops->change_drain(source, count_change, &count);
    assert_int_equal(count, 1);
}

static void changes_are_told(void **state)
{
    struct folder *folder = *state;
    _cleanup_source_ struct source *source = open_source(folder, "{\"a\":\"1\"}");

    assert_true(source->ops->change_fd(source) >= 0);
    assert_false(told(source));
    write_file(folder->file, "{\"a\":\"2\"}");
    assert_true(told(source));
    drain(source);
    assert_false(told(source));
    assert_value(source, "a", NULL, "2");

    write_file(folder->other, "{\"a\":\"3\"}"); /* as editors save */
    drain(source);
    assert_int_equal(rename(folder->other, folder->file), 0);
    assert_true(told(source));
    drain(source);
    assert_value(source, "a", NULL, "3");
}

static void change_with_an_unchanged_state_is_seen(void **state)
{
    struct folder *folder = *state;
    _cleanup_source_ struct source *source = open_source(folder, "{\"a\":\"1\"}");

    /* Many rewrites within one tick of the clock of files, of the same size. */
    for (int i = 0; i < 200; i++) {
        char text[32];
        (void)snprintf(text, sizeof(text), "{\"a\":\"%03d\"}", i);
        write_file(folder->file, text);
        drain(source);
        (void)snprintf(text, sizeof(text), "%03d", i);
        assert_value(source, "a", NULL, text);
    }
}

static int collect(void *context, const char *name)
{
    struct buffer *names = context;
    return strcmp(name, "stop") == 0 ? -ECANCELED : buffer_printf(names, "%s;", name);
}

static void list_gives_names_by_prefix(void **state)
{
    static const char *const prefixes[] = {"a/", "c"};
    _cleanup_source_ struct source *source = open_source(*state, "{\"c\":1,\"a/x\":1,\"b\":1,\"a\":1,\"stop\":1}");
    _cleanup_buffer_ struct buffer names, all;
    struct error error;

    buffer_init(&names, 1024);
    buffer_init(&all, 1024);
    assert_int_equal(source->ops->list(source, NULL, prefixes, 2, CLOCK_NEVER_NS, collect, &names, NULL), 0);
    assert_string_equal(names.bytes, "a/x;c;");
    assert_int_equal(source->ops->list(source, NULL, NULL, 0, CLOCK_NEVER_NS, collect, &all, &error), -ECANCELED);
    assert_string_equal(all.bytes, "a;a/x;b;c;");
}

static void relative_path_survives_a_change_of_folder(void **state)
{
    struct folder *folder = *state;
    _cleanup_free_ char *before = getcwd(NULL, 0);
    _cleanup_source_ struct source *source = NULL;

    write_file(folder->file, "{\"a\":\"1\"}");
    assert_int_equal(chdir(folder->path), 0);
    assert_int_equal(local_source_new("secrets.json", &source, NULL), 0);
    assert_int_equal(chdir("/"), 0);
    write_file(folder->file, "{\"a\":\"2\"}");
    assert_value(source, "a", NULL, "2");
    assert_int_equal(chdir(before), 0);
}

#define WITH_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_FOLDER(values_are_served_by_their_type),
        WITH_FOLDER(value_looks_like_one_of_aws),
        WITH_FOLDER(name_that_ends_like_an_arn_is_found),
        WITH_FOLDER(edit_is_a_rotation),
        WITH_FOLDER(broken_content_keeps_the_last_good_one),
        WITH_FOLDER(unusable_file_is_refused),
        WITH_FOLDER(versions_are_listed),
        WITH_FOLDER(changes_are_told),
        WITH_FOLDER(change_with_an_unchanged_state_is_seen),
        WITH_FOLDER(list_gives_names_by_prefix),
        WITH_FOLDER(relative_path_survives_a_change_of_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/names.h"
#include "tests/unit/random.h"

#define TEXT_BYTES 2048

struct name {
    enum name_kind kind;
    const char *text;
};

static struct names *build(const struct name *list, size_t count)
{
    _cleanup_(names_builder_freep) struct names_builder *builder = NULL;
    struct names *names = NULL;
    assert_int_equal(names_builder_new(&builder), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(names_builder_add(builder, list[i].kind, list[i].text), 0);
    assert_int_equal(names_builder_finish(builder, &names), 0);
    return names;
}

static struct names *secrets_of(const char *const *list, size_t count)
{
    struct name names[64];
    assert_true(count <= sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < count; i++)
        names[i] = (struct name){NAME_SECRET, list[i]};
    return build(names, count);
}

#define SECRETS(...) \
    secrets_of((const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void add_text(char text[TEXT_BYTES], const char *mark, const char *bytes, size_t size_bytes)
{
    size_t size = strlen(text);
    size_t mark_bytes = strlen(mark);
    assert_true(size + mark_bytes + size_bytes + 2 < TEXT_BYTES);
    memcpy(text + size, mark, mark_bytes);
    text[size + mark_bytes] = '<';
    memcpy(text + size + mark_bytes + 1, bytes, size_bytes);
    memcpy(text + size + mark_bytes + 1 + size_bytes, ">", 2);
}

/* "<a><b>": the children of a directory. */
static const char *children(const struct names *names, const char *path, char text[TEXT_BYTES])
{
    const char *component;
    size_t bytes;
    size_t position = 0;
    text[0] = '\0';
    while (names_next_child(names, path, &position, &component, &bytes))
        add_text(text, "", component, bytes);
    return text;
}

static void add_change(void *context, const char *path, bool added)
{
    add_text(context, added ? "+" : "-", path, strlen(path));
}

static const char *diff(const struct names *before, const struct names *after, char text[TEXT_BYTES])
{
    text[0] = '\0';
    names_diff(before, after, add_change, text);
    return text;
}

static void nothing_is_in_an_empty_set(void **state)
{
    _cleanup_names_ struct names *names = build(NULL, 0);
    char text[TEXT_BYTES];
    (void)state;
    assert_int_equal(names_count(names), 0);
    assert_int_equal(names_skipped(names), 0);
    assert_null(names_find(names, "a", NULL));
    assert_null(names_find(names, "", NULL));
    assert_false(names_has_below(names, NULL));
    assert_false(names_has_below(names, ""));
    assert_false(names_has_below(names, "a"));
    assert_string_equal(children(names, NULL, text), "");
    assert_string_equal(diff(names, names, text), "");
    assert_string_equal(diff(NULL, NULL, text), "");
    names_unref(NULL);
    assert_null(names_ref(NULL));
}

static void slash_comes_before_every_other_byte(void **state)
{
    _cleanup_names_ struct names *names =
        SECRETS("b", "a\xff", "ab", "a.b", "a/b/c", "a-b", "a!", "a/b", "a", "a/\xc3");
    char text[TEXT_BYTES];
    (void)state;
    assert_string_equal(diff(NULL, names, text), "+<a>+<a/b>+<a/b/c>+<a/\xc3>+<a!>+<a-b>+<a.b>+<ab>+<a\xff>+<b>");
}

static void find_takes_whole_paths(void **state)
{
    static const char *const others[] = {"", "/", "/prod", "prod/", "prod/d", "prod/dbx", "pro", "prod//db", "z", "0"};
    _cleanup_names_ struct names *names = SECRETS("prod/db", "/prod/api", "//x", "top", "end/", "/prod", "prod/db/a");
    enum name_kind kind = NAME_PREFIX;
    (void)state;
    assert_int_equal(names_count(names), 7);
    assert_string_equal(names_find(names, "prod/db", &kind), "prod/db");
    assert_int_equal(kind, NAME_SECRET);
    assert_string_equal(names_find(names, "prod/api", NULL), "/prod/api");
    assert_string_equal(names_find(names, "/x", NULL), "//x");
    assert_string_equal(names_find(names, "top", NULL), "top");
    assert_string_equal(names_find(names, "end/", NULL), "end/");
    assert_string_equal(names_find(names, "prod", NULL), "/prod");
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        kind = NAME_PREFIX;
        assert_null(names_find(names, others[i], &kind));
        assert_int_equal(kind, NAME_PREFIX);
    }
}

static void of_equal_paths_one_stays(void **state)
{
    static const struct {
        struct name list[3];
        const char *found;
        enum name_kind kind;
    } rows[] = {
        {{{NAME_SECRET, "a"}, {NAME_SECRET, "a"}, {NAME_SECRET, "a"}}, "a", NAME_SECRET},
        {{{NAME_SECRET, "/a"}, {NAME_SECRET, "a"}, {NAME_SECRET, "/a"}}, "a", NAME_SECRET},
        {{{NAME_SECRET, "/a"}, {NAME_SECRET, "/a"}, {NAME_PREFIX, "a"}}, "/a", NAME_SECRET},
        {{{NAME_PREFIX, "a"}, {NAME_SECRET, "a"}, {NAME_PREFIX, "a"}}, "a", NAME_SECRET},
        {{{NAME_PREFIX, "a"}, {NAME_PREFIX, "a"}, {NAME_PREFIX, "/a"}}, "a", NAME_PREFIX},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_names_ struct names *names = build(rows[i].list, 3);
        enum name_kind kind = NAME_PREFIX;
        assert_int_equal(names_count(names), 1);
        assert_string_equal(names_find(names, "a", &kind), rows[i].found);
        assert_int_equal(kind, rows[i].kind);
    }
}

static void children_are_the_distinct_next_components(void **state)
{
    static const struct {
        const char *path;
        const char *children;
    } rows[] = {
        {NULL, "<><a><a-b><prod><z>"},
        {"", "<x>"},
        {"a", "<><b><c>"},
        {"a/b", "<c><d>"},
        {"a/b/c", "<e>"},
        {"a/b/c/e", ""},
        {"a/", "<x>"},
        {"a-b", "<c>"},
        {"prod", "<db>"},
        {"z", ""},
        {"nothing", ""},
        {"prod/db/x", ""},
        {"pro", ""},
        {"a/b/", ""},
        {"zz", ""},
    };
    static const struct name list[] = {
        {NAME_SECRET, "z"},       {NAME_SECRET, "a/b/d"}, {NAME_SECRET, "a/b/c"},   {NAME_SECRET, "a"},
        {NAME_SECRET, "a/b/c/e"}, {NAME_SECRET, "a-b/c"}, {NAME_SECRET, "/a/c"},    {NAME_SECRET, "a//x"},
        {NAME_SECRET, "//x"},     {NAME_PREFIX, "prod"},  {NAME_PREFIX, "prod/db"},
    };
    _cleanup_names_ struct names *names = build(list, sizeof(list) / sizeof(list[0]));
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char text[TEXT_BYTES];
        assert_string_equal(children(names, rows[i].path, text), rows[i].children);
        assert_int_equal(names_has_below(names, rows[i].path), rows[i].children[0] != '\0');
    }
}

static void names_without_a_path_are_left_out(void **state)
{
    _cleanup_names_ struct names *names = SECRETS("", "/", "a");
    (void)state;
    assert_int_equal(names_count(names), 1);
    assert_int_equal(names_skipped(names), 2);
}

/* A directory entry has 255 bytes, after "." and "%" have become three. */
static void components_that_do_not_fit_are_left_out(void **state)
{
    static const struct {
        const char *before;
        char byte;
        size_t times;
        const char *after;
        bool fits;
    } rows[] = {
        {"", 'a', 255, "", true},       {"", 'a', 256, "", false},    {"/", 'a', 255, "", true},
        {"/", 'a', 256, "", false},     {"x/", 'a', 255, "/y", true}, {"x/", 'a', 256, "/y", false},
        {".", 'a', 252, "", true},      {".", 'a', 253, "", false},   {"x/.", 'a', 252, "/y", true},
        {"x/.", 'a', 253, "/y", false}, {"", '%', 85, "", true},      {"", '%', 86, "", false},
        {"a", '.', 254, "", true},      {"a", '.', 255, "", false},   {"", '.', 253, "", true},
        {"", '.', 254, "", false},      {"", '/', 600, "a", true},    {"%/%/%/%/%/", 'a', 255, "", true},
        {"", 'a', 255, "/", true},      {"", '\xc3', 256, "", false},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char name[1024];
        char *end = name + snprintf(name, sizeof(name), "%s", rows[i].before);
        for (size_t k = 0; k < rows[i].times; k++)
            *end++ = rows[i].byte;
        (void)snprintf(end, 8, "%s", rows[i].after);
        _cleanup_names_ struct names *names = SECRETS(name);
        if (names_count(names) != rows[i].fits || names_skipped(names) != !rows[i].fits)
            fail_msg("%s + %zu times '%c' + %s", rows[i].before, rows[i].times, rows[i].byte, rows[i].after);
    }
}

static void builder_is_empty_after_it_has_finished(void **state)
{
    _cleanup_(names_builder_freep) struct names_builder *builder = NULL;
    _cleanup_names_ struct names *first = NULL;
    _cleanup_names_ struct names *second = NULL;
    (void)state;
    assert_int_equal(names_builder_new(&builder), 0);
    assert_int_equal(names_builder_add(builder, NAME_SECRET, "a"), 0);
    assert_int_equal(names_builder_add(builder, NAME_SECRET, ""), 0);
    assert_int_equal(names_builder_finish(builder, &first), 0);
    assert_int_equal(names_builder_add(builder, NAME_SECRET, "b"), 0);
    assert_int_equal(names_builder_finish(builder, &second), 0);
    assert_string_equal(names_find(first, "a", NULL), "a");
    assert_int_equal(names_skipped(first), 1);
    assert_null(names_find(second, "a", NULL));
    assert_string_equal(names_find(second, "b", NULL), "b");
    assert_int_equal(names_skipped(second), 0);
}

static void diff_tells_what_only_one_set_has(void **state)
{
    _cleanup_names_ struct names *before = SECRETS("a", "b", "c/d", "/e", "z");
    _cleanup_names_ struct names *after = SECRETS("b", "c", "c/d/x", "e", "zz");
    char text[TEXT_BYTES];
    (void)state;
    assert_string_equal(diff(before, after, text), "-<a>+<c>-<c/d>+<c/d/x>-<z>+<zz>");
    assert_string_equal(diff(after, before, text), "+<a>-<c>+<c/d>-<c/d/x>+<z>-<zz>");
    assert_string_equal(diff(before, before, text), "");
    assert_string_equal(diff(before, NULL, text), "-<a>-<b>-<c/d>-<e>-<z>");
}

/* --- against a naive model --- */

#define MODEL_NAMES 40
#define NAME_BYTES 12

struct model {
    char names[MODEL_NAMES][NAME_BYTES];
    struct name list[MODEL_NAMES];
};

static const char *path_of(const char *name)
{
    return name[0] == '/' ? name + 1 : name;
}

static void random_name(struct random *random, char name[NAME_BYTES])
{
    static const char alphabet[] = "ab//.-\xff";
    size_t size = random_below(random, NAME_BYTES);
    for (size_t i = 0; i < size; i++)
        name[i] = alphabet[random_below(random, sizeof(alphabet) - 1)];
    name[size] = '\0';
}

static void random_model(struct random *random, struct model *model)
{
    for (size_t i = 0; i < MODEL_NAMES; i++) {
        random_name(random, model->names[i]);
        enum name_kind kind = random_below(random, 4) == 0 ? NAME_PREFIX : NAME_SECRET;
        model->list[i] = (struct name){kind, model->names[i]};
    }
}

/* The name that stands for a path, or NULL: the least of prefix (2), leading slash (1), plain (0). */
static const struct name *model_find(const struct model *model, const char *path)
{
    const struct name *found = NULL;
    int found_rank = 3;
    for (size_t i = 0; i < MODEL_NAMES && path[0] != '\0'; i++) {
        const struct name *name = &model->list[i];
        int rank = name->kind == NAME_PREFIX ? 2 : name->text[0] == '/';
        if (strcmp(path_of(name->text), path) == 0 && rank < found_rank) {
            found = name;
            found_rank = rank;
        }
    }
    return found;
}

/* The component of a name right below a directory; its size, or -1. */
static int model_child(const char *name, const char *directory, const char **ret_component)
{
    const char *path = path_of(name);
    size_t bytes = directory ? strlen(directory) : 0;
    if (path[0] == '\0' || (directory && (strncmp(path, directory, bytes) != 0 || path[bytes] != '/')))
        return -1;
    *ret_component = path + (directory ? bytes + 1 : 0);
    return (int)strcspn(*ret_component, "/");
}

static bool model_has_child(const struct model *model, const char *directory, const char *component, size_t bytes)
{
    const char *other = NULL;
    for (size_t i = 0; i < MODEL_NAMES; i++)
        if (model_child(model->list[i].text, directory, &other) == (int)bytes && memcmp(other, component, bytes) == 0)
            return true;
    return false;
}

static void compare_children(const struct names *names, const struct model *model, const char *directory)
{
    char walked[TEXT_BYTES];
    size_t position = 0;
    const char *component;
    const char *last = NULL;
    size_t bytes;
    size_t last_bytes = 0;
    while (names_next_child(names, directory, &position, &component, &bytes)) {
        assert_true(model_has_child(model, directory, component, bytes));
        if (last) { /* in order, so each once */
            int order = memcmp(last, component, last_bytes < bytes ? last_bytes : bytes);
            assert_true(order < 0 || (order == 0 && last_bytes < bytes));
        }
        last = component;
        last_bytes = bytes;
    }
    (void)children(names, directory, walked);
    for (size_t i = 0; i < MODEL_NAMES; i++) {
        char expected[TEXT_BYTES] = "";
        int size = model_child(model->list[i].text, directory, &component);
        if (size < 0)
            continue;
        add_text(expected, "", component, (size_t)size);
        assert_non_null(strstr(walked, expected));
    }
    assert_int_equal(names_has_below(names, directory), last != NULL);
}

static void compare_path(const struct names *names, const struct model *model, const char *path)
{
    enum name_kind kind = NAME_SECRET;
    const char *found = names_find(names, path, &kind);
    const struct name *expected = model_find(model, path);
    assert_int_equal(found != NULL, expected != NULL);
    if (found) {
        assert_int_equal(kind, expected->kind);
        assert_string_equal(found, kind == NAME_SECRET ? expected->text : path);
    }
    compare_children(names, model, path);
}

static void compare_diff(const struct names *a, const struct names *b, const struct model *left,
                         const struct model *right)
{
    char text[TEXT_BYTES];
    size_t entries = 0;
    size_t expected = 0;
    (void)diff(a, b, text);
    for (const char *p = text; *p; p++)
        entries += *p == '<';
    for (size_t side = 0; side < 2; side++) {
        const struct model *mine = side ? right : left;
        const struct model *other = side ? left : right;
        for (size_t i = 0; i < MODEL_NAMES; i++) {
            char entry[NAME_BYTES + 4];
            const char *path = path_of(mine->list[i].text);
            bool alone = model_find(mine, path) && !model_find(other, path);
            (void)snprintf(entry, sizeof(entry), "%c<%s>", side ? '+' : '-', path);
            assert_int_equal(path[0] != '\0' && strstr(text, entry) != NULL, alone);
            for (size_t k = 0; k < i && alone; k++)
                alone = strcmp(path_of(mine->list[k].text), path) != 0;
            expected += alone;
        }
    }
    assert_int_equal(entries, expected);
}

static void behaves_like_a_naive_model(void **state)
{
    struct random random = random_new();
    (void)state;
    for (int round = 0; round < 300; round++) {
        struct model models[2];
        struct names *names[2];
        for (size_t i = 0; i < 2; i++) {
            random_model(&random, &models[i]);
            names[i] = build(models[i].list, MODEL_NAMES);
            compare_children(names[i], &models[i], NULL);
        }
        for (size_t i = 0; i < MODEL_NAMES; i++) {
            char path[NAME_BYTES];
            random_name(&random, path);
            compare_path(names[0], &models[0], path);
            compare_path(names[0], &models[0], path_of(models[0].names[i]));
        }
        compare_diff(names[0], names[1], &models[0], &models[1]);
        names_unref(names[0]);
        names_unref(names[1]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_in_an_empty_set),
        cmocka_unit_test(slash_comes_before_every_other_byte),
        cmocka_unit_test(find_takes_whole_paths),
        cmocka_unit_test(of_equal_paths_one_stays),
        cmocka_unit_test(children_are_the_distinct_next_components),
        cmocka_unit_test(names_without_a_path_are_left_out),
        cmocka_unit_test(components_that_do_not_fit_are_left_out),
        cmocka_unit_test(builder_is_empty_after_it_has_finished),
        cmocka_unit_test(diff_tells_what_only_one_set_has),
        cmocka_unit_test(behaves_like_a_naive_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

#include "tree/tree.h"

#define TEXT_BYTES ((size_t)64 * 1024)

/* The tree of a value that belongs to a version of this date. */
static struct tree *tree_dated(const char *bytes, size_t size_bytes, bool binary, uint64_t created_ns,
                               const struct tree *before)
{
    _cleanup_value_ struct value *value = value_new();
    struct tree *tree = NULL;
    assert_non_null(value);
    assert_int_equal(secret_new(bytes, size_bytes, &value->bytes), 0);
    value->binary = binary;
    value->created_ns = created_ns;
    assert_int_equal(tree_new(value, before, &tree), 0);
    return tree;
}

static struct tree *tree_of(const char *text)
{
    return tree_dated(text, strlen(text), false, 1, NULL);
}

static void add_bytes(char *text, const char *bytes, size_t size_bytes)
{
    size_t size = strlen(text);
    for (size_t i = 0; i < size_bytes; i++) {
        unsigned char byte = (unsigned char)bytes[i];
        bool plain = byte >= ' ' && byte < 0x7f && byte != '\\';
        size += (size_t)snprintf(text + size, TEXT_BYTES - size, plain ? "%c" : "\\%02x", byte);
        assert_true(size < TEXT_BYTES);
    }
}

static void add_directory(char *text, const struct tree *tree, uint32_t directory, const char *path)
{
    uint32_t first;
    uint32_t count = tree_children(tree, directory, &first);
    for (uint32_t i = first; i < first + count; i++) {
        const struct tree_node *node = tree_node(tree, i);
        char here[1024];
        assert_int_equal(node->parent, directory);
        assert_int_equal(tree_find(tree, directory, node->entry), i);
        (void)snprintf(here, sizeof(here), "%s%s", path, node->entry);
        add_bytes(text, here, strlen(here));
        if (node->directory) {
            add_bytes(text, "/; ", 3);
            (void)snprintf(here, sizeof(here), "%s%s/", path, node->entry);
            add_directory(text, tree, i, here);
            continue;
        }
        add_bytes(text, "=", 1);
        add_bytes(text, secret_bytes(node->bytes) + node->offset, node->size_bytes);
        add_bytes(text, "; ", 2);
    }
}

/* All of a tree as one line: "path=bytes; directory/; directory/path=bytes; ". */
static void assert_tree(const struct tree *tree, const char *expected)
{
    _cleanup_free_ char *text = calloc(1, TEXT_BYTES);
    assert_non_null(text);
    assert_string_equal(tree_node(tree, TREE_ROOT)->entry, "");
    assert_true(tree_node(tree, TREE_ROOT)->directory);
    assert_int_equal(tree_node(tree, TREE_ROOT)->parent, TREE_NONE);
    add_directory(text, tree, TREE_ROOT, "");
    assert_string_equal(text, expected);
}

static void objects_are_directories_of_their_keys(void **state)
{
    static const struct {
        const char *json;
        const char *tree;
    } rows[] = {
        {"{}", ".raw={}; "},
        {"{\"a\":\"x\"}", ".raw={\"a\":\"x\"}; a=x; "},
        {"{\"b\":\"2\",\"a\":\"1\"}", ".raw={\"b\":\"2\",\"a\":\"1\"}; a=1; b=2; "},
        {"{\"a\":\"\"}", ".raw={\"a\":\"\"}; a=; "},
        /* strings are their bytes */
        {"{\"a\":\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"}",
         ".raw={\"a\":\"\\5c\"\\5c\\5c\\5c/\\5cb\\5cf\\5cn\\5cr\\5ct\"}; a=\"\\5c/\\08\\0c\\0a\\0d\\09; "},
        {"{\"a\":\"x\\u0000y\"}", ".raw={\"a\":\"x\\5cu0000y\"}; a=x\\00y; "},
        {"{\"a\":\"\\u00e9\\uD83D\\uDE00\"}",
         ".raw={\"a\":\"\\5cu00e9\\5cuD83D\\5cuDE00\"}; a=\\c3\\a9\\f0\\9f\\98\\80; "},
        {"{\"a\":\"line\\n\"}", ".raw={\"a\":\"line\\5cn\"}; a=line\\0a; "},
        /* numbers stay as they stand */
        {"{\"a\":123456789012345678901234567890}",
         ".raw={\"a\":123456789012345678901234567890}; a=123456789012345678901234567890; "},
        {"{\"a\":1.50}", ".raw={\"a\":1.50}; a=1.50; "},
        {"{\"a\":-0,\"b\":1E400,\"c\":0.1e-7}", ".raw={\"a\":-0,\"b\":1E400,\"c\":0.1e-7}; a=-0; b=1E400; c=0.1e-7; "},
        {"{\"a\":9223372036854775808 , \"b\": 1 }",
         ".raw={\"a\":9223372036854775808 , \"b\": 1 }; a=9223372036854775808; b=1; "},
        /* words */
        {"{\"t\":true,\"f\":false,\"n\":null}", ".raw={\"t\":true,\"f\":false,\"n\":null}; f=false; n=null; t=true; "},
        /* arrays are their text */
        {"{\"a\":[ 1, \"\\n\", {\"x\":[]} ],\"b\":[]}",
         ".raw={\"a\":[ 1, \"\\5cn\", {\"x\":[]} ],\"b\":[]}; a=[ 1, \"\\5cn\", {\"x\":[]} ]; b=[]; "},
        /* nested objects */
        {"{\"p\":{\"limit\":20,\"q\":{}},\"z\":\"1\"}",
         ".raw={\"p\":{\"limit\":20,\"q\":{}},\"z\":\"1\"}; p/; p/.raw={\"limit\":20,\"q\":{}}; p/limit=20; p/q/; "
         "p/q/.raw={}; z=1; "},
        {"{\"p\": { \"a\" : 1 } }", ".raw={\"p\": { \"a\" : 1 } }; p/; p/.raw={ \"a\" : 1 }; p/a=1; "},
        /* white space around */
        {" \t\r\n{\"a\":1}\n ", ".raw= \\09\\0d\\0a{\"a\":1}\\0a ; a=1; "},
        /* keys are escaped */
        {"{\"\":1}", "%=1; .raw={\"\":1}; "},
        {"{\".\":1,\"..\":2,\".raw\":3,\".versions\":4}",
         "%2E=1; %2E.=2; %2Eraw=3; %2Eversions=4; .raw={\".\":1,\"..\":2,\".raw\":3,\".versions\":4}; "},
        {"{\"../x\":1,\"a\\/b\":2,\"\\u0000\":3,\"%2F\":4}",
         "%00=3; %252F=4; %2E.%2Fx=1; .raw={\"../x\":1,\"a\\5c/b\":2,\"\\5cu0000\":3,\"%2F\":4}; a%2Fb=2; "},
        {"{\"value\":1}", ".raw={\"value\":1}; value=1; "},
        {"{\"k\":{\".raw\":{}}}",
         ".raw={\"k\":{\".raw\":{}}}; k/; k/%2Eraw/; k/%2Eraw/.raw={}; k/.raw={\".raw\":{}}; "},
        /* of equal keys the last one wins, also with another type, and however they are written */
        {"{\"a\":1,\"a\":2}", ".raw={\"a\":1,\"a\":2}; a=2; "},
        {"{\"a\":\"long string\",\"b\":\"x\",\"a\":\"s\"}",
         ".raw={\"a\":\"long string\",\"b\":\"x\",\"a\":\"s\"}; a=s; b=x; "},
        {"{\"a\":{\"x\":1},\"a\":2}", ".raw={\"a\":{\"x\":1},\"a\":2}; a=2; "},
        {"{\"a\":2,\"a\":{\"x\":1}}", ".raw={\"a\":2,\"a\":{\"x\":1}}; a/; a/.raw={\"x\":1}; a/x=1; "},
        {"{\"a\":{\"x\":1},\"\\u0061\":{\"y\":2}}",
         ".raw={\"a\":{\"x\":1},\"\\5cu0061\":{\"y\":2}}; a/; a/.raw={\"y\":2}; a/y=2; "},
        {"{\"a\":1,\"a\":2,\"b\":3,\"a\":4,\"b\":5,\"a\":6}",
         ".raw={\"a\":1,\"a\":2,\"b\":3,\"a\":4,\"b\":5,\"a\":6}; a=6; b=5; "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_(tree_freep) struct tree *tree = tree_of(rows[i].json);
        assert_tree(tree, rows[i].tree);
        assert_int_equal(tree_skipped(tree), 0);
    }
}

static void other_values_are_one_file(void **state)
{
    static const struct {
        const char *bytes;
        size_t size_bytes;
        bool binary;
        const char *tree;
    } rows[] = {
        {"", 0, false, ".raw=; value=; "},
        {"plain text\n", 11, false, ".raw=plain text\\0a; value=plain text\\0a; "},
        {"[1, 2]", 6, false, ".raw=[1, 2]; value=[1, 2]; "},
        {"\"text\"", 6, false, ".raw=\"text\"; value=\"text\"; "},
        {" 20 ", 4, false, ".raw= 20 ; value= 20 ; "},
        {"null", 4, false, ".raw=null; value=null; "},
        {"{\"a\":1", 6, false, ".raw={\"a\":1; value={\"a\":1; "},
        {"{\"a\":1}x", 8, false, ".raw={\"a\":1}x; value={\"a\":1}x; "},
        {"{'a':1}", 7, false, ".raw={'a':1}; value={'a':1}; "},
        {"{\"a\":NaN}", 9, false, ".raw={\"a\":NaN}; value={\"a\":NaN}; "},
        {"{\"a\":1}\0", 8, false, ".raw={\"a\":1}\\00; value={\"a\":1}\\00; "},
        {"\xef\xbb\xbf{}", 5, false, ".raw=\\ef\\bb\\bf{}; value=\\ef\\bb\\bf{}; "},
        {"\xff\xfe", 2, false, ".raw=\\ff\\fe; value=\\ff\\fe; "},
        {"{\"a\":1}", 7, true, ".raw={\"a\":1}; value={\"a\":1}; "},
        {"\0\1\2", 3, true, ".raw=\\00\\01\\02; value=\\00\\01\\02; "},
        {"", 0, true, ".raw=; value=; "},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        _cleanup_(tree_freep) struct tree *tree =
            tree_dated(rows[i].bytes, rows[i].size_bytes, rows[i].binary, 1, NULL);
        assert_tree(tree, rows[i].tree);
        assert_int_equal(tree_skipped(tree), 0);
    }
}

/* {"d":{"d":…1…}} with so many objects; the text is the caller's. */
static char *nested(size_t objects)
{
    char *text = calloc(1, objects * 6 + 2);
    assert_non_null(text);
    for (size_t i = 0; i < objects; i++)
        memcpy(text + i * 5, "{\"d\":", 5);
    text[objects * 5] = '1';
    for (size_t i = 0; i < objects; i++)
        text[objects * 5 + 1 + i] = '}';
    return text;
}

static void objects_are_directories_to_depth_32(void **state)
{
    static const size_t depths[] = {1, 2, TREE_MAX_DEPTH - 1, TREE_MAX_DEPTH, TREE_MAX_DEPTH + 1, 100, 512};
    (void)state;
    for (size_t i = 0; i < sizeof(depths) / sizeof(depths[0]); i++) {
        _cleanup_free_ char *text = nested(depths[i]);
        _cleanup_(tree_freep) struct tree *tree = tree_of(text);
        size_t directories = 1; /* the secret's own */
        uint32_t node = tree_find(tree, TREE_ROOT, "d");
        for (; tree_node(tree, node)->directory; node = tree_find(tree, node, "d")) {
            _cleanup_free_ char *raw = nested(depths[i] - directories++);
            const struct tree_node *file = tree_node(tree, tree_find(tree, node, ".raw"));
            assert_int_equal(file->size_bytes, strlen(raw));
            assert_memory_equal(secret_bytes(file->bytes) + file->offset, raw, file->size_bytes);
        }
        assert_int_equal(directories, depths[i] < TREE_MAX_DEPTH ? depths[i] : TREE_MAX_DEPTH);
        _cleanup_free_ char *rest = nested(depths[i] - directories);
        assert_int_equal(tree_node(tree, node)->size_bytes, strlen(rest));
        assert_memory_equal(secret_bytes(tree_node(tree, node)->bytes) + tree_node(tree, node)->offset, rest,
                            strlen(rest));
    }
    _cleanup_free_ char *deeper = nested(513); /* more than the scanner takes: no JSON */
    _cleanup_(tree_freep) struct tree *tree = tree_of(deeper);
    assert_int_not_equal(tree_find(tree, TREE_ROOT, "value"), TREE_NONE);
}

static void keys_too_long_for_an_entry_are_counted(void **state)
{
    static const struct {
        size_t bytes;
        size_t skipped;
    } rows[] = {{255, 0}, {256, 3}, {300, 3}};
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        char key[301] = "";
        char json[2048];
        for (size_t k = 0; k < rows[i].bytes; k++)
            key[k] = 'k';
        (void)snprintf(json, sizeof(json), "{\"%s\":\"1\",\"a\":\"2\",\"p\":{\"%s\":{},\"q\":3},\"x%s\":4}", key, key,
                       key + 1);
        _cleanup_(tree_freep) struct tree *tree = tree_of(json);
        assert_int_equal(tree_skipped(tree), rows[i].skipped);
        assert_int_equal(tree_find(tree, TREE_ROOT, key) == TREE_NONE, rows[i].skipped > 0);
        uint32_t p = tree_find(tree, TREE_ROOT, "p");
        assert_int_equal(tree_find(tree, p, key) == TREE_NONE, rows[i].skipped > 0);
        assert_int_not_equal(tree_find(tree, p, "q"), TREE_NONE);
        const struct tree_node *raw = tree_node(tree, tree_find(tree, TREE_ROOT, ".raw"));
        assert_int_equal(raw->size_bytes, strlen(json));
        assert_memory_equal(secret_bytes(raw->bytes) + raw->offset, json, raw->size_bytes);
    }
}

static void find_takes_whole_entries(void **state)
{
    static const char *const missing[] = {"", ".", "a", "abc", "p/x", "value", ".RAW", "zz", "%"};
    _cleanup_(tree_freep) struct tree *tree = tree_of("{\"ab\":1,\"p\":{\"x\":1},\"z\":2}");
    uint32_t first;
    (void)state;
    for (size_t i = 0; i < sizeof(missing) / sizeof(missing[0]); i++)
        assert_int_equal(tree_find(tree, TREE_ROOT, missing[i]), TREE_NONE);
    uint32_t file = tree_find(tree, TREE_ROOT, "ab");
    assert_int_equal(tree_find(tree, file, ".raw"), TREE_NONE);
    assert_int_equal(tree_children(tree, file, &first), 0);
}

static void many_keys_are_all_there(void **state)
{
    const size_t count = 5000;
    _cleanup_free_ char *json = malloc(count * 32);
    assert_non_null(json);
    size_t size = 0;
    (void)state;
    for (size_t i = 0; i < count; i++)
        size += (size_t)snprintf(json + size, 32, "%s\"k%zu\":\"v%zu\"", i ? "," : "{", i * 4999 % count, i);
    (void)snprintf(json + size, 2, "}");
    _cleanup_(tree_freep) struct tree *tree = tree_of(json);
    uint32_t first;
    assert_int_equal(tree_children(tree, TREE_ROOT, &first), count + 1);
    for (size_t i = 0; i < count; i++) {
        char key[16];
        char bytes[16];
        (void)snprintf(key, sizeof(key), "k%zu", i * 4999 % count);
        (void)snprintf(bytes, sizeof(bytes), "v%zu", i);
        const struct tree_node *node = tree_node(tree, tree_find(tree, TREE_ROOT, key));
        assert_int_equal(node->size_bytes, strlen(bytes));
        assert_memory_equal(secret_bytes(node->bytes) + node->offset, bytes, node->size_bytes);
    }
}

/* --- times --- */

static uint64_t mtime_of(const struct tree *tree, const char *directory, const char *entry)
{
    uint32_t parent = directory ? tree_find(tree, TREE_ROOT, directory) : TREE_ROOT;
    assert_int_not_equal(parent, TREE_NONE);
    uint32_t node = tree_find(tree, parent, entry);
    assert_int_not_equal(node, TREE_NONE);
    return tree_node(tree, node)->mtime_ns;
}

static void files_keep_the_time_of_their_last_change(void **state)
{
    static const char first[] =
        "{\"same\":\"s\",\"changed\":\"a\",\"gone\":1,\"d\":{\"x\":1,\"y\":2},\"was_d\":{\"x\":1},\"is_d\":5}";
    static const char second[] =
        "{\"same\":\"\\u0073\",\"changed\":\"b\",\"new\":1,\"d\":{\"x\":1,\"y\":3},\"was_d\":5,\"is_d\":{\"x\":1}}";
    _cleanup_(tree_freep) struct tree *one = tree_dated(first, sizeof(first) - 1, false, 100, NULL);
    _cleanup_(tree_freep) struct tree *two = tree_dated(second, sizeof(second) - 1, false, 200, one);
    _cleanup_(tree_freep) struct tree *three = tree_dated(second, sizeof(second) - 1, false, 300, two);
    (void)state;
    assert_int_equal(mtime_of(one, NULL, "same"), 100);
    assert_int_equal(mtime_of(one, "d", "x"), 100);
    const struct {
        const char *directory;
        const char *entry;
        uint64_t mtime_ns;
    } rows[] = {
        {NULL, "same", 100}, {NULL, "changed", 200}, {NULL, "new", 200},   {NULL, ".raw", 200}, {"d", "x", 100},
        {"d", "y", 200},     {"d", ".raw", 200},     {NULL, "was_d", 200}, {"is_d", "x", 200},  {"is_d", ".raw", 200},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        assert_int_equal(mtime_of(two, rows[i].directory, rows[i].entry), rows[i].mtime_ns);
        assert_int_equal(mtime_of(three, rows[i].directory, rows[i].entry), rows[i].mtime_ns); /* nothing changed */
    }
}

static void plain_values_have_times_too(void **state)
{
    _cleanup_(tree_freep) struct tree *one = tree_dated("text", 4, false, 100, NULL);
    _cleanup_(tree_freep) struct tree *two = tree_dated("text", 4, true, 200, one);
    _cleanup_(tree_freep) struct tree *three = tree_dated("texts", 5, false, 300, two);
    _cleanup_(tree_freep) struct tree *four = tree_dated("{\"value\":\"texts\"}", 17, false, 400, three);
    (void)state;
    assert_int_equal(mtime_of(two, NULL, "value"), 100);
    assert_int_equal(mtime_of(two, NULL, ".raw"), 100);
    assert_int_equal(mtime_of(three, NULL, "value"), 300);
    assert_int_equal(mtime_of(four, NULL, "value"), 300);
    assert_int_equal(mtime_of(four, NULL, ".raw"), 400);
}

static void same_bytes_are_of_files_only(void **state)
{
    static const struct {
        const char *a;
        const char *b;
        bool same;
    } rows[] = {{"x", "y", true},  {"x", "z", false}, {"x", "longer", false}, {"e", "f", true},
                {"e", "x", false}, {"d", "d", false}, {"d", "x", false},      {"s", "n", true}};
    _cleanup_(tree_freep) struct tree *tree = tree_of("{\"x\":\"1\",\"y\":1,\"z\":2,\"longer\":11,\"e\":\"\",\"f\":"
                                                      "\"\",\"d\":{},\"s\":\"a\\u0000b\",\"n\":\"a\\u0000b\"}");
    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct tree_node *a = tree_node(tree, tree_find(tree, TREE_ROOT, rows[i].a));
        const struct tree_node *b = tree_node(tree, tree_find(tree, TREE_ROOT, rows[i].b));
        assert_int_equal(tree_same_bytes(a, b), rows[i].same);
        assert_int_equal(tree_same_bytes(b, a), rows[i].same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(objects_are_directories_of_their_keys),
        cmocka_unit_test(other_values_are_one_file),
        cmocka_unit_test(objects_are_directories_to_depth_32),
        cmocka_unit_test(keys_too_long_for_an_entry_are_counted),
        cmocka_unit_test(find_takes_whole_entries),
        cmocka_unit_test(many_keys_are_all_there),
        cmocka_unit_test(files_keep_the_time_of_their_last_change),
        cmocka_unit_test(plain_values_have_times_too),
        cmocka_unit_test(same_bytes_are_of_files_only),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

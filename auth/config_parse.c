/* SPDX-License-Identifier: Apache-2.0 */

/* The format of the shared files is nowhere specified in full; it is what the SDKs agree on in their common test
 * vectors. The first character of a line decides what it is:
 *
 *   '['         a header: "[profile foo] ; comment". A '#' or ';' anywhere cuts it off.
 *   white space the value of the property before goes on, joined by '\n' and with its comments. Where that value
 *               was empty, the lines are a nested block of "key = value", kept as text.
 *   '#' or ';'  a comment (also after white space, where no value can go on)
 *   other       a property: "key = value # comment", where the comment needs white space before it
 *
 * White space is the blank and the tab, nothing else. A section or property whose name is not allowed is
 * left out in silence, but the syntax inside it must still be right. */
#include "auth/config.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "auth/config_internal.h"

struct parser {
    struct config *config;
    enum config_file file;
    const char *file_name;
    struct error *error;
    size_t line;
    bool default_prefixed;          /* [profile default] was seen: [default] does not count */
    bool in_section, in_property;   /* what a line may belong to, even if it is left out */
    bool nested;                    /* the property began with an empty value */
    struct config_section *section; /* NULL: left out */
    struct property *property;      /* NULL: left out */
};

static bool is_white(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_comment_mark(char c)
{
    return c == '#' || c == ';';
}

static struct slice trim(struct slice text)
{
    while (text.size_bytes > 0 && is_white(text.bytes[0])) {
        text.bytes++;
        text.size_bytes--;
    }
    while (text.size_bytes > 0 && is_white(text.bytes[text.size_bytes - 1]))
        text.size_bytes--;
    return text;
}

static struct slice cut_comment(struct slice text, bool needs_white)
{
    for (size_t i = 0; i < text.size_bytes; i++)
        if (is_comment_mark(text.bytes[i]) && (!needs_white || (i > 0 && is_white(text.bytes[i - 1]))))
            text.size_bytes = i;
    return trim(text);
}

/* "key = value # comment". Returns 0, -ENOENT (no '=') or -EINVAL (no key). */
static int split_property(struct slice line, struct slice *ret_key, struct slice *ret_value)
{
    line = cut_comment(line, true);
    const char *equals = line.size_bytes ? memchr(line.bytes, '=', line.size_bytes) : NULL;
    if (!equals)
        return -ENOENT;
    size_t key_bytes = (size_t)(equals - line.bytes);
    struct slice key = trim((struct slice){line.bytes, key_bytes});
    if (key.size_bytes == 0)
        return -EINVAL;
    *ret_key = key;
    *ret_value = trim((struct slice){equals + 1, line.size_bytes - key_bytes - 1});
    return 0;
}

static bool is_name(struct slice name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_/.%@:+";
    for (size_t i = 0; i < name.size_bytes; i++)
        if (!memchr(allowed, name.bytes[i], sizeof(allowed) - 1))
            return false;
    return name.size_bytes > 0;
}

static bool slice_is(struct slice slice, const char *text)
{
    return slice.size_bytes == strlen(text) && memcmp(slice.bytes, text, slice.size_bytes) == 0;
}

static int fail(const struct parser *parser, const char *what)
{
    return error_set(parser->error, ERROR_BAD_REQUEST, "%s (line %zu of %s)", what, parser->line, parser->file_name);
}

static int fail_errno(const struct parser *parser, int r)
{
    return r == -ENOMEM ? error_set(parser->error, ERROR_INTERNAL, "out of memory")
                        : fail(parser, "too many sections or properties");
}

/* Takes apart what stands between the brackets. Returns false for a section that is to be left out. */
static bool section_name(const struct parser *parser, struct slice inside, enum config_kind *ret_kind,
                         struct slice *ret_name, bool *ret_prefixed)
{
    static const struct {
        const char *prefix;
        enum config_kind kind;
    } prefixes[] = {{"profile", CONFIG_PROFILE}, {"sso-session", CONFIG_SSO_SESSION}, {"services", CONFIG_SERVICES}};

    inside = trim(inside);
    *ret_kind = CONFIG_PROFILE;
    *ret_name = inside;
    *ret_prefixed = false;
    if (parser->file == CONFIG_FILE_CREDENTIALS)
        return is_name(inside);
    for (size_t i = 0; i < sizeof(prefixes) / sizeof(prefixes[0]); i++) {
        size_t bytes = strlen(prefixes[i].prefix);
        if (inside.size_bytes > bytes && memcmp(inside.bytes, prefixes[i].prefix, bytes) == 0 &&
            is_white(inside.bytes[bytes])) {
            *ret_kind = prefixes[i].kind;
            *ret_name = trim((struct slice){inside.bytes + bytes, inside.size_bytes - bytes});
            *ret_prefixed = true;
            return is_name(*ret_name);
        }
    }
    return slice_is(inside, "default");
}

static int parse_header(struct parser *parser, struct slice text)
{
    text = cut_comment(text, false);
    if (text.bytes[text.size_bytes - 1] != ']')
        return fail(parser, "a section must end with ']'");

    parser->in_section = true;
    parser->in_property = false;
    parser->section = NULL;

    enum config_kind kind;
    struct slice name;
    bool prefixed;
    if (!section_name(parser, (struct slice){text.bytes + 1, text.size_bytes - 2}, &kind, &name, &prefixed))
        return 0;
    bool is_default = parser->file == CONFIG_FILE_CONFIG && kind == CONFIG_PROFILE && slice_is(name, "default");
    if (is_default && !prefixed && parser->default_prefixed)
        return 0;
    int r = config_add_section(parser->config, kind, name, &parser->section);
    if (r < 0)
        return fail_errno(parser, r);
    if (is_default && prefixed && !parser->default_prefixed) {
        config_empty_section(parser->section);
        parser->default_prefixed = true;
    }
    return 0;
}

static int parse_property(struct parser *parser, struct slice text)
{
    if (!parser->in_section)
        return fail(parser, "a property must stand below a [section]");
    struct slice key = {0}, value = {0};
    int r = split_property(text, &key, &value);
    if (r < 0)
        return fail(parser, r == -ENOENT ? "a property must have the form name = value" : "a property has no name");

    parser->in_property = true;
    parser->nested = value.size_bytes == 0;
    parser->property = NULL;
    if (!parser->section || !is_name(key))
        return 0;
    r = config_set(parser->section, key, value, &parser->property);
    return r < 0 ? fail_errno(parser, r) : 0;
}

static int parse_continuation(struct parser *parser, struct slice text)
{
    bool comment = is_comment_mark(text.bytes[0]);
    if (!parser->in_property) {
        if (comment)
            return 0;
        return fail(parser, parser->in_section ? "an indented line must follow a property"
                                               : "a property must stand below a [section]");
    }
    if (parser->nested) {
        struct slice key, value;
        if (comment)
            return 0;
        int r = split_property(text, &key, &value);
        if (r < 0)
            return fail(parser, r == -ENOENT ? "a line of a nested block must have the form name = value"
                                             : "a property in a nested block has no name");
    }
    if (!parser->property)
        return 0;
    int r = config_append_line(parser->property, text);
    return r < 0 ? fail_errno(parser, r) : 0;
}

static int parse_line(struct parser *parser, struct slice line)
{
    struct slice text = trim(line);
    if (text.size_bytes == 0 || is_comment_mark(line.bytes[0]))
        return 0;
    if (memchr(text.bytes, '\0', text.size_bytes))
        return fail(parser, "the file is not a text file: it holds a NUL byte");
    if (is_white(line.bytes[0]))
        return parse_continuation(parser, text);
    return text.bytes[0] == '[' ? parse_header(parser, text) : parse_property(parser, text);
}

/* Takes the next line off `rest`, without its "\n" or "\r\n". */
static struct slice next_line(struct slice *rest)
{
    const char *newline = memchr(rest->bytes, '\n', rest->size_bytes);
    struct slice line = {rest->bytes, newline ? (size_t)(newline - rest->bytes) : rest->size_bytes};
    size_t taken = line.size_bytes + (newline ? 1 : 0);
    *rest = (struct slice){rest->bytes + taken, rest->size_bytes - taken};
    if (line.size_bytes > 0 && line.bytes[line.size_bytes - 1] == '\r')
        line.size_bytes--;
    return line;
}

int config_parse(struct config *config, enum config_file file, const char *file_name, const char *text,
                 size_t text_bytes, struct error *ret_error)
{
    struct parser parser = {.config = config, .file = file, .file_name = file_name, .error = ret_error};
    struct slice rest = {text, text_bytes};
    if (text_bytes > CONFIG_MAX_BYTES)
        return fail(&parser, "the file is larger than 1 MiB");
    int r = 0;
    while (r == 0 && rest.size_bytes > 0) {
        parser.line++;
        r = parse_line(&parser, next_line(&rest));
    }
    return r;
}

int config_nested_setting(const struct config_section *section, const char *key, const char *nested_key,
                          char **ret_value)
{
    const char *block = config_value(section, key);
    if (!block || *block != '\n')
        return -ENOENT;
    struct slice rest = {block, strlen(block)}, found = {0};
    while (rest.size_bytes > 0) {
        struct slice name, value;
        if (split_property(next_line(&rest), &name, &value) == 0 && name.size_bytes == strlen(nested_key) &&
            strncasecmp(name.bytes, nested_key, name.size_bytes) == 0)
            found = value;
    }
    if (found.size_bytes == 0)
        return -ENOENT;
    char *copy = strndup(found.bytes, found.size_bytes);
    if (!copy)
        return -ENOMEM;
    *ret_value = copy;
    return 0;
}

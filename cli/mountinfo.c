/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/mountinfo.h"

#include <errno.h>
#include <string.h>

#include "base/parse.h"

struct field {
    const char *text;
    size_t bytes;
};

/* The next word; false at the end of the line. */
static bool next_field(struct field *rest, struct field *ret_field)
{
    while (rest->bytes > 0 && rest->text[0] == ' ') {
        rest->text++;
        rest->bytes--;
    }
    size_t bytes = 0;
    while (bytes < rest->bytes && rest->text[bytes] != ' ' && rest->text[bytes] != '\n')
        bytes++;
    *ret_field = (struct field){rest->text, bytes};
    rest->text += bytes;
    rest->bytes -= bytes;
    return bytes > 0;
}

static int copy_field(const struct field *field, char *text, size_t text_bytes)
{
    if (field->bytes >= text_bytes || memchr(field->text, '\0', field->bytes))
        return -EBADMSG;
    memcpy(text, field->text, field->bytes);
    text[field->bytes] = '\0';
    return 0;
}

static int read_number(const struct field *field, uint64_t *ret_number)
{
    char text[24];
    return copy_field(field, text, sizeof(text)) < 0 || parse_uint(text, 0, UINT64_MAX, ret_number) < 0 ? -EBADMSG : 0;
}

static bool is_octal(char c)
{
    return c >= '0' && c <= '7';
}

/* Blanks and backslashes stand as "\040". */
static void unescape(char *text)
{
    char *to = text;
    for (const char *from = text; *from;) {
        if (from[0] == '\\' && from[1] >= '0' && from[1] <= '3' && is_octal(from[2]) && is_octal(from[3])) {
            *to++ = (char)((from[1] - '0') << 6 | (from[2] - '0') << 3 | (from[3] - '0'));
            from += 4;
        } else
            *to++ = *from++;
    }
    *to = '\0';
}

/* id parent major:minor root mountpoint options [shared:N] [master:N] ... - type source options */
int mountinfo_parse(const char *line, size_t line_bytes, struct mountinfo *ret_mount)
{
    struct field rest = {line, line_bytes};
    struct field field[6];
    struct field optional;
    struct mountinfo mount = {0};
    for (size_t i = 0; i < sizeof(field) / sizeof(*field); i++)
        if (!next_field(&rest, &field[i]))
            return -EBADMSG;
    if (read_number(&field[0], &mount.id) < 0 || read_number(&field[1], &mount.parent_id) < 0 ||
        copy_field(&field[4], mount.mountpoint, sizeof(mount.mountpoint)) < 0)
        return -EBADMSG;
    unescape(mount.mountpoint);
    for (;;) {
        if (!next_field(&rest, &optional))
            return -EBADMSG;
        if (optional.bytes == 1 && optional.text[0] == '-')
            break;
        if (optional.bytes > 7 && memcmp(optional.text, "shared:", 7) == 0)
            mount.shared = true;
    }
    if (!next_field(&rest, &optional) || copy_field(&optional, mount.type, sizeof(mount.type)) < 0)
        return -EBADMSG;
    *ret_mount = mount;
    return 0;
}

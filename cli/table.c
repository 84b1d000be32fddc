/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/table.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define GAP 2
#define MIN_FIRST_COLUMN 12
#define MAX_CELL_BYTES 4096
#define CUT ".."

int table_append_visible(struct buffer *buffer, const char *text)
{
    int r = 0;
    for (; *text && r >= 0; text++) {
        unsigned char byte = (unsigned char)*text;
        r = byte >= ' ' && byte <= '~' ? buffer_append(buffer, text, 1) : buffer_printf(buffer, "\\x%02x", byte);
    }
    return r;
}

static char *make_cell(const char *text)
{
    _cleanup_buffer_ struct buffer buffer = {0};
    buffer_init(&buffer, MAX_CELL_BYTES);
    (void)table_append_visible(&buffer, text); /* what does not fit is left out */
    return strdup(buffer.bytes ? buffer.bytes : "");
}

int table_add(struct table *table, const char *const *cells)
{
    char **more = reallocarray((void *)table->cells, table->count + table->columns, sizeof(*more));
    if (!more)
        return -ENOMEM;
    table->cells = more;
    for (size_t i = 0; i < table->columns; i++) {
        char *cell = make_cell(cells[i]);
        if (!cell) {
            while (i > 0)
                free(more[table->count + --i]);
            return -ENOMEM;
        }
        more[table->count + i] = cell;
    }
    table->count += table->columns;
    return 0;
}

void table_clear(struct table *table)
{
    for (size_t i = 0; i < table->count; i++)
        free(table->cells[i]);
    free((void *)table->cells);
    *table = (struct table){.columns = table->columns};
}

/* The first column gives way to the others, down to its minimum. */
static void measure(const struct table *table, size_t width, size_t widths[TABLE_MAX_COLUMNS])
{
    size_t total = 0;
    for (size_t i = 0; i < table->count; i++) {
        size_t bytes = strlen(table->cells[i]);
        if (bytes > widths[i % table->columns])
            widths[i % table->columns] = bytes;
    }
    for (size_t i = 0; i < table->columns; i++)
        total += widths[i] + (i > 0 ? GAP : 0);
    if (width == TABLE_ANY_WIDTH || total <= width || widths[0] <= MIN_FIRST_COLUMN)
        return;
    size_t excess = total - width;
    widths[0] = widths[0] - MIN_FIRST_COLUMN > excess ? widths[0] - excess : MIN_FIRST_COLUMN;
}

/* Both ends of a name tell more than its middle. */
static int append_shortened(struct buffer *buffer, const char *text, size_t width)
{
    size_t bytes = strlen(text);
    if (bytes <= width)
        return buffer_append(buffer, text, bytes);
    size_t tail = (width - strlen(CUT)) / 2;
    size_t head = width - strlen(CUT) - tail;
    int r = buffer_append(buffer, text, head);
    if (r >= 0)
        r = buffer_append_text(buffer, CUT);
    return r < 0 ? r : buffer_append(buffer, text + bytes - tail, tail);
}

static int append_row(const struct table *table, char *const *cells, const size_t *widths, struct buffer *line)
{
    int r = 0;
    for (size_t i = 0; i < table->columns && r >= 0; i++) {
        size_t begin = line->size_bytes;
        r = i == 0 ? append_shortened(line, cells[i], widths[i]) : buffer_append_text(line, cells[i]);
        size_t used = line->size_bytes - begin;
        if (r >= 0 && i + 1 < table->columns)
            r = buffer_printf(line, "%*s", (int)(widths[i] - used + GAP), "");
    }
    return r;
}

int table_print(const struct table *table, size_t width, struct buffer *buffer)
{
    size_t widths[TABLE_MAX_COLUMNS] = {0};
    measure(table, width, widths);
    int r = 0;
    for (size_t i = 0; i < table->count && r >= 0; i += table->columns) {
        _cleanup_buffer_ struct buffer line = {0};
        buffer_init(&line, (size_t)TABLE_MAX_COLUMNS * (2 * MAX_CELL_BYTES + GAP));
        r = append_row(table, &table->cells[i], widths, &line);
        size_t bytes = line.size_bytes;
        if (width != TABLE_ANY_WIDTH && bytes > width)
            bytes = width;
        while (bytes > 0 && line.bytes[bytes - 1] == ' ')
            bytes--;
        if (r >= 0)
            r = buffer_append(buffer, line.bytes, bytes);
        if (r >= 0)
            r = buffer_append_text(buffer, "\n");
    }
    return r;
}

/* How much of a text goes onto a line: up to its last blank that fits. */
static size_t fitting(const char *text, size_t width)
{
    size_t bytes = strlen(text);
    if (bytes <= width)
        return bytes;
    for (size_t i = width; i > 0; i--)
        if (text[i] == ' ')
            return i;
    return width;
}

int table_print_wrapped(const char *text, size_t indent, size_t width, struct buffer *buffer)
{
    _cleanup_buffer_ struct buffer visible = {0};
    buffer_init(&visible, MAX_CELL_BYTES);
    (void)table_append_visible(&visible, text);
    const char *rest = visible.bytes ? visible.bytes : "";
    size_t room = width == TABLE_ANY_WIDTH ? MAX_CELL_BYTES : width;
    int r = 0;
    for (bool first = true; (first || *rest) && r >= 0; first = false) {
        size_t before = first || indent + MIN_FIRST_COLUMN > room ? 0 : indent;
        size_t bytes = fitting(rest, room - before);
        size_t shown = bytes;
        while (shown > 0 && rest[shown - 1] == ' ')
            shown--;
        r = buffer_printf(buffer, "%*s%.*s\n", (int)before, "", (int)shown, rest);
        rest += bytes;
        rest += strspn(rest, " ");
    }
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "fs/exposition.h"

#include <string.h>

int exposition_begin(struct buffer *buffer, const char *name, enum metric_type type, const char *help)
{
    return buffer_printf(buffer, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
                         type == METRIC_COUNTER ? "counter" : "gauge");
}

/* label="text" */
static int append_label(struct buffer *buffer, const char *label, const char *text)
{
    int r = buffer_printf(buffer, "%s=\"", label);
    while (r >= 0 && *text) {
        size_t plain = strcspn(text, "\\\"\n");
        r = buffer_append(buffer, text, plain);
        text += plain;
        if (r >= 0 && *text) {
            const char *escaped = *text == '\n' ? "\\n" : *text == '"' ? "\\\"" : "\\\\";
            r = buffer_append_text(buffer, escaped);
            text++;
        }
    }
    return r < 0 ? r : buffer_append_text(buffer, "\"");
}

int exposition_sample(struct buffer *buffer, const char *name, const char *label, const char *text, const char *label2,
                      const char *text2, double value)
{
    int r = buffer_append_text(buffer, name);
    if (r >= 0 && label)
        r = buffer_append_text(buffer, "{");
    if (r >= 0 && label)
        r = append_label(buffer, label, text);
    if (r >= 0 && label && label2)
        r = buffer_append_text(buffer, ",");
    if (r >= 0 && label && label2)
        r = append_label(buffer, label2, text2);
    if (r >= 0 && label)
        r = buffer_append_text(buffer, "}");
    return r < 0 ? r : buffer_printf(buffer, " %.15g\n", value);
}

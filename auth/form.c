/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/form.h"

#include <stdbool.h>
#include <string.h>

static bool is_plain(char c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || memchr("-_.~", c, 4);
}

int form_add(struct buffer *form, const char *name, const char *value)
{
    if (!value)
        return 0;
    int r = buffer_printf(form, "%s%s=", form->size_bytes > 0 ? "&" : "", name);
    for (; r == 0 && *value; value++) {
        if (is_plain(*value))
            r = buffer_append(form, value, 1);
        else
            r = buffer_printf(form, "%%%02X", (unsigned char)*value);
    }
    return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The only user of expat: texts out of a small XML answer. Pure; any thread. */

#include <stddef.h>

#include "base/buffer.h"

#define XML_MAX_BYTES ((size_t)256 * 1024)

/* An element that is looked for by its name and the name of the one that it stands in. */
struct xml_wanted {
    const char *parent; /* NULL: any, but not the root */
    const char *name;
    struct buffer *ret_text; /* of the first such element, without what its children hold; empty when there is none */
};

#define XML_MAX_WANTED 8

/* Reads one well-formed document in UTF-8. What expat holds meanwhile is wiped. Returns 0, -EBADMSG (malformed, too
 * deep, or with a document type, of which entities would come), -EFBIG (the document, or a text for its buffer), or
 * -ENOMEM; after a failure all texts are empty. */
int xml_read(const char *text, size_t text_bytes, const struct xml_wanted *wanted, size_t wanted_count);

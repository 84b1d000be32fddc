/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/xml.h"

#include <errno.h>
#include <expat.h>
#include <stdbool.h>
#include <string.h>

#include "base/wiping.h"

#define MAX_DEPTH 16

struct reader {
    XML_Parser parser;
    const struct xml_wanted *wanted;
    size_t wanted_count;
    unsigned depth;
    unsigned parents[MAX_DEPTH + 1]; /* of each open element: for which of the wanted it is the parent, as bits */
    unsigned found;                  /* which of the wanted have been met, as bits */
    const struct xml_wanted *taking; /* the one whose text is being taken, or NULL */
    unsigned taking_depth;
    int result;
};

static void stop(struct reader *reader, int result)
{
    reader->result = result;
    (void)XML_StopParser(reader->parser, XML_FALSE);
}

static void XMLCALL on_start(void *context, const XML_Char *name, const XML_Char **attributes)
{
    struct reader *reader = context;
    (void)attributes;
    if (reader->depth == MAX_DEPTH) {
        stop(reader, -EBADMSG);
        return;
    }
    unsigned within = reader->parents[reader->depth++], parent = 0;
    for (size_t i = 0; i < reader->wanted_count; i++) {
        const struct xml_wanted *wanted = &reader->wanted[i];
        unsigned bit = 1U << i;
        if (!wanted->parent || strcmp(name, wanted->parent) == 0)
            parent |= bit;
        if (!reader->taking && !(reader->found & bit) && (within & bit) && strcmp(name, wanted->name) == 0) {
            reader->found |= bit;
            reader->taking = wanted;
            reader->taking_depth = reader->depth;
        }
    }
    reader->parents[reader->depth] = parent;
}

static void XMLCALL on_end(void *context, const XML_Char *name)
{
    struct reader *reader = context;
    (void)name;
    if (reader->depth-- == reader->taking_depth)
        reader->taking = NULL;
}

static void XMLCALL on_text(void *context, const XML_Char *text, int text_bytes)
{
    struct reader *reader = context;
    if (!reader->taking || reader->depth != reader->taking_depth)
        return;
    int r = buffer_append(reader->taking->ret_text, text, (size_t)text_bytes);
    if (r < 0)
        stop(reader, r);
}

static void XMLCALL on_document_type(void *context, const XML_Char *name, const XML_Char *system_id,
                                     const XML_Char *public_id, int has_internal_subset)
{
    (void)name;
    (void)system_id;
    (void)public_id;
    (void)has_internal_subset;
    stop(context, -EBADMSG);
}

int xml_read(const char *text, size_t text_bytes, const struct xml_wanted *wanted, size_t wanted_count)
{
    static const XML_Memory_Handling_Suite memory = {wiping_malloc, wiping_realloc, wiping_free};
    if (text_bytes > XML_MAX_BYTES)
        return -EFBIG;
    if (text_bytes == 0 || wanted_count > XML_MAX_WANTED)
        return -EBADMSG;

    struct reader reader = {.wanted = wanted, .wanted_count = wanted_count};
    reader.parser = XML_ParserCreate_MM("UTF-8", &memory, NULL);
    if (!reader.parser)
        return -ENOMEM;
    XML_SetUserData(reader.parser, &reader);
    XML_SetElementHandler(reader.parser, on_start, on_end);
    XML_SetCharacterDataHandler(reader.parser, on_text);
    XML_SetStartDoctypeDeclHandler(reader.parser, on_document_type);
    if (XML_Parse(reader.parser, text, (int)text_bytes, XML_TRUE) != XML_STATUS_OK && reader.result == 0)
        reader.result = XML_GetErrorCode(reader.parser) == XML_ERROR_NO_MEMORY ? -ENOMEM : -EBADMSG;
    XML_ParserFree(reader.parser);
    for (size_t i = 0; reader.result < 0 && i < wanted_count; i++)
        buffer_clear(wanted[i].ret_text);
    return reader.result;
}

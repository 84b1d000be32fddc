/* SPDX-License-Identifier: Apache-2.0 */

/* All that the backends read: the first byte says as what. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/aws_answer.h"
#include "backend/base64.h"
#include "backend/local_file.h"
#include "backend/local_table.h"
#include "backend/secret_id.h"
#include "backend/secretsmanager_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void decode_value(const char *text, size_t size_bytes)
{
    _cleanup_value_ struct value *value = NULL;
    if (secretsmanager_decode_value(text, size_bytes, &value, NULL) == 0)
        assert(value->arn[0] && value->name[0] && value->version_id[0] && value->bytes);
}

static int check_name(void *context, const char *name)
{
    (void)context;
    assert(name[0]);
    return 0;
}

static void decode_page(const char *text, size_t size_bytes)
{
    _cleanup_free_ char *token = NULL;
    struct error error;
    if (secretsmanager_decode_page(text, size_bytes, check_name, NULL, &token, &error) == 0)
        assert(!token || token[0]);
}

static void check_value(void *context, struct value *value)
{
    (void)context;
    assert(value->arn[0] && value->name[0] && value->version_id[0] && value->bytes);
    value_free(value);
}

static void check_error(void *context, const char *id, const struct error *error)
{
    (void)context;
    assert(id && error->kind != ERROR_NONE && error->message[0]);
}

static void decode_batch(const char *text, size_t size_bytes)
{
    static const struct secretsmanager_batch_ops ops = {check_value, check_error};
    _cleanup_free_ char *token = NULL;
    if (secretsmanager_decode_batch(text, size_bytes, &ops, NULL, &token, NULL) == 0)
        assert(!token || token[0]);
}

static int check_version(void *context, const char *version_id, const char *stage)
{
    (void)context;
    assert(version_id[0] && (!stage || stage[0]));
    return 0;
}

static void decode_versions(const char *text, size_t size_bytes)
{
    (void)secretsmanager_decode_versions(text, size_bytes, check_version, NULL, NULL);
}

static void decode_error(const char *text, size_t size_bytes)
{
    _cleanup_free_ char *header = strndup(text, size_bytes);
    struct aws_answer answer = {400, header, header, text, size_bytes};
    struct error error;
    uint64_t wall_ns;

    aws_answer_error(&answer, &error);
    assert(error.kind != ERROR_NONE && error.message[0]);
    (void)aws_answer_retry_after(header);
    (void)aws_answer_date(header, &wall_ns);
}

static void decode_base64(const char *text, size_t size_bytes)
{
    size_t size, told;
    _cleanup_free_ char *output = malloc(size_bytes / 4 * 3 + 1);
    if (base64_decode(text, size_bytes, NULL, &told) == 0) {
        int r = base64_decode(text, size_bytes, output, &size);
        assert(r == 0 && size == told && size <= size_bytes / 4 * 3);
    }
}

static void decode_file(const char *text, size_t size_bytes)
{
    _cleanup_local_file_ struct local_file *file = NULL;
    _cleanup_local_table_ struct local_table *table = NULL;
    if (local_file_parse(text, size_bytes, &file, NULL) < 0 || local_table_new(&table) < 0)
        return;
    int r = local_table_update(table, file);
    assert(r == 0 && local_table_count(table) == file->entry_count);
    for (size_t i = 0; i < file->entry_count; i++) {
        _cleanup_value_ struct value *value = NULL;
        r = local_table_get(table, &(struct value_request){.id = file->entries[i].name}, &value);
        assert(r == 0 || strncmp(file->entries[i].name, "arn:", 4) == 0);
    }
}

static void decode_id(const char *text, size_t size_bytes)
{
    _cleanup_free_ char *text_copy = strndup(text, size_bytes);
    struct secret_id id;
    char pattern[64];
    if (text_copy && secret_id_parse(text_copy, &id))
        secret_id_pattern(&id, "eu-west-1", pattern, sizeof(pattern));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    static void (*const decoders[])(const char *, size_t) = {decode_value, decode_page, decode_error, decode_base64,
                                                             decode_file,  decode_id,   decode_batch, decode_versions};
    if (size_bytes > 0)
        decoders[data[0] % (sizeof(decoders) / sizeof(decoders[0]))]((const char *)data + 1, size_bytes - 1);
    return 0;
}

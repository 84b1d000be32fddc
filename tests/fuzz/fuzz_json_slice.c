/* SPDX-License-Identifier: Apache-2.0 */

/* What the scanner takes must be whole: json-c reads it too, every part is again a value, every string decodes to what
 * it promised. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "base/json.h"
#include "base/json_slice.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void check_string(struct json_slice string)
{
    size_t size = SIZE_MAX, told = 0;
    _cleanup_free_ char *output = malloc(string.size_bytes);
    if (!output)
        return;
    int r = json_slice_decode(string, output, &size);
    int told_r = json_slice_decode(string, NULL, &told);
    assert(r == 0 && told_r == 0);
    assert(size == told && size + 2 <= string.size_bytes);
}

static void check_value(struct json_slice value)
{
    struct json_slice again, key, member;
    size_t position = 0;

    int r = json_slice_check(value.bytes, value.size_bytes, &again);
    assert(r == 0 && again.bytes == value.bytes && again.size_bytes == value.size_bytes);
    if (json_slice_type(value) == JSON_STRING)
        check_string(value);
    while (json_slice_next_member(value, &position, &key, &member)) {
        assert(member.bytes > key.bytes && member.bytes + member.size_bytes < value.bytes + value.size_bytes);
        check_string(key);
        r = json_slice_check(member.bytes, member.size_bytes, &again);
        assert(r == 0);
    }
    assert(position == 0 || position + 1 == value.size_bytes);
    if (position > 0)
        return;
    while (json_slice_next_element(value, &position, &member)) {
        assert(member.bytes > value.bytes && member.bytes + member.size_bytes < value.bytes + value.size_bytes);
        r = json_slice_check(member.bytes, member.size_bytes, &again);
        assert(r == 0);
    }
    assert(position == 0 || position + 1 == value.size_bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    const char *text = (const char *)data;
    struct json_slice value, string = {text, size_bytes}, key, member;
    struct json *json = NULL;
    size_t position = 0, told;

    /* On text that is not known to be good nothing but harmless answers may come. */
    (void)json_slice_decode(string, NULL, &told);
    while (json_slice_next_member(string, &position, &key, &member))
        ;
    position = 0;
    while (json_slice_next_element(string, &position, &member))
        ;
    position = 0;

    int checked = json_slice_check(text, size_bytes, &value);
    int parsed = json_parse(text, size_bytes, JSON_SLICE_MAX_DEPTH, &json);
    assert((checked == 0) == (parsed == 0));
    json_free(json);
    if (checked == 0)
        check_value(value);
    return 0;
}

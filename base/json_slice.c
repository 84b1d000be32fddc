/* SPDX-License-Identifier: Apache-2.0 */

/* A scanner for the whole grammar of RFC 8259, which copies nothing and keeps no state but a position. json-c does
 * not serve here, even in its strict mode: it takes NaN, Infinity, 00, -01, 1., keys in single quotes, control
 * characters in strings and malformed UTF-8, clamps numbers to 64 bits, cuts a key at \u0000, and leaves
 * copies of what it reads on the heap. Values of secrets are therefore read by this file alone. */
#include "base/json_slice.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define REPLACEMENT_CHARACTER 0xfffdU

struct scan {
    const char *at;
    const char *end;
    int depth_left;
};

static bool scan_value(struct scan *scan);

static bool scan_byte(struct scan *scan, char byte)
{
    if (scan->at == scan->end || *scan->at != byte)
        return false;
    scan->at++;
    return true;
}

static void scan_space(struct scan *scan)
{
    while (scan_byte(scan, ' ') || scan_byte(scan, '\t') || scan_byte(scan, '\n') || scan_byte(scan, '\r'))
        ;
}

static bool scan_word(struct scan *scan, const char *word)
{
    size_t size = strlen(word);
    if ((size_t)(scan->end - scan->at) < size || memcmp(scan->at, word, size) != 0)
        return false;
    scan->at += size;
    return true;
}

static bool scan_digits(struct scan *scan)
{
    const char *start = scan->at;
    while (scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9')
        scan->at++;
    return scan->at > start;
}

static bool scan_number(struct scan *scan)
{
    (void)scan_byte(scan, '-');
    if (!scan_byte(scan, '0') && !scan_digits(scan))
        return false;
    if (scan_byte(scan, '.') && !scan_digits(scan))
        return false;
    if (scan_byte(scan, 'e') || scan_byte(scan, 'E')) {
        if (!scan_byte(scan, '+'))
            (void)scan_byte(scan, '-');
        return scan_digits(scan);
    }
    return true;
}

/* One character of more than one byte: shortest form only, no surrogates, up to U+10FFFF. */
static bool scan_utf8(struct scan *scan)
{
    static const struct {
        unsigned char first_low, first_high, second_low, second_high, size;
    } forms[] = {
        {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3}, {0xe1, 0xec, 0x80, 0xbf, 3},
        {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3}, {0xf0, 0xf0, 0x90, 0xbf, 4},
        {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    const unsigned char *bytes = (const unsigned char *)scan->at;
    size_t left = (size_t)(scan->end - scan->at);

    for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
        if (bytes[0] < forms[i].first_low || bytes[0] > forms[i].first_high)
            continue;
        if (left < forms[i].size || bytes[1] < forms[i].second_low || bytes[1] > forms[i].second_high)
            return false;
        for (size_t k = 2; k < forms[i].size; k++) {
            if ((bytes[k] & 0xc0) != 0x80)
                return false;
        }
        scan->at += forms[i].size;
        return true;
    }
    return false;
}

bool json_slice_is_utf8(const char *text, size_t text_bytes)
{
    struct scan scan = {.at = text, .end = text + text_bytes};
    while (scan.at < scan.end) {
        if ((unsigned char)*scan.at < 0x80)
            scan.at++;
        else if (!scan_utf8(&scan))
            return false;
    }
    return true;
}

/* Four hexadecimal digits, or a negative number. */
static int32_t scan_hex(struct scan *scan)
{
    int32_t value = 0;
    if (scan->end - scan->at < 4)
        return -1;
    for (int i = 0; i < 4; i++) {
        char c = *scan->at++;
        int32_t digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
        if (digit < 0)
            return -1;
        value = value * 16 + digit;
    }
    return value;
}

static bool scan_string(struct scan *scan)
{
    if (!scan_byte(scan, '"'))
        return false;
    while (scan->at < scan->end && (unsigned char)*scan->at >= ' ') {
        if (scan_byte(scan, '"'))
            return true;
        if (scan_byte(scan, '\\')) {
            if (scan_byte(scan, 'u')) {
                if (scan_hex(scan) < 0)
                    return false;
            } else if (scan->at == scan->end || !memchr("\"\\/bfnrt", *scan->at++, 8)) {
                return false;
            }
        } else if ((unsigned char)*scan->at < 0x80) {
            scan->at++;
        } else if (!scan_utf8(scan)) {
            return false;
        }
    }
    return false;
}

/* From a key to the end of its value. */
static bool scan_member(struct scan *scan, struct json_slice *ret_key, struct json_slice *ret_value)
{
    const char *key = scan->at;
    if (!scan_string(scan))
        return false;
    *ret_key = (struct json_slice){key, (size_t)(scan->at - key)};
    scan_space(scan);
    if (!scan_byte(scan, ':'))
        return false;
    scan_space(scan);
    const char *value = scan->at;
    if (!scan_value(scan))
        return false;
    *ret_value = (struct json_slice){value, (size_t)(scan->at - value)};
    return true;
}

/* What follows the opening bracket. */
static bool scan_container(struct scan *scan, char close)
{
    struct json_slice key, value;

    if (--scan->depth_left < 0)
        return false;
    scan_space(scan);
    if (!scan_byte(scan, close)) {
        for (;;) {
            if (close == '}' ? !scan_member(scan, &key, &value) : !scan_value(scan))
                return false;
            scan_space(scan);
            if (scan_byte(scan, close))
                break;
            if (!scan_byte(scan, ','))
                return false;
            scan_space(scan);
        }
    }
    scan->depth_left++;
    return true;
}

static bool scan_value(struct scan *scan)
{
    if (scan->at == scan->end)
        return false;
    switch (*scan->at) {
    case '{':
        scan->at++;
        return scan_container(scan, '}');
    case '[':
        scan->at++;
        return scan_container(scan, ']');
    case '"':
        return scan_string(scan);
    case 't':
        return scan_word(scan, "true");
    case 'f':
        return scan_word(scan, "false");
    case 'n':
        return scan_word(scan, "null");
    default:
        return scan_number(scan);
    }
}

int json_slice_check_depth(const char *text, size_t text_bytes, int max_depth, struct json_slice *ret_value)
{
    if (text_bytes == 0)
        return -EBADMSG;
    struct scan scan = {text, text + text_bytes, max_depth};

    scan_space(&scan);
    const char *start = scan.at;
    if (!scan_value(&scan))
        return -EBADMSG;
    struct json_slice value = {start, (size_t)(scan.at - start)};
    scan_space(&scan);
    if (scan.at != scan.end)
        return -EBADMSG;
    *ret_value = value;
    return 0;
}

int json_slice_check(const char *text, size_t text_bytes, struct json_slice *ret_value)
{
    return json_slice_check_depth(text, text_bytes, JSON_SLICE_MAX_DEPTH, ret_value);
}

enum json_slice_kind json_slice_type(struct json_slice value)
{
    switch (value.size_bytes > 0 ? value.bytes[0] : '\0') {
    case '{':
        return JSON_OBJECT;
    case '[':
        return JSON_ARRAY;
    case '"':
        return JSON_STRING;
    case 't':
    case 'f':
    case 'n':
        return JSON_WORD;
    default:
        return JSON_NUMBER;
    }
}

int json_slice_next_member(struct json_slice object, size_t *position, struct json_slice *ret_key,
                           struct json_slice *ret_value)
{
    if (*position >= object.size_bytes)
        return 0;
    struct scan scan = {object.bytes + *position, object.bytes + object.size_bytes, JSON_SLICE_MAX_DEPTH};

    /* In front of a member stands the opening bracket or a comma. */
    if (!scan_byte(&scan, *position == 0 ? '{' : ','))
        return 0;
    scan_space(&scan);
    if (!scan_member(&scan, ret_key, ret_value))
        return 0;
    scan_space(&scan);
    *position = (size_t)(scan.at - object.bytes);
    return 1;
}

int json_slice_next_element(struct json_slice array, size_t *position, struct json_slice *ret_value)
{
    if (*position >= array.size_bytes)
        return 0;
    struct scan scan = {array.bytes + *position, array.bytes + array.size_bytes, JSON_SLICE_MAX_DEPTH};

    if (!scan_byte(&scan, *position == 0 ? '[' : ','))
        return 0;
    scan_space(&scan);
    const char *start = scan.at;
    if (!scan_value(&scan))
        return 0;
    *ret_value = (struct json_slice){start, (size_t)(scan.at - start)};
    scan_space(&scan);
    *position = (size_t)(scan.at - array.bytes);
    return 1;
}

static size_t put_utf8(uint32_t c, char *output)
{
    unsigned char bytes[4];
    size_t size = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;

    for (size_t i = size - 1; i > 0; i--, c >>= 6)
        bytes[i] = (unsigned char)(0x80 | (c & 0x3f));
    static const unsigned char marks[] = {0, 0x00, 0xc0, 0xe0, 0xf0};
    bytes[0] = (unsigned char)(marks[size] | c);
    if (output)
        memcpy(output, bytes, size);
    return size;
}

/* The character that the escape after a backslash stands for. Half a surrogate pair becomes U+FFFD. */
static uint32_t take_escape(struct scan *scan)
{
    static const char letters[] = "bfnrt", controls[] = "\b\f\n\r\t";
    char letter = *scan->at++;
    const char *found = memchr(letters, letter, sizeof(letters) - 1);

    if (found)
        return (uint32_t)controls[found - letters];
    if (letter != 'u')
        return (uint32_t)letter;
    uint32_t c = (uint32_t)scan_hex(scan);
    if (c < 0xd800 || c > 0xdfff)
        return c;
    struct scan second = *scan;
    if (c < 0xdc00 && scan_byte(&second, '\\') && scan_byte(&second, 'u')) {
        uint32_t low = (uint32_t)scan_hex(&second);
        if (low >= 0xdc00 && low <= 0xdfff) {
            scan->at = second.at;
            return 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
        }
    }
    return REPLACEMENT_CHARACTER;
}

int json_slice_decode(struct json_slice string, char *output, size_t *ret_bytes)
{
    struct scan scan = {string.bytes, string.bytes + string.size_bytes, 0};
    if (!scan_string(&scan) || scan.at != scan.end)
        return -EBADMSG;

    size_t size = 0;
    scan = (struct scan){string.bytes + 1, string.bytes + string.size_bytes - 1, 0};
    while (scan.at < scan.end) {
        char byte = *scan.at++;
        if (byte == '\\') {
            size += put_utf8(take_escape(&scan), output ? output + size : NULL);
        } else {
            if (output)
                output[size] = byte;
            size++;
        }
    }
    *ret_bytes = size;
    return 0;
}

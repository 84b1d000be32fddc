/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/base64.h"

#include <errno.h>
#include <stdint.h>

/* 0 to 63, or -1. */
static int32_t digit_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

int base64_decode(const char *text, size_t text_bytes, char *output, size_t *ret_bytes)
{
    if (text_bytes % 4 != 0)
        return -EBADMSG;
    size_t digits = text_bytes, size = 0;
    while (digits > 0 && text_bytes - digits < 2 && text[digits - 1] == '=')
        digits--;

    uint32_t bits = 0; /* those that have not been put out yet are the lowest `bit_count` */
    unsigned bit_count = 0;
    for (size_t i = 0; i < digits; i++) {
        int32_t digit = digit_of(text[i]);
        if (digit < 0)
            return -EBADMSG;
        bits = (bits << 6 | (uint32_t)digit) & 0xfff;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            if (output)
                output[size] = (char)(bits >> bit_count);
            size++;
        }
    }
    if ((bits & ((1U << bit_count) - 1)) != 0)
        return -EBADMSG;
    *ret_bytes = size;
    return 0;
}

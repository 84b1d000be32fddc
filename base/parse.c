/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parse.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"

/* Reads digits of `base` up to the first other character. */
static int read_digits(const char *text, unsigned base, const char **ret_end, uint64_t *ret_value)
{
    uint64_t value = 0;
    const char *p = text;
    for (; *p >= '0' && *p < (char)('0' + base); p++) {
        uint64_t digit = (uint64_t)(*p - '0');
        if (value > (UINT64_MAX - digit) / base)
            return -ERANGE;
        value = value * base + digit;
    }
    if (p == text)
        return -EINVAL;
    *ret_end = p;
    *ret_value = value;
    return 0;
}

int parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value)
{
    const char *end;
    uint64_t value;
    int r = read_digits(text, 10, &end, &value);
    if (r < 0)
        return r;
    if (*end != '\0')
        return -EINVAL;
    if (value < min || value > max)
        return -ERANGE;
    *ret_value = value;
    return 0;
}

int parse_octal(const char *text, uint32_t max, uint32_t *ret_value)
{
    const char *end;
    uint64_t value;
    int r = read_digits(text, 8, &end, &value);
    if (r < 0)
        return r;
    if (*end != '\0')
        return -EINVAL;
    if (value > max)
        return -ERANGE;
    *ret_value = (uint32_t)value;
    return 0;
}

struct unit {
    const char *suffix;
    uint64_t factor;
};

static int parse_with_unit(const char *text, const struct unit *units, size_t unit_count, uint64_t *ret_value)
{
    const char *end;
    uint64_t value;
    int r = read_digits(text, 10, &end, &value);
    if (r < 0)
        return r;
    for (size_t i = 0; i < unit_count; i++) {
        if (strcmp(end, units[i].suffix) != 0)
            continue;
        /* CLOCK_NEVER_NS and sums of two values must stay out of reach. */
        if (value > UINT64_MAX / 4 / units[i].factor)
            return -ERANGE;
        *ret_value = value * units[i].factor;
        return 0;
    }
    return -EINVAL;
}

int parse_duration(const char *text, uint64_t *ret_ns)
{
    static const struct unit units[] = {
        {"", NS_PER_SEC}, {"s", NS_PER_SEC}, {"ms", NS_PER_MS}, {"m", NS_PER_SEC * 60U}, {"h", NS_PER_SEC * 3600U},
    };
    return parse_with_unit(text, units, sizeof(units) / sizeof(*units), ret_ns);
}

int parse_size(const char *text, uint64_t *ret_bytes)
{
    static const struct unit units[] = {{"", 1}, {"K", 1U << 10}, {"M", 1U << 20}, {"G", 1U << 30}};
    return parse_with_unit(text, units, sizeof(units) / sizeof(*units), ret_bytes);
}

int parse_bool(const char *text, bool *ret_value)
{
    static const char *const words[][2] = {{"false", "true"}, {"0", "1"}, {"no", "yes"}, {"off", "on"}};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        for (int value = 0; value < 2; value++)
            if (strcasecmp(text, words[i][value]) == 0) {
                *ret_value = value == 1;
                return 0;
            }
    return -EINVAL;
}

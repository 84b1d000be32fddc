/* SPDX-License-Identifier: Apache-2.0 */
#include "base/parse.h"

#include <errno.h>
#include <string.h>
#include <strings.h>
#include <time.h>

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

/* Exactly `digits` digits, and no more than `max`. Moves `text` past them. */
static bool take_number(const char **text, int digits, int max, int *ret_value)
{
    int value = 0;
    for (; digits > 0; digits--, (*text)++) {
        if (**text < '0' || **text > '9')
            return false;
        value = value * 10 + (**text - '0');
    }
    *ret_value = value;
    return value <= max;
}

static bool take_character(const char **text, char upper)
{
    if (**text != upper && !(upper == 'T' && (**text == 't' || **text == ' ')))
        return false;
    (*text)++;
    return true;
}

static bool take_date_and_time(const char **text, struct tm *ret_date)
{
    return take_number(text, 4, 9999, &ret_date->tm_year) && take_character(text, '-') &&
           take_number(text, 2, 12, &ret_date->tm_mon) && take_character(text, '-') &&
           take_number(text, 2, 31, &ret_date->tm_mday) && take_character(text, 'T') &&
           take_number(text, 2, 23, &ret_date->tm_hour) && take_character(text, ':') &&
           take_number(text, 2, 59, &ret_date->tm_min) && take_character(text, ':') &&
           take_number(text, 2, 60, &ret_date->tm_sec); /* 60 is a leap second */
}

/* Digits beyond the ninth are dropped. */
static bool take_fraction(const char **text, uint64_t *ret_ns)
{
    uint64_t unit_ns = NS_PER_SEC, value_ns = 0;
    if (**text == '.') {
        for ((*text)++; **text >= '0' && **text <= '9'; (*text)++) {
            unit_ns /= 10;
            value_ns += unit_ns * (uint64_t)(**text - '0');
        }
        if (unit_ns == NS_PER_SEC)
            return false;
    }
    *ret_ns = value_ns;
    return true;
}

/* To the end of the text. */
static bool take_offset(const char *text, int *ret_seconds)
{
    int hours, minutes, sign = *text == '-' ? -1 : 1;
    *ret_seconds = 0;
    if (strcmp(text, "Z") == 0 || strcmp(text, "z") == 0 || strcmp(text, "UTC") == 0)
        return true;
    if (*text != '+' && *text != '-')
        return false;
    text++;
    if (!take_number(&text, 2, 23, &hours) || !take_character(&text, ':') || !take_number(&text, 2, 59, &minutes))
        return false;
    *ret_seconds = sign * (hours * 3600 + minutes * 60);
    return *text == '\0';
}

int parse_timestamp(const char *text, uint64_t *ret_wall_ns)
{
    struct tm date = {0};
    uint64_t fraction_ns;
    int offset_seconds;
    if (!take_date_and_time(&text, &date) || !take_fraction(&text, &fraction_ns) || !take_offset(text, &offset_seconds))
        return -EINVAL;
    date.tm_year -= 1900;
    date.tm_mon -= 1;
    int month = date.tm_mon, day = date.tm_mday, leap_second = date.tm_sec == 60;
    date.tm_sec -= leap_second;
    time_t seconds = timegm(&date); /* it changes a day that the month does not have */
    if (date.tm_mon != month || date.tm_mday != day)
        return -EINVAL;
    seconds += leap_second - offset_seconds;
    if (seconds < 0)
        return -EINVAL;
    bool fits = (uint64_t)seconds < CLOCK_NEVER_NS / NS_PER_SEC;
    *ret_wall_ns = fits ? (uint64_t)seconds * NS_PER_SEC + fraction_ns : CLOCK_NEVER_NS;
    return 0;
}

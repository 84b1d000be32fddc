/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Strict parsing of what users type: the whole text must be consumed, nothing wraps, nothing is guessed.
 * Pure; any thread. Each returns 0, -EINVAL (not of the form) or -ERANGE (out of bounds). */

#include <stdbool.h>
#include <stdint.h>

int parse_uint(const char *text, uint64_t min, uint64_t max, uint64_t *ret_value);

/* Octal, as in "0440". */
int parse_octal(const char *text, uint32_t max, uint32_t *ret_value);

/* "300", "300s", "500ms", "5m", "1h": a bare number is seconds. */
int parse_duration(const char *text, uint64_t *ret_ns);

/* "33554432", "512K", "32M", "1G" (powers of 1024). */
int parse_size(const char *text, uint64_t *ret_bytes);

/* "true"/"false" in any case, "1"/"0", "yes"/"no", "on"/"off". */
int parse_bool(const char *text, bool *ret_value);

/* An instant as RFC 3339 writes it, "2026-11-21T00:24:35.236828+01:00"; "Z" or "UTC" stands for an offset of nothing.
 * In nanoseconds since 1970, CLOCK_NEVER_NS where that is too late to be told in them (the year 2554). Returns 0, or
 * -EINVAL also where a field is out of bounds or the instant is before 1970. */
int parse_timestamp(const char *text, uint64_t *ret_wall_ns);

/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The log. It never blocks the caller: a line that cannot be written at once is dropped and counted, and the
 * next line that gets through says how many were lost. Secrets must not be passed to it at any level.
 * Any thread, after log_open(). */

#include <stdint.h>

enum log_level {
    LOG_LEVEL_ERROR,
    LOG_LEVEL_WARNING,
    LOG_LEVEL_INFO,
    LOG_LEVEL_DEBUG,
};

enum log_target {
    LOG_TARGET_STDERR,
    LOG_TARGET_SYSLOG, /* datagrams to /dev/log */
    LOG_TARGET_FILE,   /* appended, created 0600 */
};

/* Where lines go from now on. `path` is used for LOG_TARGET_FILE only. Returns 0, or a negative errno with
 * the previous target kept. Before the first call lines go to stderr. Main thread, before others exist. */
int log_open(enum log_target target, const char *path, enum log_level level);

/* Parses "error", "warning", "info" or "debug". Returns 0 or -EINVAL. */
int log_level_parse(const char *text, enum log_level *ret_level);

/* One line; `format` has no newline at its end. What is not printable ASCII stands as '?': names and paths may hold
 * what a terminal obeys. */
void log_write(enum log_level level, const char *format, ...) __attribute__((format(printf, 2, 3)));

#define log_error(...) log_write(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warning(...) log_write(LOG_LEVEL_WARNING, __VA_ARGS__)
#define log_info(...) log_write(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_write(LOG_LEVEL_DEBUG, __VA_ARGS__)

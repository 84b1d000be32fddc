/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The text format in which Prometheus takes metrics. Pure. Each function returns 0, or as buffer_append() does. */

#include "base/buffer.h"

enum metric_type {
    METRIC_COUNTER,
    METRIC_GAUGE,
};

/* Begins a metric; its samples follow. */
int exposition_begin(struct buffer *buffer, const char *name, enum metric_type type, const char *help);

/* One sample. `label` NULL: the only one. Otherwise the labels are `label` and, unless that is NULL, `label2`; texts
 * are escaped. */
int exposition_sample(struct buffer *buffer, const char *name, const char *label, const char *text, const char *label2,
                      const char *text2, double value);

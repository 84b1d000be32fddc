/* SPDX-License-Identifier: Apache-2.0 */

/* The parser of the shared files: the input is the configuration file up to the first 0xff byte (which UTF-8 does not
 * have), then the credentials file. */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "auth/config.h"
#include "auth/profile_plan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void check(void *context, enum config_kind kind, const char *name, const char *key, const char *value)
{
    const struct config *config = context;
    const struct config_section *section = config_section(config, kind, name);
    if (!section || (key && config_value(section, key) != value))
        abort();
    if (!key && kind == CONFIG_PROFILE) {
        struct profile_plan plan;
        struct error error = {.kind = ERROR_NONE};
        int r = profile_plan_make(config, name, "files", &plan, &error);
        if (r < 0 ? error.kind != ERROR_NO_CREDENTIALS : plan.role_count > PROFILE_PLAN_MAX_ROLES || !plan.section)
            abort();
    }
    if (key) {
        char *nested = NULL;
        if (config_nested_setting(section, key, "endpoint_url", &nested) == 0 && *nested == '\0')
            abort();
        free(nested);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes)
{
    const char *text = (const char *)data;
    const char *mark = size_bytes ? memchr(text, 0xff, size_bytes) : NULL;
    size_t first_bytes = mark ? (size_t)(mark - text) : size_bytes;

    _cleanup_config_ struct config *config = NULL;
    struct error error;
    if (config_new(&config) < 0 || config_parse(config, CONFIG_FILE_CONFIG, "config", text, first_bytes, &error) < 0)
        return 0;
    if (mark && config_parse(config, CONFIG_FILE_CREDENTIALS, "credentials", mark + 1, size_bytes - first_bytes - 1,
                             &error) < 0)
        return 0;
    config_each(config, check, config);
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/settings.h"

#include <stddef.h>
#include <strings.h>

const char *settings_get(const struct settings *settings, const char *variable, const char *key,
                         const char **ret_origin)
{
    const char *origin = variable;
    const char *value = variable ? environment_get(settings->environment, variable) : NULL;
    if (!value && key) {
        origin = key;
        value = config_setting(settings->profile, key);
    }
    if (value && ret_origin)
        *ret_origin = origin;
    return value;
}

int settings_bool(const struct settings *settings, const char *variable, const char *key, bool *ret_value,
                  struct error *ret_error)
{
    const char *origin;
    const char *value = settings_get(settings, variable, key, &origin);
    bool is_true = value && strcasecmp(value, "true") == 0;
    if (value && !is_true && strcasecmp(value, "false") != 0)
        return error_set(ret_error, ERROR_BAD_REQUEST, "%s must be true or false, not \"%s\"", origin, value);
    *ret_value = is_true;
    return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/environment.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/secret.h"

struct environment {
    struct secret *variables; /* "NAME=value" and a NUL, again and again */
    char *directory;          /* that the process began in; NULL where it could not be found */
};

static bool matters(const char *variable)
{
    return strncmp(variable, "AWS_", strlen("AWS_")) == 0 || strncmp(variable, "HOME=", strlen("HOME=")) == 0;
}

int environment_new(char *const *variables, struct environment **ret_environment)
{
    size_t size_bytes = 0;
    for (char *const *variable = variables; variable && *variable; variable++)
        if (matters(*variable))
            size_bytes += strlen(*variable) + 1;

    _cleanup_environment_ struct environment *environment = calloc(1, sizeof(*environment));
    if (!environment || secret_alloc(size_bytes, &environment->variables) < 0)
        return -ENOMEM;
    char *end = secret_fill(environment->variables);
    for (char *const *variable = variables; variable && *variable; variable++)
        if (matters(*variable))
            end = stpcpy(end, *variable) + 1;
    environment->directory = getcwd(NULL, 0);
    *ret_environment = STEAL(environment);
    return 0;
}

void environment_free(struct environment *environment)
{
    if (!environment)
        return;
    secret_unref(environment->variables);
    free(environment->directory);
    free(environment);
}

const char *environment_get(const struct environment *environment, const char *name)
{
    size_t name_bytes = strlen(name);
    const char *variable = secret_bytes(environment->variables);
    const char *end = variable + secret_size_bytes(environment->variables);
    for (; variable < end; variable += strlen(variable) + 1)
        if (strncmp(variable, name, name_bytes) == 0 && variable[name_bytes] == '=')
            return variable[name_bytes + 1] ? variable + name_bytes + 1 : NULL;
    return NULL;
}

int environment_path(const struct environment *environment, const char *path, char **ret_path)
{
    const char *home = environment_get(environment, "HOME");
    char *result = NULL;
    if (path[0] == '~' && (path[1] == '/' || path[1] == '\0') && home) {
        if (asprintf(&result, "%s%s", home, path + 1) < 0)
            return -ENOMEM;
    } else if (path[0] == '/') {
        result = strdup(path);
        if (!result)
            return -ENOMEM;
    } else {
        if (!environment->directory)
            return -ENOENT;
        if (asprintf(&result, "%s/%s", environment->directory, path) < 0)
            return -ENOMEM;
    }
    *ret_path = result;
    return 0;
}

const char *environment_profile(const struct environment *environment, const char *option, const char **ret_origin)
{
    static const char *const variables[] = {"AWS_PROFILE", "AWS_DEFAULT_PROFILE"};
    *ret_origin = option ? "--profile" : NULL;
    if (option)
        return option;
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        const char *name = environment_get(environment, variables[i]);
        if (name) {
            *ret_origin = variables[i];
            return name;
        }
    }
    return "default";
}

/* SPDX-License-Identifier: Apache-2.0 */

/* The name of a variable is made from the prefix, the key and "FILE", joined by '_': letters become upper case, other
 * than letters and digits '_'. A secret that is not a JSON object has no key: its own name takes the place, or the
 * prefix alone. */
#include "cli/file_env.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "tree/name.h"

struct spec {
    char *folder; /* of the secret */
    char *secret;
    const char *prefix; /* points behind the '=', or is "" */
};

static void spec_clear(struct spec *spec)
{
    free(spec->folder);
    free(spec->secret);
}

static bool is_name(const char *text)
{
    for (size_t i = 0; text[i] != '\0'; i++)
        if (!isalpha((unsigned char)text[i]) && text[i] != '_' && (i == 0 || !isdigit((unsigned char)text[i])))
            return false;
    return true;
}

/* Appends the components of a name, each as its directory entry. */
static int append_path(char **path, const char *name)
{
    name += name[0] == '/';
    for (;;) {
        char entry[NAME_MAX_BYTES + 1];
        char *longer;
        size_t bytes = strcspn(name, "/");
        int r = name_escape(name, bytes, entry);
        if (r < 0 || asprintf(&longer, "%s/%s", *path, entry) < 0)
            return r < 0 ? r : -ENOMEM;
        free(*path);
        *path = longer;
        if (name[bytes] == '\0')
            return 0;
        name += bytes + 1;
    }
}

static int parse_spec(const char *folder, const char *text, struct spec *spec, struct error *ret_error)
{
    spec->secret = strdup(text);
    spec->folder = strdup(folder);
    spec->prefix = "";
    if (!spec->secret || !spec->folder)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    char *equals = strrchr(spec->secret, '='); /* a name may have some of its own */
    if (equals) {
        *equals = '\0';
        spec->prefix = equals + 1;
    }
    if (!is_name(spec->prefix))
        return error_set(ret_error, ERROR_BAD_REQUEST,
                         "--file-env %s: \"%s\" cannot begin the name of a variable; use letters, digits and _, or "
                         "end the name of a secret that has a = in it with one more",
                         text, spec->prefix);
    int r = append_path(&spec->folder, spec->secret);
    return r < 0 ? error_set(ret_error, ERROR_BAD_REQUEST, "--file-env %s: %s", text, strerror(-r)) : 0;
}

/* Of a key, or of the secret itself when `entry` is its one value. */
static char *variable_name(const struct spec *spec, const char *entry, bool is_whole)
{
    char key[NAME_MAX_BYTES + 1];
    size_t bytes = 0;
    char *name;
    const char *slash = strrchr(spec->secret, '/');
    const char *word = !is_whole ? key : spec->prefix[0] != '\0' ? "" : slash ? slash + 1 : spec->secret;
    if (name_unescape(entry, key, &bytes) < 0)
        return NULL;
    for (size_t i = 0; i < bytes; i++)
        if (key[i] == '\0')
            key[i] = '_';
    const char *joint = spec->prefix[0] != '\0' && word[0] != '\0'                   ? "_"
                        : spec->prefix[0] == '\0' && isdigit((unsigned char)word[0]) ? "_"
                                                                                     : "";
    if (asprintf(&name, "%s%s%s_FILE", spec->prefix, joint, word) < 0)
        return NULL;
    for (char *c = name + strlen(spec->prefix); *c != '\0'; c++)
        *c = (char)(isalnum((unsigned char)*c) ? toupper((unsigned char)*c) : '_');
    return name;
}

static int set_one(const char *folder, const struct spec *spec, const char *entry, bool is_whole,
                   struct error *ret_error)
{
    _cleanup_free_ char *path = NULL;
    _cleanup_free_ char *name = variable_name(spec, entry, is_whole);
    if (!name || asprintf(&path, "%s/%s", spec->folder, entry) < 0)
        return error_set(ret_error, ERROR_INTERNAL, "--file-env %s: %s cannot be named", spec->secret, entry);
    const char *old = getenv(name);
    bool taken = old && strncmp(old, folder, strlen(folder)) == 0 && strcmp(old, path) != 0;
    if (taken)
        return error_set(ret_error, ERROR_BAD_REQUEST,
                         "--file-env %s: the keys at %s and %s would both be %s; give the secrets different prefixes "
                         "(SECRET=PREFIX), or rename a key",
                         spec->secret, old, path, name);
    return setenv(name, path, 1) < 0 ? error_set(ret_error, ERROR_INTERNAL, "%s", strerror(errno)) : 0;
}

static int explain(const struct spec *spec, int number, struct error *ret_error)
{
    return error_set(ret_error, ERROR_BAD_REQUEST, "--file-env %s: %s", spec->secret,
                     number == ENOENT      ? "there is no such secret; see the names with: secretsfs exec -- ls -R"
                     : number == ETIMEDOUT ? "AWS could not be reached in time (--timeout); the reason is above"
                                           : strerror(number));
}

/* What scandir() gave. */
struct keys {
    struct dirent **entries;
    int count;
};

static void keys_clear(struct keys *keys)
{
    for (int i = 0; i < keys->count; i++)
        free(keys->entries[i]);
    free((void *)keys->entries);
}

/* Reserved names begin with a dot; a directory is not one text. */
static int is_key(const struct dirent *entry)
{
    return entry->d_type == DT_REG && entry->d_name[0] != '.';
}

int file_env_set(const char *folder, const char *spec_text, struct error *ret_error)
{
    _cleanup_(spec_clear) struct spec spec = {0};
    _cleanup_(keys_clear) struct keys keys = {0};
    int r = parse_spec(folder, spec_text, &spec, ret_error);
    if (r < 0)
        return r;
    keys.count = scandir(spec.folder, &keys.entries, is_key, alphasort);
    if (keys.count < 0)
        return explain(&spec, errno, ret_error);
    if (keys.count == 0)
        return error_set(ret_error, ERROR_BAD_REQUEST, "--file-env %s: this secret has no keys", spec.secret);
    bool is_whole = keys.count == 1 && strcmp(keys.entries[0]->d_name, "value") == 0;
    for (int i = 0; i < keys.count && r >= 0; i++)
        r = set_one(folder, &spec, keys.entries[i]->d_name, is_whole, ret_error);
    return r;
}

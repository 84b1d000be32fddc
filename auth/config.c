/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/config.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "auth/config_internal.h"
#include "base/buffer.h"

/* Far more than anybody has; they keep linear searches short. */
#define MAX_SECTIONS 5000
#define MAX_PROPERTIES 500

struct property {
    char *key;
    struct buffer value;
};

struct config_section {
    enum config_kind kind;
    char *name;
    struct property *properties;
    size_t property_count;
};

struct config {
    struct config_section **sections;
    size_t section_count;
};

int config_new(struct config **ret_config)
{
    struct config *config = calloc(1, sizeof(*config));
    if (!config)
        return -ENOMEM;
    *ret_config = config;
    return 0;
}

void config_empty_section(struct config_section *section)
{
    for (size_t i = 0; i < section->property_count; i++) {
        free(section->properties[i].key);
        buffer_clear(&section->properties[i].value);
    }
    section->property_count = 0;
}

static void section_free(struct config_section *section)
{
    if (!section)
        return;
    config_empty_section(section);
    free(section->properties);
    free(section->name);
    free(section);
}
DEFINE_CLEANUP(struct config_section, section_free)

void config_free(struct config *config)
{
    if (!config)
        return;
    for (size_t i = 0; i < config->section_count; i++)
        section_free(config->sections[i]);
    free(config->sections);
    free(config);
}

static bool is_named(const struct config_section *section, struct slice name)
{
    return strlen(section->name) == name.size_bytes && memcmp(section->name, name.bytes, name.size_bytes) == 0;
}

static struct config_section *find_section(const struct config *config, enum config_kind kind, struct slice name)
{
    for (size_t i = 0; i < config->section_count; i++)
        if (config->sections[i]->kind == kind && is_named(config->sections[i], name))
            return config->sections[i];
    return NULL;
}

static struct property *find_property(const struct config_section *section, const char *key)
{
    for (size_t i = 0; i < section->property_count; i++)
        if (strcmp(section->properties[i].key, key) == 0)
            return &section->properties[i];
    return NULL;
}

int config_add_section(struct config *config, enum config_kind kind, struct slice name,
                       struct config_section **ret_section)
{
    struct config_section *found = find_section(config, kind, name);
    if (!found) {
        if (config->section_count == MAX_SECTIONS)
            return -E2BIG;
        struct config_section **sections =
            reallocarray(config->sections, config->section_count + 1, sizeof(struct config_section *));
        if (!sections)
            return -ENOMEM;
        config->sections = sections;
        _cleanup_(section_freep) struct config_section *section = calloc(1, sizeof(*section));
        if (!section)
            return -ENOMEM;
        section->kind = kind;
        section->name = strndup(name.bytes, name.size_bytes);
        if (!section->name)
            return -ENOMEM;
        found = config->sections[config->section_count++] = STEAL(section);
    }
    *ret_section = found;
    return 0;
}

/* Finds or makes it. `key` is taken over when it is used. Returns 0, -E2BIG or -ENOMEM. */
static int add_property(struct config_section *section, char **key, struct property **ret_property)
{
    struct property *property = find_property(section, *key);
    if (!property) {
        if (section->property_count == MAX_PROPERTIES)
            return -E2BIG;
        /* The values are not in this array, so there is nothing to wipe in the old one. */
        struct property *properties =
            reallocarray(section->properties, section->property_count + 1, sizeof(struct property));
        if (!properties)
            return -ENOMEM;
        section->properties = properties;
        property = &properties[section->property_count++];
        property->key = STEAL(*key);
        buffer_init(&property->value, CONFIG_MAX_BYTES);
    }
    *ret_property = property;
    return 0;
}

int config_set(struct config_section *section, struct slice name, struct slice value, struct property **ret_property)
{
    _cleanup_free_ char *key = strndup(name.bytes, name.size_bytes);
    if (!key)
        return -ENOMEM;
    for (char *c = key; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    int r = add_property(section, &key, ret_property);
    if (r < 0)
        return r;
    buffer_clear(&(*ret_property)->value);
    return buffer_append(&(*ret_property)->value, value.bytes, value.size_bytes);
}

int config_append_line(struct property *property, struct slice line)
{
    int r = buffer_append_text(&property->value, "\n");
    return r < 0 ? r : buffer_append(&property->value, line.bytes, line.size_bytes);
}

const struct config_section *config_section(const struct config *config, enum config_kind kind, const char *name)
{
    return find_section(config, kind, (struct slice){name, strlen(name)});
}

const struct config_section *config_profile(const struct config *config, const char *name)
{
    return config_section(config, CONFIG_PROFILE, name);
}

const char *config_value(const struct config_section *section, const char *key)
{
    const struct property *property = section ? find_property(section, key) : NULL;
    if (!property)
        return NULL;
    return property->value.bytes ? property->value.bytes : "";
}

const char *config_setting(const struct config_section *section, const char *key)
{
    const char *value = config_value(section, key);
    return value && *value ? value : NULL;
}

void config_forget_keys(struct config *config)
{
    static const char *const keys[] = {"aws_access_key_id", "aws_secret_access_key", "aws_session_token"};
    for (size_t i = 0; i < config->section_count; i++)
        for (size_t j = 0; j < sizeof(keys) / sizeof(keys[0]); j++) {
            struct property *property = find_property(config->sections[i], keys[j]);
            buffer_clear(property ? &property->value : NULL);
        }
}

void config_each(const struct config *config,
                 void (*each)(void *context, enum config_kind kind, const char *name, const char *key,
                              const char *value),
                 void *context)
{
    for (size_t i = 0; i < config->section_count; i++) {
        const struct config_section *section = config->sections[i];
        each(context, section->kind, section->name, NULL, NULL);
        for (size_t j = 0; j < section->property_count; j++)
            each(context, section->kind, section->name, section->properties[j].key,
                 config_value(section, section->properties[j].key));
    }
}

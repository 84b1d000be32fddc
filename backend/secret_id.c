/* SPDX-License-Identifier: Apache-2.0 */
#include "backend/secret_id.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MAX_ID_BYTES 2048
#define SUFFIX_CHARACTERS 6

#define LOWER "abcdefghijklmnopqrstuvwxyz"
#define UPPER "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* Of names; '!' occurs in those of secrets that a service owns ("rds!db-…"). */
#define NAME_ALPHABET LOWER UPPER DIGITS "/_+=.@-!"

/* Copies the text up to the next ':' and steps over it. False when it is empty, too long or of other characters. */
static bool take_field(const char **at, const char *alphabet, char *field, size_t field_bytes)
{
    size_t size = strspn(*at, alphabet);
    if (size == 0 || size >= field_bytes || (*at)[size] != ':')
        return false;
    memcpy(field, *at, size);
    field[size] = '\0';
    *at += size + 1;
    return true;
}

static bool take_word(const char **at, const char *word)
{
    size_t size = strlen(word);
    if (strncmp(*at, word, size) != 0)
        return false;
    *at += size;
    return true;
}

bool secret_id_parse(const char *id, struct secret_id *ret_id)
{
    struct secret_id parsed = {.name = id};

    if (strnlen(id, MAX_ID_BYTES + 1) > MAX_ID_BYTES)
        return false;
    if (take_word(&parsed.name, "arn:")) {
        if (!take_field(&parsed.name, LOWER DIGITS "-", parsed.partition, sizeof(parsed.partition)) ||
            !take_word(&parsed.name, "secretsmanager:") ||
            !take_field(&parsed.name, LOWER DIGITS "-", parsed.region, sizeof(parsed.region)) ||
            !take_field(&parsed.name, DIGITS, parsed.account, sizeof(parsed.account)) ||
            !take_word(&parsed.name, "secret:"))
            return false;
    }
    size_t size = strspn(parsed.name, NAME_ALPHABET);
    if (size == 0 || parsed.name[size] != '\0')
        return false;
    *ret_id = parsed;
    return true;
}

const char *secret_id_partition(const char *region)
{
    static const struct {
        const char *prefix, *partition;
    } partitions[] = {
        {"cn-", "aws-cn"},         {"us-gov-", "aws-us-gov"}, {"eusc-", "aws-eusc"},     {"us-iso-", "aws-iso"},
        {"us-isob-", "aws-iso-b"}, {"eu-isoe-", "aws-iso-e"}, {"us-isof-", "aws-iso-f"},
    };
    for (size_t i = 0; i < sizeof(partitions) / sizeof(partitions[0]); i++) {
        if (strncmp(region, partitions[i].prefix, strlen(partitions[i].prefix)) == 0)
            return partitions[i].partition;
    }
    return "aws";
}

/* The length of the name without "-AbCdEf" at its end. */
static size_t size_without_suffix(const char *name)
{
    size_t size = strlen(name);
    if (size <= SUFFIX_CHARACTERS + 1 || name[size - SUFFIX_CHARACTERS - 1] != '-')
        return size;
    for (size_t i = size - SUFFIX_CHARACTERS; i < size; i++) {
        if (!isalnum((unsigned char)name[i]))
            return size;
    }
    return size - SUFFIX_CHARACTERS - 1;
}

void secret_id_pattern(const struct secret_id *id, const char *region, char *ret_pattern, size_t pattern_bytes)
{
    bool is_arn = id->region[0] != '\0';
    size_t size = is_arn ? size_without_suffix(id->name) : strlen(id->name);
    (void)snprintf(ret_pattern, pattern_bytes, "arn:%s:secretsmanager:%s:%s:secret:%.*s-??????",
                   is_arn ? id->partition : secret_id_partition(region), is_arn ? id->region : region,
                   is_arn ? id->account : "*", size < MAX_ID_BYTES ? (int)size : MAX_ID_BYTES, id->name);
}

/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/sigv4.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdbool.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

/* A signature is made in three steps (AWS documentation, "Create a signed AWS API request"):
 *
 *   canonical request = method, path, query, headers, names of the headers, hash of the body
 *   string to sign    = algorithm, date, scope, hash of the canonical request
 *   signature         = HMAC(key, string to sign), where the key is made from the secret key by a chain of HMACs
 *                       over date, region, service and "aws4_request"
 *
 * The canonical request is never stored: its pieces go straight into the hash, so it may be of any size. */

#define ALGORITHM "AWS4-HMAC-SHA256"
#define MAX_HEADERS 32
#define HASH_BYTES 32
#define HEX_BYTES (2 * HASH_BYTES + 1)
#define DATE_DIGITS 8
#define MAX_KEY_BYTES 4096
#define MAX_SCOPE_BYTES 512
#define MAX_NAMES_BYTES 4096
#define MAX_STRING_TO_SIGN_BYTES 1024

struct header_list {
    struct sigv4_header headers[MAX_HEADERS];
    size_t count;
};

static void cleanup_md(EVP_MD_CTX **md)
{
    EVP_MD_CTX_free(*md);
}

void sigv4_date(uint64_t time_ns, char ret_date[SIGV4_DATE_BYTES])
{
    time_t seconds = (time_t)(time_ns / NS_PER_SEC);
    struct tm tm;
    (void)gmtime_r(&seconds, &tm);
    (void)strftime(ret_date, SIGV4_DATE_BYTES, "%Y%m%dT%H%M%SZ", &tm);
}

static void to_hex(const unsigned char hash[HASH_BYTES], char ret_hex[HEX_BYTES])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < HASH_BYTES; i++) {
        ret_hex[2 * i] = digits[hash[i] >> 4];
        ret_hex[2 * i + 1] = digits[hash[i] & 15];
    }
    ret_hex[HEX_BYTES - 1] = '\0';
}

static int hash_hex(const void *bytes, size_t size_bytes, char ret_hex[HEX_BYTES])
{
    unsigned char hash[HASH_BYTES];
    if (EVP_Digest(bytes, size_bytes, hash, NULL, EVP_sha256(), NULL) != 1)
        return -ENOMEM;
    to_hex(hash, ret_hex);
    return 0;
}

static bool feed(EVP_MD_CTX *md, const char *text)
{
    return EVP_DigestUpdate(md, text, strlen(text)) == 1;
}

/* A header's value without white space at its ends, and with one space for each run of it inside. */
static bool feed_value(EVP_MD_CTX *md, const char *value)
{
    static const char white[] = " \t\r\n";
    bool ok = true;
    const char *word = value + strspn(value, white);
    while (*word && ok) {
        size_t word_bytes = strcspn(word, white);
        ok = EVP_DigestUpdate(md, word, word_bytes) == 1;
        word += word_bytes + strspn(word + word_bytes, white);
        if (*word)
            ok = ok && feed(md, " ");
    }
    return ok;
}

/* Keeps the list sorted by name; headers of the same name stay in the order in which they came. */
static int header_insert(struct header_list *list, const char *name, const char *value)
{
    if (list->count == MAX_HEADERS)
        return -EINVAL;
    size_t at = list->count++;
    for (; at > 0 && strcmp(list->headers[at - 1].name, name) > 0; at--)
        list->headers[at] = list->headers[at - 1];
    list->headers[at] = (struct sigv4_header){.name = name, .value = value};
    return 0;
}

static int header_list_fill(struct header_list *list, const struct sigv4_request *request, const char *date,
                            const struct secret *token)
{
    int r = header_insert(list, "host", request->host);
    if (r == 0)
        r = header_insert(list, "x-amz-date", date);
    if (r == 0 && token)
        r = header_insert(list, "x-amz-security-token", secret_bytes(token));
    for (size_t i = 0; r == 0 && i < request->header_count; i++)
        r = header_insert(list, request->headers[i].name, request->headers[i].value);
    return r;
}

static bool same_name_as_previous(const struct header_list *list, size_t i)
{
    return i > 0 && strcmp(list->headers[i].name, list->headers[i - 1].name) == 0;
}

static int signed_names(const struct header_list *list, struct buffer *names)
{
    int r = 0;
    for (size_t i = 0; r == 0 && i < list->count; i++)
        if (!same_name_as_previous(list, i))
            r = buffer_printf(names, "%s%s", i > 0 ? ";" : "", list->headers[i].name);
    return r;
}

/* Values of headers with the same name are joined by commas on one line. */
static bool feed_headers(EVP_MD_CTX *md, const struct header_list *list)
{
    bool ok = true;
    for (size_t i = 0; ok && i < list->count; i++) {
        if (same_name_as_previous(list, i))
            ok = feed(md, ",");
        else
            ok = (i == 0 || feed(md, "\n")) && feed(md, list->headers[i].name) && feed(md, ":");
        ok = ok && feed_value(md, list->headers[i].value);
    }
    return ok && feed(md, "\n");
}

static int canonical_hash(const struct sigv4_request *request, const struct header_list *list, const char *names,
                          char ret_hex[HEX_BYTES])
{
    char body_hex[HEX_BYTES];
    int r = hash_hex(request->body ? request->body : "", request->body_bytes, body_hex);
    if (r < 0)
        return r;

    _cleanup_(cleanup_md) EVP_MD_CTX *md = EVP_MD_CTX_new();
    unsigned char hash[HASH_BYTES];
    if (!md || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1 || !feed(md, request->method) || !feed(md, "\n/\n\n") ||
        !feed_headers(md, list) || !feed(md, "\n") || !feed(md, names) || !feed(md, "\n") || !feed(md, body_hex) ||
        EVP_DigestFinal_ex(md, hash, NULL) != 1)
        return -ENOMEM;
    to_hex(hash, ret_hex);
    return 0;
}

/* key = HMAC(key, text); both are HASH_BYTES long. */
static int derive(unsigned char key[HASH_BYTES], const char *text, size_t text_bytes)
{
    return HMAC(EVP_sha256(), key, HASH_BYTES, (const unsigned char *)text, text_bytes, key, NULL) ? 0 : -ENOMEM;
}

static int signing_key(const struct sigv4_request *request, const struct secret *secret_access_key, const char *date,
                       unsigned char ret_key[HASH_BYTES])
{
    _cleanup_buffer_ struct buffer first;
    buffer_init(&first, MAX_KEY_BYTES);
    int r = buffer_append_text(&first, "AWS4");
    if (r == 0)
        r = buffer_append(&first, secret_bytes(secret_access_key), secret_size_bytes(secret_access_key));
    if (r < 0)
        return r;
    if (!HMAC(EVP_sha256(), first.bytes, (int)first.size_bytes, (const unsigned char *)date, DATE_DIGITS, ret_key,
              NULL))
        return -ENOMEM;
    r = derive(ret_key, request->region, strlen(request->region));
    if (r == 0)
        r = derive(ret_key, request->service, strlen(request->service));
    if (r == 0)
        r = derive(ret_key, "aws4_request", strlen("aws4_request"));
    return r;
}

static int sign(const struct sigv4_request *request, const struct secret *secret_access_key, const char *date,
                const struct buffer *string_to_sign, char ret_hex[HEX_BYTES])
{
    unsigned char key[HASH_BYTES];
    int r = signing_key(request, secret_access_key, date, key);
    if (r == 0)
        r = derive(key, string_to_sign->bytes, string_to_sign->size_bytes);
    if (r == 0)
        to_hex(key, ret_hex); /* by now the signature, which is sent in clear */
    explicit_bzero(key, sizeof(key));
    return r;
}

int sigv4_authorize(const struct sigv4_request *request, const struct credentials *credentials,
                    struct buffer *ret_authorization)
{
    char date[SIGV4_DATE_BYTES];
    sigv4_date(request->time_ns, date);

    struct header_list list = {.count = 0};
    int r = header_list_fill(&list, request, date, credentials->session_token);
    if (r < 0)
        return r;

    _cleanup_buffer_ struct buffer names, scope, string_to_sign;
    buffer_init(&names, MAX_NAMES_BYTES);
    buffer_init(&scope, MAX_SCOPE_BYTES);
    buffer_init(&string_to_sign, MAX_STRING_TO_SIGN_BYTES);
    char hash[HEX_BYTES], signature[HEX_BYTES];

    r = signed_names(&list, &names);
    if (r == 0)
        r = canonical_hash(request, &list, names.bytes, hash);
    if (r == 0)
        r = buffer_printf(&scope, "%.*s/%s/%s/aws4_request", DATE_DIGITS, date, request->region, request->service);
    if (r == 0)
        r = buffer_printf(&string_to_sign, ALGORITHM "\n%s\n%s\n%s", date, scope.bytes, hash);
    if (r == 0)
        r = sign(request, credentials->secret_access_key, date, &string_to_sign, signature);
    if (r == 0)
        r = buffer_printf(ret_authorization, ALGORITHM " Credential=%s/%s, SignedHeaders=%s, Signature=%s",
                          credentials->access_key_id, scope.bytes, names.bytes, signature);
    return r;
}

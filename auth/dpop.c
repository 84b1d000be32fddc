/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/dpop.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "base/clock.h"

#define NUMBER_BYTES 32 /* of a coordinate of P-256, and of each half of a signature */
#define MAX_SIGNATURE_BYTES 128
#define MAX_TEXT_BYTES 4096

DEFINE_CLEANUP(EVP_PKEY, EVP_PKEY_free)
DEFINE_CLEANUP(EVP_MD_CTX, EVP_MD_CTX_free)
DEFINE_CLEANUP(BIGNUM, BN_free)
DEFINE_CLEANUP(BIO, BIO_free_all)
DEFINE_CLEANUP(ECDSA_SIG, ECDSA_SIG_free)

/* Base64 with the alphabet for URLs and without padding. */
static int append_base64url(struct buffer *text, const void *bytes, size_t size_bytes)
{
    unsigned char block[5]; /* OpenSSL adds a NUL */
    const unsigned char *from = bytes;
    int r = 0;
    for (size_t i = 0; r == 0 && i < size_bytes; i += 3) {
        size_t count = size_bytes - i < 3 ? size_bytes - i : 3;
        (void)EVP_EncodeBlock(block, from + i, (int)count);
        for (size_t j = 0; j <= count; j++)
            block[j] = block[j] == '+' ? '-' : block[j] == '/' ? '_' : block[j];
        r = buffer_append(text, block, count + 1);
    }
    return r;
}

static int no_passphrase(char *text, int size_bytes, int writing, void *context)
{
    (void)text;
    (void)size_bytes;
    (void)writing;
    (void)context;
    return -1; /* an encrypted key: OpenSSL would ask at the terminal */
}

static int load_key(const char *pem, EVP_PKEY **ret_key)
{
    size_t size_bytes = strlen(pem);
    char group[sizeof("prime256v1")];
    if (size_bytes > INT_MAX)
        return -EBADMSG;
    _cleanup_(BIO_free_allp) BIO *bio = BIO_new_mem_buf(pem, (int)size_bytes);
    if (!bio)
        return -ENOMEM;
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    if (!key || EVP_PKEY_get_group_name(key, group, sizeof(group), NULL) != 1 || strcmp(group, "prime256v1") != 0)
        return -EBADMSG;
    *ret_key = STEAL(key);
    return 0;
}

static int append_number(struct buffer *text, const BIGNUM *number)
{
    unsigned char bytes[NUMBER_BYTES];
    if (BN_bn2binpad(number, bytes, sizeof(bytes)) != sizeof(bytes))
        return -EIO;
    return append_base64url(text, bytes, sizeof(bytes));
}

static int append_coordinate(struct buffer *text, const EVP_PKEY *key, const char *name)
{
    _cleanup_(BN_freep) BIGNUM *number = NULL;
    if (EVP_PKEY_get_bn_param(key, name, &number) != 1)
        return -EIO;
    return append_number(text, number);
}

static int append_header(struct buffer *proof, const EVP_PKEY *key)
{
    struct buffer header;
    buffer_init(&header, MAX_TEXT_BYTES);
    int r = buffer_append_text(&header, "{\"typ\":\"dpop+jwt\",\"alg\":\"ES256\",\"jwk\":{\"kty\":\"EC\",\"x\":\"");
    if (r == 0)
        r = append_coordinate(&header, key, OSSL_PKEY_PARAM_EC_PUB_X);
    if (r == 0)
        r = buffer_append_text(&header, "\",\"y\":\"");
    if (r == 0)
        r = append_coordinate(&header, key, OSSL_PKEY_PARAM_EC_PUB_Y);
    if (r == 0)
        r = buffer_append_text(&header, "\",\"crv\":\"P-256\"}}");
    if (r == 0)
        r = append_base64url(proof, header.bytes, header.size_bytes);
    buffer_clear(&header);
    return r;
}

/* `url` is an endpoint and a path, in which nothing has to be escaped. */
static int append_payload(struct buffer *proof, const char *url, uint64_t time_ns)
{
    uint32_t random[4];
    struct buffer payload;
    arc4random_buf(random, sizeof(random));
    buffer_init(&payload, MAX_TEXT_BYTES);
    int r = buffer_printf(
        &payload, "{\"htm\":\"POST\",\"htu\":\"%s\",\"iat\":%" PRIu64 ",\"jti\":\"%08x-%04x-4%03x-8%03x-%04x%08x\"}",
        url, time_ns / NS_PER_SEC, random[0], random[1] >> 16, random[1] & 0xfff, random[2] >> 20, random[2] & 0xffff,
        random[3]);
    if (r == 0)
        r = append_base64url(proof, payload.bytes, payload.size_bytes);
    buffer_clear(&payload);
    return r;
}

/* The two numbers of a signature as such, not as DER. */
static int append_signature(struct buffer *proof, EVP_PKEY *key, const char *text, size_t text_bytes)
{
    _cleanup_(EVP_MD_CTX_freep) EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char der[MAX_SIGNATURE_BYTES], raw[2 * NUMBER_BYTES];
    const unsigned char *at = der;
    size_t size_bytes = sizeof(der);

    if (!context)
        return -ENOMEM;
    if (EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key) != 1 ||
        EVP_DigestSign(context, der, &size_bytes, (const unsigned char *)text, text_bytes) != 1)
        return -EIO;
    _cleanup_(ECDSA_SIG_freep) ECDSA_SIG *signature = d2i_ECDSA_SIG(NULL, &at, (long)size_bytes);
    if (!signature || BN_bn2binpad(ECDSA_SIG_get0_r(signature), raw, NUMBER_BYTES) != NUMBER_BYTES ||
        BN_bn2binpad(ECDSA_SIG_get0_s(signature), raw + NUMBER_BYTES, NUMBER_BYTES) != NUMBER_BYTES)
        return -EIO;
    return append_base64url(proof, raw, sizeof(raw));
}

int dpop_proof(const char *key_pem, const char *url, uint64_t time_ns, struct buffer *ret_proof)
{
    _cleanup_(EVP_PKEY_freep) EVP_PKEY *key = NULL;
    size_t start = ret_proof->size_bytes;
    int r = load_key(key_pem, &key);
    if (r == 0)
        r = append_header(ret_proof, key);
    if (r == 0)
        r = buffer_append_text(ret_proof, ".");
    if (r == 0)
        r = append_payload(ret_proof, url, time_ns);
    if (r < 0)
        return r;

    size_t signed_bytes = ret_proof->size_bytes - start;
    _cleanup_buffer_ struct buffer text;
    buffer_init(&text, signed_bytes); /* a copy, for appending moves the bytes */
    r = buffer_append(&text, ret_proof->bytes + start, signed_bytes);
    if (r == 0)
        r = buffer_append_text(ret_proof, ".");
    return r == 0 ? append_signature(ret_proof, key, text.bytes, signed_bytes) : r;
}

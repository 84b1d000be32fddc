/* SPDX-License-Identifier: Apache-2.0 */
#include "base/http.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <curl/curl.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

#include "base/clock.h"
#include "base/wiping.h"

#define DEFAULT_CONNECT_TIMEOUT_NS (3100 * NS_PER_MS)
#define LOOK_AGAIN_MS 1000 /* curl itself wakes up when it has something to do */

struct http {
    CURLM *multi;                 /* performs the one exchange, so that it can be woken up; keeps connections */
    CURL *curl;                   /* keeps the headers of the last answer */
    int cancel_fd;                /* eventfd: readable from http_cancel() on, for ever */
    char reason[CURL_ERROR_SIZE]; /* curl's words about the last failure: host, address, certificate */
};

/* Where the write callback puts the body. */
struct receiver {
    struct buffer body;
    int failure; /* 0, -EFBIG or -ENOMEM */
};

int http_setup(void)
{
    CURLcode code = curl_global_init_mem(CURL_GLOBAL_DEFAULT, wiping_malloc, wiping_free, wiping_realloc, wiping_strdup,
                                         wiping_calloc);
    return code == CURLE_OK ? 0 : -EIO;
}

int http_new(struct http **ret_http)
{
    _cleanup_http_ struct http *http = calloc(1, sizeof(*http));
    if (!http)
        return -ENOMEM;
    http->cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (http->cancel_fd < 0)
        return -errno;
    http->curl = curl_easy_init();
    http->multi = curl_multi_init();
    if (!http->curl || !http->multi)
        return -ENOMEM;
    *ret_http = STEAL(http);
    return 0;
}

void http_free(struct http *http)
{
    if (!http)
        return;
    curl_easy_cleanup(http->curl);
    (void)curl_multi_cleanup(http->multi);
    if (http->cancel_fd >= 0)
        (void)close(http->cancel_fd);
    free(http);
}

void http_cancel(struct http *http)
{
    uint64_t one = 1;
    (void)!write(http->cancel_fd, &one, sizeof(one));
}

int http_cancel_fd(const struct http *http)
{
    return http->cancel_fd;
}

bool http_pause(struct http *http, uint64_t interval_ns)
{
    uint64_t until_ns = clock_monotonic_ns() + interval_ns;
    for (;;) {
        uint64_t now_ns = clock_monotonic_ns();
        uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
        struct timespec left = {(time_t)(left_ns / NS_PER_SEC), (long)(left_ns % NS_PER_SEC)};
        struct pollfd cancel = {.fd = http->cancel_fd, .events = POLLIN};
        if (ppoll(&cancel, 1, &left, NULL) > 0)
            return false;
        if (left_ns == 0)
            return true;
    }
}

void http_answer_clear(struct http_answer *answer)
{
    buffer_clear(&answer->body);
    answer->status = 0;
}

bool http_connected(struct http *http)
{
    curl_off_t connected_us = 0, ready_us = 0; /* a kept connection is ready, but not connected once more */
    (void)curl_easy_getinfo(http->curl, CURLINFO_CONNECT_TIME_T, &connected_us);
    (void)curl_easy_getinfo(http->curl, CURLINFO_PRETRANSFER_TIME_T, &ready_us);
    return connected_us > 0 || ready_us > 0;
}

const char *http_header(struct http *http, const char *name)
{
    struct curl_header *header;
    return curl_easy_header(http->curl, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}

static size_t receive(char *bytes, size_t unit_bytes, size_t count, void *context)
{
    struct receiver *receiver = context;
    receiver->failure = buffer_append(&receiver->body, bytes, unit_bytes * count);
    return receiver->failure < 0 ? 0 : unit_bytes * count;
}

/* OpenSSL wipes decrypted bytes once they have been read. */
static CURLcode set_up_tls(CURL *curl, void *ssl_context, void *context)
{
    (void)curl;
    (void)context;
    (void)SSL_CTX_set_options(ssl_context, SSL_OP_CLEANSE_PLAINTEXT);
    return CURLE_OK;
}

static void free_headers(struct curl_slist **headers)
{
    curl_slist_free_all(*headers);
}

static int add_header(struct curl_slist **headers, const char *line)
{
    struct curl_slist *longer = curl_slist_append(*headers, line);
    if (!longer)
        return -ENOMEM;
    *headers = longer;
    return 0;
}

static int make_headers(const struct http_request *request, struct curl_slist **headers)
{
    /* "Name:" makes curl leave a header of its own out. */
    int r = add_header(headers, "Expect:");
    if (r == 0 && request->body_bytes == 0)
        r = add_header(headers, "Content-Type:");
    for (const char *const *line = request->headers; r == 0 && line && *line; line++)
        r = add_header(headers, *line);
    return r;
}

static bool is_plain(const struct http_request *request)
{
    return strncasecmp(request->url, "http://", 7) == 0;
}

/* The proxy's URL for this scheme, and the name of the variable that has it; NULL where there is none. NO_PROXY is not
 * looked at: curl does that. */
static const char *find_proxy(const struct http_request *request, const char **ret_variable)
{
    static const char *const plain[] = {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"};
    static const char *const secure[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < sizeof(plain) / sizeof(plain[0]); i++) {
        *ret_variable = is_plain(request) ? plain[i] : secure[i];
        const char *value = secure_getenv(*ret_variable);
        if (value && *value)
            return value;
    }
    return NULL;
}

/* NULL leaves the choice to curl, which reads the usual variables in either case, save HTTP_PROXY in capitals (because
 * in a CGI program that may be a header of the request). NO_PROXY is honoured by curl in any case. */
static const char *proxy_for(const struct http_request *request)
{
    const char *variable;
    if (request->direct)
        return "";
    return is_plain(request) ? find_proxy(request, &variable) : NULL;
}

static long whole_ms(uint64_t interval_ns)
{
    uint64_t ms = interval_ns / NS_PER_MS + (interval_ns % NS_PER_MS > 0);
    return ms < INT_MAX ? (long)ms : INT_MAX;
}

#define SET(option, value)                                     \
    do {                                                       \
        if (curl_easy_setopt(curl, option, value) != CURLE_OK) \
            return -ENOMEM;                                    \
    } while (0)

/* What is the same in every exchange. */
static int set_policy(struct http *http)
{
    CURL *curl = http->curl;
    SET(CURLOPT_PROTOCOLS_STR, "http,https");
    SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(CURLOPT_FOLLOWLOCATION, 0L);
    SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_PROXY_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(CURLOPT_SSL_VERIFYPEER, 1L);
    SET(CURLOPT_SSL_VERIFYHOST, 2L);
    SET(CURLOPT_SSL_CTX_FUNCTION, set_up_tls);
    SET(CURLOPT_TCP_NODELAY, 1L);
    SET(CURLOPT_MAXCONNECTS, 2L); /* the region's own endpoint, and one of another */
    SET(CURLOPT_TCP_KEEPALIVE, 1L);
    SET(CURLOPT_NOSIGNAL, 1L);
    /* A name server that is silent would hold us past the deadline: do not wait for the resolver's thread. */
    SET(CURLOPT_QUICK_EXIT, 1L);
    SET(CURLOPT_WRITEFUNCTION, receive);
    SET(CURLOPT_ERRORBUFFER, http->reason);
    return 0;
}

static int set_request(CURL *curl, const struct http_request *request, uint64_t left_ns)
{
    uint64_t connect_ns = request->connect_timeout_ns ? request->connect_timeout_ns : DEFAULT_CONNECT_TIMEOUT_NS;
    const char *proxy = proxy_for(request);

    SET(CURLOPT_URL, request->url);
    SET(CURLOPT_TIMEOUT_MS, whole_ms(left_ns));
    SET(CURLOPT_CONNECTTIMEOUT_MS, whole_ms(connect_ns < left_ns ? connect_ns : left_ns));
    if (proxy)
        SET(CURLOPT_PROXY, proxy);
    if (request->ca_bundle) {
        SET(CURLOPT_CAINFO, request->ca_bundle);
        SET(CURLOPT_PROXY_CAINFO, request->ca_bundle);
    }
    if (strcmp(request->method, "GET") != 0) {
        SET(CURLOPT_POSTFIELDS, request->body ? request->body : "");
        SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body_bytes);
        SET(CURLOPT_CUSTOMREQUEST, request->method);
    }
    return 0;
}

static enum error_kind kind_of(CURLcode code)
{
    switch ((int)code) {
    case CURLE_OPERATION_TIMEDOUT:
    case CURLE_ABORTED_BY_CALLBACK:
        return ERROR_TIMEOUT;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_PROXY:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
        return ERROR_UNREACHABLE;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_USE_SSL_FAILED:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_CRL_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_INVALIDCERTSTATUS:
        return ERROR_TLS;
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
    case CURLE_BAD_FUNCTION_ARGUMENT:
        return ERROR_INTERNAL;
    case CURLE_URL_MALFORMAT:
        return ERROR_BAD_REQUEST;
    default:
        return ERROR_BAD_ANSWER;
    }
}

/* As curl_easy_perform(), but ends with CURLE_ABORTED_BY_CALLBACK when it is cancelled. */
static CURLcode exchange(const struct http *http)
{
    struct curl_waitfd cancel = {.fd = http->cancel_fd, .events = CURL_WAIT_POLLIN};
    CURLMcode code = curl_multi_add_handle(http->multi, http->curl);
    CURLcode result = CURLE_FAILED_INIT;
    int running = code == CURLM_OK, left;

    while (code == CURLM_OK && running && !cancel.revents) {
        code = curl_multi_perform(http->multi, &running);
        if (code == CURLM_OK && running)
            code = curl_multi_poll(http->multi, &cancel, 1, LOOK_AGAIN_MS, NULL);
    }
    const CURLMsg *message = curl_multi_info_read(http->multi, &left);
    if (message)
        result = message->data.result;
    else if (cancel.revents)
        result = CURLE_ABORTED_BY_CALLBACK;
    (void)curl_multi_remove_handle(http->multi, http->curl);
    return result;
}

/* Scheme, host and port, without what a URL may hold besides. */
static int server_of(const char *url, const char **ret_start)
{
    const char *scheme = strstr(url, "://");
    const char *host = scheme ? scheme + 3 : url;
    size_t size = strcspn(host, "/?#");
    const char *user = memchr(host, '@', size);

    *ret_start = user ? user + 1 : url;
    return (int)(host + size - *ret_start);
}

/* Host and port of a proxy. Its password may hold any character. */
static int proxy_host(const char *url, const char **ret_start)
{
    const char *user = strrchr(url, '@');
    const char *scheme = strstr(url, "://");
    *ret_start = user ? user + 1 : scheme ? scheme + 3 : url;
    return (int)strcspn(*ret_start, "/?#");
}

/* Curl's words, or plainer ones where it shows a proxy's URL, which may have a password. */
static const char *reason_of(const struct http *http, CURLcode code)
{
    if (strchr(http->reason, '@') || strstr(http->reason, "nsupported proxy"))
        return "the URL of the proxy cannot be used";
    return http->reason[0] ? http->reason : curl_easy_strerror(code);
}

static const char *tls_remedy(const struct http *http, CURLcode code)
{
    long verified = X509_V_OK;
    (void)curl_easy_getinfo(http->curl, CURLINFO_SSL_VERIFYRESULT, &verified);
    if (code == CURLE_SSL_CACERT_BADFILE)
        return "check the file of CA certificates (AWS_CA_BUNDLE, ca_bundle, or the package ca-certificates)";
    if (code != CURLE_PEER_FAILED_VERIFICATION)
        return "the server must offer TLS 1.2 or newer; check the endpoint and what stands before it";
    if (verified == X509_V_ERR_CERT_HAS_EXPIRED || verified == X509_V_ERR_CERT_NOT_YET_VALID)
        return "check the clock, and renew the server's certificate";
    if (verified == X509_V_OK || verified == X509_V_ERR_UNSPECIFIED) /* curl itself has looked at the name */
        return "the certificate is for another name: check the endpoint's host name";
    return "its CA must be among the CA certificates (AWS_CA_BUNDLE, ca_bundle, or the package ca-certificates)";
}

/* The proxy's part of an error about the network; empty where there is none. */
static void describe_proxy(const struct http *http, const struct http_request *request, char *text, size_t text_bytes)
{
    const char *variable, *host;
    const char *proxy = request->direct ? NULL : find_proxy(request, &variable);
    long status = 0;
    text[0] = '\0';
    if (!proxy)
        return;
    int size = proxy_host(proxy, &host);
    (void)curl_easy_getinfo(http->curl, CURLINFO_HTTP_CONNECTCODE, &status);
    (void)snprintf(text, text_bytes, "; %s names the proxy %.*s%s", variable, size < 128 ? size : 128, host,
                   status == 407 ? ", which wants another user and password in that URL" : "");
}

static enum error_kind refine(const struct http *http, CURLcode code, const struct receiver *receiver)
{
    long status = 0;
    if (receiver->failure == -ENOMEM)
        return ERROR_INTERNAL;
    if (code == CURLE_RECV_ERROR && curl_easy_getinfo(http->curl, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK &&
        status > 0)
        return ERROR_BAD_ANSWER; /* it began well */
    return kind_of(code);
}

static int explain(const struct http *http, const struct http_request *request, CURLcode code,
                   const struct receiver *receiver, struct error *error)
{
    enum error_kind kind = refine(http, code, receiver);
    const char *reason = reason_of(http, code);
    const char *server;
    char proxy[256];
    int size = server_of(request->url, &server);

    describe_proxy(http, request, proxy, sizeof(proxy));
    if (code == CURLE_ABORTED_BY_CALLBACK)
        return error_set(error, kind, "%.*s: given up, because the program is stopping", size, server);
    if (receiver->failure == -EFBIG)
        return error_set(error, ERROR_BAD_ANSWER, "%.*s: the answer is larger than %zu bytes", size, server,
                         request->max_answer_bytes);
    switch ((int)kind) {
    case ERROR_TIMEOUT:
        return error_set(error, kind,
                         "%.*s: no answer in time (%s); check the network path: routes, security groups, "
                         "proxy, VPC endpoint%s",
                         size, server, reason, proxy);
    case ERROR_UNREACHABLE:
        return error_set(error, kind,
                         "%.*s: cannot be reached (%s); check the region, the endpoint, DNS and the proxy%s", size,
                         server, reason, proxy);
    case ERROR_TLS:
        return error_set(error, kind, "%.*s: no secure connection (%s); %s", size, server, reason,
                         tls_remedy(http, code));
    default:
        return error_set(error, kind, "%.*s: %s", size, server, reason);
    }
}

int http_perform(struct http *http, const struct http_request *request, struct http_answer *ret_answer,
                 struct error *ret_error)
{
    _cleanup_(free_headers) struct curl_slist *headers = NULL;
    struct receiver receiver = {.failure = 0};
    uint64_t now_ns = clock_monotonic_ns();
    CURL *curl = http->curl;
    long status = 0;

    http->reason[0] = '\0';
    curl_easy_reset(curl); /* of the options and of what the last exchange has left: connections are kept */
    if (!http_pause(http, 0))
        return explain(http, request, CURLE_ABORTED_BY_CALLBACK, &receiver, ret_error);
    if (now_ns >= request->deadline_ns)
        return explain(http, request, CURLE_OPERATION_TIMEDOUT, &receiver, ret_error);
    buffer_init(&receiver.body, request->max_answer_bytes);

    if (set_policy(http) < 0 || set_request(curl, request, request->deadline_ns - now_ns) < 0 ||
        make_headers(request, &headers) < 0 || curl_easy_setopt(curl, CURLOPT_HTTPHEADER, headers) != CURLE_OK ||
        curl_easy_setopt(curl, CURLOPT_WRITEDATA, &receiver) != CURLE_OK)
        return explain(http, request, CURLE_OUT_OF_MEMORY, &receiver, ret_error);

    /* Where a kept connection turns out to be closed, curl itself repeats the request on a new one. */
    CURLcode code = exchange(http);
    if (code == CURLE_OK)
        code = curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (code != CURLE_OK) {
        buffer_clear(&receiver.body);
        return explain(http, request, code, &receiver, ret_error);
    }
    *ret_answer = (struct http_answer){.status = (int)status, .body = receiver.body};
    return 0;
}

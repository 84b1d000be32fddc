/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/doctor_network.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/clock.h"

/* --- places --- */

static bool begins_with(const char *text, const char *beginning)
{
    return strncasecmp(text, beginning, strlen(beginning)) == 0;
}

/* Where there is no port in a proxy's URL, libcurl takes 1080. */
static const char *default_port(const char *url)
{
    return begins_with(url, "https://") ? "443" : begins_with(url, "http://") ? "80" : "1080";
}

static bool copy_piece(const char *piece, size_t size, char *room, size_t room_bytes)
{
    if (size == 0 || size >= room_bytes)
        return false;
    memcpy(room, piece, size);
    room[size] = '\0';
    return true;
}

bool network_place_of(const char *url, struct network_place *ret_place)
{
    const char *scheme = strstr(url, "://");
    const char *host = scheme ? scheme + 3 : url;
    size_t size = strcspn(host, "/?#");
    const char *user = memrchr(host, '@', size);
    const char *end = host + size;
    struct network_place place;

    host = user ? user + 1 : host;
    const char *bracket = host[0] == '[' ? memchr(host, ']', (size_t)(end - host)) : NULL;
    const char *rest = bracket ? bracket + 1 : host + strcspn(host, ":/?#");
    const char *port = rest < end && *rest == ':' ? rest + 1 : NULL;
    const char *name = bracket ? host + 1 : host;
    if (!copy_piece(name, (size_t)((bracket ? bracket : rest) - name), place.host, sizeof(place.host)))
        return false;
    if (port ? !copy_piece(port, (size_t)(end - port), place.port, sizeof(place.port))
             : !copy_piece(default_port(url), strlen(default_port(url)), place.port, sizeof(place.port)))
        return false;
    *ret_place = place;
    return true;
}

/* --- proxies --- */

/* The first of the variables that is set, and not empty. */
static const char *first_set(const char *const *names, const char **ret_name)
{
    for (; *names; names++) {
        const char *value = secure_getenv(*names);
        if (value && value[0]) {
            *ret_name = *names;
            return value;
        }
    }
    return NULL;
}

/* NO_PROXY: "*", or names, each for itself and for all that end in it behind a dot. */
static bool is_exempt(const char *host)
{
    static const char *const names[] = {"no_proxy", "NO_PROXY", NULL};
    const char *name;
    const char *list = first_set(names, &name);
    size_t host_bytes = strlen(host);

    while (list && *list) {
        list += strspn(list, ", ");
        size_t size = strcspn(list, ", ");
        const char *suffix = list + (*list == '.');
        size_t suffix_bytes = size - (*list == '.');
        list += size;
        if (suffix_bytes == 1 && *suffix == '*')
            return true;
        if (suffix_bytes == 0 || suffix_bytes > host_bytes)
            continue;
        const char *tail = host + host_bytes - suffix_bytes;
        if (strncasecmp(tail, suffix, suffix_bytes) == 0 && (tail == host || tail[-1] == '.'))
            return true;
    }
    return false;
}

const char *network_proxy(const char *url, const char **ret_variable)
{
    static const char *const for_https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", NULL};
    static const char *const for_http[] = {"http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY", NULL};
    struct network_place place;
    if (!network_place_of(url, &place) || is_exempt(place.host))
        return NULL;
    return first_set(begins_with(url, "https://") ? for_https : for_http, ret_variable);
}

/* --- name resolution --- */

/* What getaddrinfo_a() needs for as long as it runs, which may be longer than we wait. */
struct lookup {
    struct gaicb request;
    struct addrinfo hints;
    struct network_place place;
};

/* Waits for the answer. Returns that of getaddrinfo(), or EAI_INPROGRESS at the deadline. */
static int wait_for(const struct gaicb *request, uint64_t deadline_ns)
{
    const struct gaicb *const requests[] = {request};
    int r;
    while ((r = gai_error((struct gaicb *)(uintptr_t)request)) == EAI_INPROGRESS) {
        uint64_t now_ns = clock_monotonic_ns();
        if (now_ns >= deadline_ns)
            break;
        uint64_t left_ns = deadline_ns - now_ns;
        const struct timespec left = {(time_t)(left_ns / NS_PER_SEC), (long)(left_ns % NS_PER_SEC)};
        (void)gai_suspend(requests, 1, &left);
    }
    return r;
}

int network_resolve(const struct network_place *place, uint64_t deadline_ns, struct addrinfo **ret_addresses,
                    struct error *ret_error)
{
    struct lookup *lookup = calloc(1, sizeof(*lookup));
    if (!lookup)
        return error_set(ret_error, ERROR_INTERNAL, "out of memory");
    lookup->place = *place;
    lookup->hints.ai_socktype = SOCK_STREAM;
    lookup->request = (struct gaicb){
        .ar_name = lookup->place.host,
        .ar_service = lookup->place.port,
        .ar_request = &lookup->hints,
    };
    struct gaicb *requests[] = {&lookup->request};
    int r = getaddrinfo_a(GAI_NOWAIT, requests, 1, NULL);
    if (r == 0)
        r = wait_for(&lookup->request, deadline_ns);
    if (r == EAI_INPROGRESS) /* a thread is still at it: `lookup` stays */
        return error_set(ret_error, ERROR_TIMEOUT,
                         "no name server answers in time for %s; check /etc/resolv.conf and the way to the name server",
                         place->host);
    if (r == 0)
        *ret_addresses = lookup->request.ar_result;
    free(lookup);
    if (r == 0)
        return 0;
    return error_set(ret_error, ERROR_UNREACHABLE,
                     "%s: %s; check the region, the endpoint, /etc/resolv.conf, and DNS of the VPC", place->host,
                     gai_strerror(r));
}

/* --- connection --- */

void network_address_text(const struct addrinfo *address, char ret_text[NETWORK_ADDRESS_BYTES])
{
    if (getnameinfo(address->ai_addr, address->ai_addrlen, ret_text, NETWORK_ADDRESS_BYTES, NULL, 0, NI_NUMERICHOST) !=
        0)
        (void)snprintf(ret_text, NETWORK_ADDRESS_BYTES, "?");
}

/* Returns 0 or a negative errno. */
static int connect_to(const struct addrinfo *address, uint64_t deadline_ns)
{
    _cleanup_close_ int fd =
        socket(address->ai_family, address->ai_socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, address->ai_protocol);
    if (fd < 0)
        return -errno;
    if (connect(fd, address->ai_addr, address->ai_addrlen) == 0)
        return 0;
    if (errno != EINPROGRESS)
        return -errno;
    struct pollfd writable = {.fd = fd, .events = POLLOUT};
    uint64_t now_ns = clock_monotonic_ns();
    int left_ms = deadline_ns > now_ns ? (int)((deadline_ns - now_ns) / NS_PER_MS) : 0;
    if (poll(&writable, 1, left_ms) <= 0)
        return -ETIMEDOUT;
    int failure = 0;
    socklen_t size = sizeof(failure);
    if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &size) < 0)
        return -errno;
    return -failure;
}

int network_connect(const struct addrinfo *addresses, uint64_t deadline_ns, const struct addrinfo **ret_address,
                    uint64_t *ret_took_ns, struct error *ret_error)
{
    unsigned left = 0;
    int r = -EADDRNOTAVAIL;
    char text[NETWORK_ADDRESS_BYTES] = "";
    for (const struct addrinfo *address = addresses; address; address = address->ai_next)
        left++;
    for (const struct addrinfo *address = addresses; address; address = address->ai_next, left--) {
        uint64_t start_ns = clock_monotonic_ns();
        uint64_t share_ns = deadline_ns > start_ns ? (deadline_ns - start_ns) / left : 0;
        r = connect_to(address, start_ns + share_ns);
        if (r == 0) {
            *ret_address = address;
            *ret_took_ns = clock_monotonic_ns() - start_ns;
            return 0;
        }
        network_address_text(address, text);
    }
    return error_set(
        ret_error, r == -ETIMEDOUT ? ERROR_TIMEOUT : ERROR_UNREACHABLE,
        "cannot connect to %s: %s; check the network path: routes, security groups, firewall, proxy, VPC endpoint",
        text, strerror(-r));
}

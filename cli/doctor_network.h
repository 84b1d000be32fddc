/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* The way to a server, one step at a time: proxy, name resolution, connection. Blocking, none for longer than its
 * deadline. */

#include <netdb.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

struct network_place {
    char host[256];
    char port[sizeof("65535")];
};

/* Host and port of a URL; those of a proxy may lack the scheme. False for what has no host or port. */
bool network_place_of(const char *url, struct network_place *ret_place);

/* The proxy that the environment names for requests to a URL, and the variable that names it; NULL for none. It may
 * hold a password. The rules are libcurl's, as base/http.c uses it. */
const char *network_proxy(const char *url, const char **ret_variable);

/* The addresses, to be freed with freeaddrinfo(). Returns 0, or a negative errno with the error filled. */
int network_resolve(const struct network_place *place, uint64_t deadline_ns, struct addrinfo **ret_addresses,
                    struct error *ret_error);

#define NETWORK_ADDRESS_BYTES 64

/* "192.0.2.1" */
void network_address_text(const struct addrinfo *address, char ret_text[NETWORK_ADDRESS_BYTES]);

/* Connects to one of the addresses, and lets go of the connection. Returns 0 with that address and how long it took, or
 * a negative errno with the error filled from the last attempt. */
int network_connect(const struct addrinfo *addresses, uint64_t deadline_ns, const struct addrinfo **ret_address,
                    uint64_t *ret_took_ns, struct error *ret_error);

/* SPDX-License-Identifier: Apache-2.0 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cli/doctor_network.h"

static void places_of_urls(void **state)
{
    static const struct {
        const char *url, *host, *port; /* NULL: it has none */
    } cases[] = {
        {"https://a.example", "a.example", "443"},
        {"https://a.example/", "a.example", "443"},
        {"http://a.example", "a.example", "80"},
        {"http://127.0.0.1:5000", "127.0.0.1", "5000"},
        {"https://[::1]", "::1", "443"},
        {"https://[::1]:8443/", "::1", "8443"},
        {"http://user:p%40ss@proxy:3128", "proxy", "3128"},
        {"http://user:p@ss:w@proxy:3128/", "proxy", "3128"},
        {"proxy:3128", "proxy", "3128"},
        {"proxy", "proxy", "1080"},
        {"socks5://proxy", "proxy", "1080"},
        {"http://", NULL, NULL},
        {"http://:80", NULL, NULL},
        {"http://a:123456", NULL, NULL},
        {"http://a:", NULL, NULL},
        {"", NULL, NULL},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct network_place place;
        bool found = network_place_of(cases[i].url, &place);
        assert_int_equal(found, cases[i].port != NULL);
        if (!found)
            continue;
        assert_string_equal(place.host, cases[i].host);
        assert_string_equal(place.port, cases[i].port);
    }
}

static void proxies_of_the_environment(void **state)
{
    static const struct {
        const char *variables[2][2];
        const char *url, *proxy, *variable;
    } cases[] = {
        {{{NULL, NULL}}, "https://a.b", NULL, NULL},
        {{{"HTTPS_PROXY", "p"}}, "https://a.b", "p", "HTTPS_PROXY"},
        {{{"HTTPS_PROXY", "p"}}, "http://a.b", NULL, NULL},
        {{{"HTTPS_PROXY", "p"}, {"https_proxy", "q"}}, "https://a.b", "q", "https_proxy"},
        {{{"HTTPS_PROXY", ""}, {"ALL_PROXY", "q"}}, "https://a.b", "q", "ALL_PROXY"},
        {{{"HTTP_PROXY", "p"}}, "http://a.b", "p", "HTTP_PROXY"},
        {{{"HTTPS_PROXY", "p"}, {"NO_PROXY", "*"}}, "https://a.b", NULL, NULL},
        {{{"HTTPS_PROXY", "p"}, {"NO_PROXY", "x, .A.b"}}, "https://a.b", NULL, NULL},
        {{{"HTTPS_PROXY", "p"}, {"NO_PROXY", "b"}}, "https://a.b:444/", NULL, NULL},
        {{{"HTTPS_PROXY", "p"}, {"no_proxy", "b"}}, "https://ab", "p", "HTTPS_PROXY"},
        {{{"HTTPS_PROXY", "p"}, {"no_proxy", "a.b.c,,"}}, "https://a.b", "p", "HTTPS_PROXY"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        const char *variable = NULL;
        assert_int_equal(clearenv(), 0);
        for (size_t j = 0; j < 2 && cases[i].variables[j][0]; j++)
            assert_int_equal(setenv(cases[i].variables[j][0], cases[i].variables[j][1], 1), 0);
        const char *proxy = network_proxy(cases[i].url, &variable);
        assert_int_equal(proxy != NULL, cases[i].proxy != NULL);
        if (!proxy)
            continue;
        assert_string_equal(proxy, cases[i].proxy);
        assert_string_equal(variable, cases[i].variable);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_of_urls),
        cmocka_unit_test(proxies_of_the_environment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

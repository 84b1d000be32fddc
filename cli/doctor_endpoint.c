/* SPDX-License-Identifier: Apache-2.0 */

/* The way to Secrets Manager, and the clock. One plain request, without credentials, tells of TLS and of the time: any
 * answer does. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "auth/aws_answer.h"
#include "base/clock.h"
#include "cli/doctor_network.h"
#include "cli/doctor_steps.h"

#define MAX_ANSWER_BYTES ((size_t)256 * 1024)
#define MAX_SHOWN_ADDRESSES 8

/* AWS refuses signatures that are 15 minutes off, certificates may be refused sooner. */
#define MAX_CLOCK_DIFFERENCE_NS (5 * 60 * NS_PER_SEC)

#define UNREACHABLE "the endpoint cannot be reached"

static bool is_https(const char *url)
{
    return strncasecmp(url, "https://", strlen("https://")) == 0;
}

static void skip(struct doctor *doctor, const char *const *steps, const char *reason)
{
    for (; *steps; steps++)
        report_say(doctor->report, STEP_SKIPPED, *steps, NULL, "not tried: %s", reason);
    doctor_block(doctor, reason);
}

/* A proxy's own URL may hold a user and a password, hence only its place is shown. */
static bool find_place(struct doctor *doctor, const char *url, struct network_place *ret_place)
{
    const char *variable = NULL;
    const char *proxy = network_proxy(url, &variable);
    if (!proxy) {
        report_say(doctor->report, STEP_OK, "proxy", NULL, "none applies");
        return network_place_of(url, ret_place);
    }
    if (!network_place_of(proxy, ret_place)) {
        report_add(doctor->report, &(struct step){
                                       .name = "proxy",
                                       .subject = variable,
                                       .result = STEP_FAILED,
                                       .cause = "it is not the URL of a proxy",
                                       .remedy = "set it to http://HOST:PORT, or take it away",
                                   });
        return false;
    }
    report_say(doctor->report, STEP_OK, "proxy", NULL,
               "%s port %s (from %s): the following steps are about it, and not about the endpoint itself",
               ret_place->host, ret_place->port, variable);
    return true;
}

static void report_addresses(struct doctor *doctor, const char *host, const struct addrinfo *addresses)
{
    char list[MAX_SHOWN_ADDRESSES * (NETWORK_ADDRESS_BYTES + 2) + 8] = "";
    size_t size = 0;
    unsigned shown = 0;
    for (; addresses && shown < MAX_SHOWN_ADDRESSES; addresses = addresses->ai_next, shown++) {
        char text[NETWORK_ADDRESS_BYTES];
        network_address_text(addresses, text);
        size += (size_t)snprintf(list + size, sizeof(list) - size, "%s%s", shown > 0 ? ", " : "", text);
    }
    report_say(doctor->report, STEP_OK, "dns", host, "%s%s", list, addresses ? ", ..." : "");
}

/* Returns whether something listens there. */
static bool check_connection(struct doctor *doctor, const struct network_place *place)
{
    struct addrinfo *addresses = NULL;
    const struct addrinfo *address;
    struct error error;
    uint64_t took_ns;

    if (network_resolve(place, doctor_deadline_ns(doctor), &addresses, &error) < 0) {
        doctor_report_error(doctor, STEP_FAILED, "dns", place->host, &error, NULL, NULL);
        skip(doctor, (const char *const[]){"tcp", NULL}, UNREACHABLE);
        return false;
    }
    report_addresses(doctor, place->host, addresses);
    int r = network_connect(addresses, doctor_deadline_ns(doctor), &address, &took_ns, &error);
    if (r < 0) {
        doctor_report_error(doctor, STEP_FAILED, "tcp", place->host, &error, NULL, NULL);
    } else {
        char text[NETWORK_ADDRESS_BYTES];
        network_address_text(address, text);
        report_say(doctor->report, STEP_OK, "tcp", place->host, "connected to %s port %s in %.1f ms", text, place->port,
                   (double)took_ns / (double)NS_PER_MS);
    }
    freeaddrinfo(addresses);
    return r == 0;
}

/* By how much the server's clock, as its answer tells, differs from ours. */
static void report_clock(struct doctor *doctor)
{
    const char *date = http_header(doctor->http, "Date");
    uint64_t server_ns, our_ns = clock_wall_ns();
    char span[DOCTOR_SPAN_BYTES], cause[160];

    if (aws_answer_date(date, &server_ns) < 0) {
        report_say(doctor->report, STEP_SKIPPED, "clock", NULL, "the answer of the endpoint tells no time");
        return;
    }
    bool behind = server_ns > our_ns;
    uint64_t difference_ns = behind ? server_ns - our_ns : our_ns - server_ns;
    doctor_span_text(difference_ns, span);
    if (difference_ns <= MAX_CLOCK_DIFFERENCE_NS) {
        report_say(doctor->report, STEP_OK, "clock", NULL, "differs from that of AWS by %s", span);
        return;
    }
    (void)snprintf(cause, sizeof(cause), "the clock of this machine is %s %s that of AWS (Date: %s)", span,
                   behind ? "behind" : "ahead of", date);
    report_add(doctor->report, &(struct step){
                                   .name = "clock",
                                   .result = STEP_FAILED,
                                   .cause = cause,
                                   .remedy = "set the clock (chronyc makestep, timedatectl set-ntp true); AWS refuses "
                                             "signatures that are 15 minutes off, which secretsfs makes up for, and "
                                             "other programs do not",
                               });
}

static void report_tls(struct doctor *doctor, const char *url)
{
    const char *bundle = aws_session_ca_bundle(doctor->session);
    if (is_https(url))
        report_say(doctor->report, STEP_OK, "tls", NULL, "1.2 or newer; the certificate is trusted (by %s)",
                   bundle ? bundle : "the certificates of the system");
    else
        report_say(doctor->report, STEP_NOTE, "tls", NULL, "the endpoint is http: nothing is encrypted");
}

static void check_answer(struct doctor *doctor, const char *url)
{
    const char *bundle = aws_session_ca_bundle(doctor->session);
    const struct http_request request = {
        .method = "GET",
        .url = url,
        .deadline_ns = doctor_deadline_ns(doctor),
        .max_answer_bytes = MAX_ANSWER_BYTES,
        .ca_bundle = bundle,
    };
    struct http_answer answer = {.status = 0};
    struct error error;
    char advice[512];

    if (http_perform(doctor->http, &request, &answer, &error) == 0) {
        report_tls(doctor, url);
        report_clock(doctor);
        http_answer_clear(&answer);
        return;
    }
    (void)snprintf(advice, sizeof(advice),
                   "certificates are trusted by %s; where a proxy or the endpoint has one of an authority of your own, "
                   "name its PEM file in AWS_CA_BUNDLE or ca_bundle; a clock that is wrong makes certificates invalid "
                   "as well",
                   bundle ? bundle : "those of the system");
    doctor_report_error(doctor, STEP_FAILED, error.kind == ERROR_TLS ? "tls" : "answer", NULL, &error,
                        error.kind == ERROR_TLS ? advice : NULL, NULL);
    skip(doctor, (const char *const[]){"clock", NULL},
         error.kind == ERROR_TLS ? "there is no secure connection to the endpoint" : UNREACHABLE);
}

void doctor_check_endpoint(struct doctor *doctor)
{
    static const char *const all[] = {"dns", "tcp", "tls", "clock", NULL};
    static const char *const rest[] = {"tls", "clock", NULL};
    _cleanup_free_ char *url = NULL;
    struct network_place place;

    if (!doctor->session ||
        aws_session_endpoint(doctor->session, "secretsmanager", aws_session_region(doctor->session), &url, NULL) < 0)
        skip(doctor, all, "the configuration is unusable");
    else if (!find_place(doctor, url, &place))
        skip(doctor, all, "the proxy is unusable");
    else if (!check_connection(doctor, &place))
        skip(doctor, rest, UNREACHABLE);
    else
        check_answer(doctor, url);
}

/* A DNS server on the loop of a test, on UDP and TCP of 127.0.0.1, that answers by what the name begins with:
 *
 *   both.    192.0.2.1, 192.0.2.2 and 2001:db8::1      four.  192.0.2.1, no AAAA      six.  2001:db8::1, no A
 *   none.    neither A nor AAAA                        half.  192.0.2.1, SERVFAIL for AAAA
 *   fail.    SERVFAIL                                  mute.  nothing
 *   many.    200 of each, truncated on UDP             twice. 192.0.2.1 three times
 *   alias.   a CNAME chain of two, then 192.0.2.1      odd.   an answer that is cut off
 *   here.    127.0.0.1 and 127.0.0.2                 zone.  SOA, and NS: mute.example
 *   others   NXDOMAIN
 */
#ifndef EVERCERT_TEST_DNS_SERVER_H
#define EVERCERT_TEST_DNS_SERVER_H

#include <event2/event.h>

struct dns_server {
    int port;
    char address[32];   /* "127.0.0.1:PORT" */
    unsigned questions; /* that came */
    char last[256];     /* name of the newest one */
    int udp, tcp;
    struct event *on_udp, *on_tcp;
};

void dns_server_start(struct dns_server *s, struct event_base *base);
void dns_server_stop(struct dns_server *s);

#endif

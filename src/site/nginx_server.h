/* The servers of nginx's configuration: where they listen, what they are called, which one answers for a
 * name. */
#ifndef EVERCERT_SITE_NGINX_SERVER_H
#define EVERCERT_SITE_NGINX_SERVER_H

#include "site/nginx_read.h"

enum { NGINX_HTTP_PORT = 80 };

struct nginx_listen {
    const char *address; /* as written, with brackets: "", "*", "127.0.0.1", "[::]"; NULL: a Unix socket */
    unsigned port;       /* 0 of a Unix socket */
    bool ssl, default_server, ipv6only_off, proxy_protocol;
};

struct nginx_server {
    const struct nginx_directive *block;
    struct nginx_listen *listens;
    size_t listen_n;
    const char **names; /* of server_name, as written */
    size_t name_n;
    const char *certificate;                 /* of the first ssl_certificate, "" : none */
    const struct nginx_directive *challenge; /* its own location for ACME challenges, or NULL */
    const struct nginx_directive *to_https;  /* a return that sends everybody to https, or NULL */
    const struct nginx_directive **includes; /* the include directives of the block itself */
    size_t include_n;
};

struct nginx_servers {
    struct nginx_server *list;
    size_t n;
};

/* All servers of http blocks, wherever they are included from; in `a`. Errors as nginx_each. */
int nginx_servers(const struct nginx_config *c, struct arena *a, struct nginx_servers *out, struct err *err);

/* How well the server's names fit `host` (an A-label or an address): 0 not at all; more is better, in nginx's
 * order: exact, the longest "*.x" or ".x", the longest "x.*". Regular expressions are not tried. */
size_t nginx_fit(const struct nginx_server *s, const char *host);
/* Whether it has a name that is a regular expression. */
bool nginx_has_regex(const struct nginx_server *s);
bool nginx_listens_on(const struct nginx_server *s, unsigned port);
/* Whether it speaks TLS: on that port, or anywhere with "ssl". */
bool nginx_has_tls(const struct nginx_server *s, unsigned port);

#endif

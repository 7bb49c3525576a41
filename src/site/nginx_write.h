/* What is written into nginx's configuration for a site. */
#ifndef EVERCERT_SITE_NGINX_WRITE_H
#define EVERCERT_SITE_NGINX_WRITE_H

#include "base/buf.h"
#include "site/nginx_server.h"
#include "site/site.h"

/* The file that the block includes: the location of the challenges, and where `whole` also where it listens
 * for TLS, its certificate and the redirect. */
void nginx_write_include(
    const struct site *site, const struct nginx_server *server, bool whole, struct buf *out);

/* The line that includes `path`, to be put into the text of the block's file, and where. Of a block in one
 * line the inserted text ends in a line break of ours; its comment says so. */
struct insertion nginx_include_line(const struct nginx_server *server, const char *path, struct arena *a);

/* The line that nginx_include_line() made for whatever path, as it stands in the file; text.n is 0 where
 * there is none. `path` (in `a`) is what it includes. */
struct insertion nginx_find_include(const struct nginx_server *server, const char **path, struct arena *a);

#endif

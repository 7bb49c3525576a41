/* What is written into Apache's configuration for a site. */
#ifndef EVERCERT_SITE_APACHE_WRITE_H
#define EVERCERT_SITE_APACHE_WRITE_H

#include "base/buf.h"
#include "site/apache_section.h"
#include "site/site.h"

/* The file that the host for http includes: where answers to challenges lie, and with `whole` the redirect.
 */
void apache_write_http(const struct site *site, bool whole, struct buf *out);

/* The host for https: what stands in the host for http (but for the line that includes `http_file`) and the
 * certificate. `listen`: nobody else listens on its port, so a Listen once for all files that are made here.
 */
void apache_write_https(const struct site *site, const struct apache_section *section, struct str text,
    const char *http_file, bool listen, struct buf *out);

/* The line that includes `path`: as the first of the section's body, or behind the section. */
struct insertion apache_include_line(
    const struct apache_section *section, struct str text, const char *path, bool behind, struct arena *a);

#endif

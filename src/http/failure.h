/* What libcurl reports, in our codes and words. */
#ifndef EVERCERT_HTTP_FAILURE_H
#define EVERCERT_HTTP_FAILURE_H

#include "base/err.h"

#include <curl/curl.h>

/* Fills err for a transfer of `easy` that ended with `code` (not CURLE_OK): the host, what failed, the reason
 * (`detail`: CURLOPT_ERRORBUFFER, may be "") and, where one is known, a way out. Returns the code. */
int failure_explain(CURL *easy, CURLcode code, const char *detail, struct err *err);

/* "host" or "host:port" of where `easy` went last, cleaned, into `out`; cut to fit. */
enum { FAILURE_HOST_MAX = 300 };
const char *failure_host(CURL *easy, char out[FAILURE_HOST_MAX]);

#endif

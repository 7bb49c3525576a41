/* Retry-After, and on a second line the Date it is relative to: a number of seconds within bounds, or none.
 */
#include "acme/response.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const int64_t max_s = 86400;
    struct str after, date;
    bool dated = str_cut((struct str){(const char *)data, size}, '\n', &after, &date);
    const struct acme_header headers[] = {{STR("Retry-After"), after}, {STR("Date"), date}};
    const struct acme_response r = {.status = 503, .headers = headers, .header_n = dated ? 2 : 1};
    int64_t s;
    if (acme_response_retry_after(&r, (struct wall){1800000000}, max_s, &s) && (s < 0 || s > max_s))
        abort();
    return 0;
}

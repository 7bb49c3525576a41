/* Link fields, one for each line. What is found lies inside the fields, and there is an end to it. */
#include "acme/response.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    enum { FIELDS_MAX = 8 };
    struct acme_header headers[FIELDS_MAX];
    struct str rest = {(const char *)data, size}, field;
    size_t n = 0;
    bool more = true;
    while (more && n < FIELDS_MAX) {
        more = str_cut(rest, '\n', &field, &rest);
        headers[n++] = (struct acme_header){STR("Link"), field};
    }
    const struct acme_response r = {.status = 200, .headers = headers, .header_n = n};
    static const char *const relations[] = {"alternate", "help", ""};
    for (size_t i = 0; i < sizeof relations / sizeof relations[0]; i++) {
        struct str target;
        size_t found = 0;
        while (acme_response_link(&r, relations[i], found, &target)) {
            const char *begin = (const char *)data;
            if (target.p < begin || target.n > (size_t)(begin + size - target.p) || ++found > size)
                abort();
        }
    }
    return 0;
}

/* Renewal information (RFC 9773). Whatever is accepted is a window that can be planned with. */
#include "acme/renewal_info.h"
#include "base/text.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct renewal_info info = {.explanation_url = NULL};
    struct err err;
    if (renewal_info_parse((struct str){(const char *)data, size}, a, &info, &err) == 0) {
        if (info.start.s < 0 || info.end.s <= info.start.s ||
            info.end.s - info.start.s > RENEWAL_INFO_SPAN_MAX_S)
            abort();
        if (info.explanation_url == NULL || !text_is_utf8(str_c(info.explanation_url)))
            abort();
        for (const char *c = info.explanation_url; *c != '\0'; c++)
            if ((unsigned char)*c < 0x20 || *c == 0x7f)
                abort();
    } else if (info.explanation_url != NULL || err.code >= 0) {
        abort();
    }
    arena_free(a);
    return 0;
}

/* What the tls-alpn-01 answerer reads of a ClientHello itself: a connection's first octets, and the contents
 * of two extensions. */
#include "http/hello.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define OFFER      \
    "\x00\x0b\x0a" \
    "acme-tls/1"

static void check_name(struct str extension)
{
    char name[HELLO_NAME_MAX + 1];
    memset(name, '!', sizeof name);
    if (!hello_server_name(extension, name)) {
        if (name[0] != '!')
            abort();
        return;
    }
    size_t n = strlen(name);
    if (n == 0 || extension.n != n + 5 || strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != n ||
        !str_eq_nocase(str_c(name), (struct str){extension.p + 5, n}))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    if (hello_offers_only(in, STR("acme-tls/1")) != str_eq(in, STR(OFFER)))
        abort();
    check_name(in);
    if (size >= HELLO_HEAD && hello_may_follow(data) && (data[0] != 22 || data[5] != 1 || data[6] != 0))
        abort();
    return 0;
}

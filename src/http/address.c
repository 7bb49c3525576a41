#include "http/address.h"

#include "base/attr.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>

struct block4 {
    uint32_t network;
    unsigned bits;
};

static const struct block4 private4[] = {
    {0x00000000, 8},  /* 0.0.0.0/8, this network */
    {0x0a000000, 8},  /* 10.0.0.0/8 */
    {0x64400000, 10}, /* 100.64.0.0/10, shared */
    {0x7f000000, 8},  /* 127.0.0.0/8 */
    {0xa9fe0000, 16}, /* 169.254.0.0/16, link-local; where clouds keep their metadata */
    {0xac100000, 12}, /* 172.16.0.0/12 */
    {0xc0000000, 24}, /* 192.0.0.0/24, protocol assignments */
    {0xc0a80000, 16}, /* 192.168.0.0/16 */
    {0xc6120000, 15}, /* 198.18.0.0/15, benchmarks */
    {0xe0000000, 3},  /* 224.0.0.0/3, multicast, reserved, broadcast */
};

static bool is_private4(uint32_t a)
{
    for (size_t i = 0; i < ARRAY_LEN(private4); i++)
        if (((a ^ private4[i].network) >> (32 - private4[i].bits)) == 0)
            return true;
    return false;
}

static uint32_t read4(const unsigned char *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool is_private6(const unsigned char a[16])
{
    static const unsigned char mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    static const unsigned char nat64[12] = {0x00, 0x64, 0xff, 0x9b};
    if (memcmp(a, mapped, sizeof mapped) == 0 || memcmp(a, nat64, sizeof nat64) == 0)
        return is_private4(read4(a + 12));
    /* Of all others only 2000::/3 is given out. */
    return (a[0] & 0xe0) != 0x20;
}

bool address_is_private(const struct sockaddr *address)
{
    if (address->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, address, sizeof in);
        return is_private4(ntohl(in.sin_addr.s_addr));
    }
    if (address->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, address, sizeof in6);
        return is_private6(in6.sin6_addr.s6_addr);
    }
    return true;
}

bool address_is_allowed(enum address_home *home, const struct sockaddr *address)
{
    bool private = address_is_private(address);
    if (*home == ADDRESS_HOME_UNKNOWN)
        *home = private ? ADDRESS_HOME_PRIVATE : ADDRESS_HOME_PUBLIC;
    return *home == ADDRESS_HOME_PRIVATE || !private;
}

#include "acme/identifier.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { LABEL_MAX = 63 };

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool label_character(char c)
{
    return (c >= 'a' && c <= 'z') || digit(c) || c == '-';
}

static int check_label(struct str label, struct err *err)
{
    if (label.n == 0)
        return err_set(err, ERR_INPUT, "it has an empty label (two dots in a row, or one at an end)");
    if (label.n > LABEL_MAX)
        return err_set(err, ERR_INPUT, "it has a label of more than %d octets", LABEL_MAX);
    for (size_t i = 0; i < label.n; i++) {
        unsigned char c = (unsigned char)label.p[i];
        if (c >= 'A' && c <= 'Z')
            return err_set(err, ERR_INPUT, "it has upper-case letters");
        if (c == '*')
            return err_set(err, ERR_INPUT, "'*' may only be the whole of the first label");
        if (c > 0x7e)
            return err_set(err, ERR_INPUT, "it is not ASCII; write international names as xn-- labels");
        if (!label_character((char)c))
            return err_set(err, ERR_INPUT, "the octet 0x%02x may not occur in a host name", c);
    }
    if (label.p[0] == '-' || label.p[label.n - 1] == '-')
        return err_set(err, ERR_INPUT, "a label begins or ends with a hyphen");
    return 0;
}

/* Every form of an IPv4 address ends in a number and no domain does; IPv6 has colons. */
static bool looks_like_address(struct str name)
{
    if (memchr(name.p, ':', name.n) != NULL)
        return true;
    size_t i = name.n;
    while (i > 0 && digit(name.p[i - 1]))
        i--;
    return i < name.n && (i == 0 || name.p[i - 1] == '.');
}

/* RFC 5952 4, from octets. Not by inet_ntop, which writes some addresses in the mixed form of section 5. */
static void write_ipv6(const unsigned char *octets, char out[IDENTIFIER_IP_TEXT_MAX])
{
    enum { GROUPS = 8 };
    unsigned groups[GROUPS];
    size_t zeros_at = GROUPS, zeros_n = 1; /* one group alone is not shortened (4.2.2) */
    for (size_t i = 0; i < GROUPS; i++)
        groups[i] = (unsigned)octets[2 * i] << 8 | octets[2 * i + 1];
    for (size_t i = 0; i < GROUPS; i++) {
        size_t n = 0;
        while (i + n < GROUPS && groups[i + n] == 0)
            n++;
        if (n > zeros_n) { /* the first of the longest (4.2.3) */
            zeros_at = i;
            zeros_n = n;
        }
    }
    size_t n = 0;
    for (size_t i = 0; i < GROUPS; i++) {
        if (i == zeros_at) {
            n += (size_t)snprintf(out + n, IDENTIFIER_IP_TEXT_MAX - n, "::");
            i += zeros_n - 1;
            continue;
        }
        bool colon = i > 0 && i != zeros_at + zeros_n;
        n += (size_t)snprintf(out + n, IDENTIFIER_IP_TEXT_MAX - n, "%s%x", colon ? ":" : "", groups[i]);
    }
}

/* The octets of an address in any usual form; 0 for what is none, or an IPv4-mapped one. */
static size_t read_address(struct str text, unsigned char out[IDENTIFIER_IP_OCTETS_MAX])
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    char copy[IDENTIFIER_IP_TEXT_MAX];
    if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n) != NULL)
        return 0;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (inet_pton(AF_INET, copy, out) == 1)
        return 4;
    return inet_pton(AF_INET6, copy, out) == 1 && memcmp(out, mapped, sizeof mapped) != 0 ? 16 : 0;
}

bool identifier_ip_canonical(struct str text, char out[IDENTIFIER_IP_TEXT_MAX])
{
    unsigned char o[IDENTIFIER_IP_OCTETS_MAX];
    size_t n = read_address(text, o);
    if (n == 4)
        snprintf(out, IDENTIFIER_IP_TEXT_MAX, "%u.%u.%u.%u", o[0], o[1], o[2], o[3]);
    else if (n == 16)
        write_ipv6(o, out);
    return n > 0;
}

bool identifier_is_ip(struct str name)
{
    char canonical[IDENTIFIER_IP_TEXT_MAX];
    return identifier_ip_canonical(name, canonical) && str_eq_c(name, canonical);
}

size_t identifier_ip_octets(struct str name, unsigned char out[IDENTIFIER_IP_OCTETS_MAX])
{
    unsigned char octets[IDENTIFIER_IP_OCTETS_MAX];
    size_t n = identifier_is_ip(name) ? read_address(name, octets) : 0;
    memcpy(out, octets, n);
    return n;
}

void identifier_reverse_name(struct str name, struct buf *out)
{
    unsigned char o[IDENTIFIER_IP_OCTETS_MAX];
    size_t n = identifier_ip_octets(name, o);
    for (size_t i = n; i > 0; i--) {
        if (n == 4)
            buf_printf(out, "%u.", o[i - 1]);
        else
            buf_printf(out, "%x.%x.", o[i - 1] & 0xf, o[i - 1] >> 4);
    }
    if (n > 0)
        buf_put_c(out, n == 4 ? "in-addr.arpa" : "ip6.arpa");
}

static int refuse_address(struct str name, struct err *err)
{
    char canonical[IDENTIFIER_IP_TEXT_MAX];
    if (identifier_ip_canonical(name, canonical))
        return err_set(
            err, ERR_INPUT, "it is an IP address that is not in its canonical form, %s", canonical);
    return err_set(err, ERR_INPUT, "it looks like an IP address but is none that can be certified");
}

int identifier_check(struct str name, struct err *err)
{
    if (name.n == 0)
        return err_set(err, ERR_INPUT, "it is empty");
    if (name.n > IDENTIFIER_MAX)
        return err_set(err, ERR_INPUT, "it has more than %d octets", IDENTIFIER_MAX);
    if (identifier_is_ip(name))
        return 0;
    if (looks_like_address(name))
        return refuse_address(name, err);
    struct str label, rest = identifier_base(name);
    bool more;
    do {
        more = str_cut(rest, '.', &label, &rest);
        int r = check_label(label, err);
        if (r < 0)
            return r;
    } while (more);
    return 0;
}

bool identifier_is_wildcard(struct str name)
{
    return str_starts(name, STR("*."));
}

struct str identifier_base(struct str name)
{
    return identifier_is_wildcard(name) ? (struct str){name.p + 2, name.n - 2} : name;
}

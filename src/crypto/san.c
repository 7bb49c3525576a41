#include "crypto/san.h"

#include "base/attr.h"

#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>

/* RFC 1035 2.3.4 */
enum { NAME_MAX_N = 253, LABEL_MAX_N = 63 };

static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool label_ok(struct str label)
{
    if (label.n == 0 || label.n > LABEL_MAX_N || label.p[0] == '-' || label.p[label.n - 1] == '-')
        return false;
    for (size_t i = 0; i < label.n; i++)
        if (!letter(label.p[i]) && !digit(label.p[i]) && label.p[i] != '-' && label.p[i] != '_')
            return false;
    return true;
}

/* The last label may not be all digits: that is an IPv4 address. */
bool san_is_host(struct str name)
{
    struct str rest = name, label = {"", 0};
    if (name.n > NAME_MAX_N)
        return false;
    if (str_starts(rest, STR("*.")))
        rest = (struct str){rest.p + 2, rest.n - 2};
    for (bool more = true; more;) {
        more = str_cut(rest, '.', &label, &rest);
        if (!label_ok(label))
            return false;
    }
    for (size_t i = 0; i < label.n; i++)
        if (!digit(label.p[i]))
            return true;
    return false;
}

size_t san_address(struct str text, unsigned char out[SAN_ADDRESS_MAX])
{
    char copy[INET6_ADDRSTRLEN];
    unsigned char octets[SAN_ADDRESS_MAX];
    if (text.n == 0 || text.n >= sizeof copy || memchr(text.p, '\0', text.n) != NULL)
        return 0;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    size_t n = inet_pton(AF_INET, copy, octets) == 1 ? 4 : inet_pton(AF_INET6, copy, octets) == 1 ? 16 : 0;
    memcpy(out, octets, n);
    return n;
}

bool san_add(GENERAL_NAMES *to, struct str name)
{
    unsigned char address[SAN_ADDRESS_MAX];
    size_t address_n = san_address(name, address);
    if (address_n == 0 && !san_is_host(name))
        return false;
    struct str value = address_n > 0 ? (struct str){(const char *)address, address_n} : name;
    GENERAL_NAME *g = GENERAL_NAME_new();
    ASN1_STRING *text = ASN1_STRING_type_new(address_n > 0 ? V_ASN1_OCTET_STRING : V_ASN1_IA5STRING);
    if (g == NULL || text == NULL || ASN1_STRING_set(text, value.p, (int)value.n) != 1) {
        ASN1_STRING_free(text);
        GENERAL_NAME_free(g);
        return false;
    }
    GENERAL_NAME_set0_value(g, address_n > 0 ? GEN_IPADD : GEN_DNS, text);
    if (sk_GENERAL_NAME_push(to, g) <= 0) {
        GENERAL_NAME_free(g);
        return false;
    }
    return true;
}

const char *san_address_text(const unsigned char *octets, size_t n, char out[SAN_TEXT_MAX])
{
    return inet_ntop(n == 4 ? AF_INET : AF_INET6, octets, out, SAN_TEXT_MAX);
}

static bool address_text(const ASN1_OCTET_STRING *s, char out[SAN_TEXT_MAX], size_t *n)
{
    int octets_n = ASN1_STRING_length(s);
    if (octets_n != 4 && octets_n != 16)
        return false;
    *n = strlen(san_address_text(ASN1_STRING_get0_data(s), (size_t)octets_n, out));
    return true;
}

bool san_text(const GENERAL_NAME *name, char out[SAN_TEXT_MAX], size_t *n)
{
    if (name->type == GEN_IPADD)
        return address_text(name->d.iPAddress, out, n);
    if (name->type != GEN_DNS || ASN1_STRING_length(name->d.dNSName) >= SAN_TEXT_MAX)
        return false;
    *n = (size_t)ASN1_STRING_length(name->d.dNSName);
    const unsigned char *from = ASN1_STRING_get0_data(name->d.dNSName);
    for (size_t i = 0; i < *n; i++)
        out[i] = (char)(from[i] >= 'A' && from[i] <= 'Z' ? from[i] - 'A' + 'a' : from[i]);
    out[*n] = '\0';
    return true;
}

static const char *const kinds[] = {
    [GEN_EMAIL] = "an e-mail address",
    [GEN_DNS] = "a host name of an impossible length",
    [GEN_DIRNAME] = "a directory name",
    [GEN_URI] = "a URI",
    [GEN_IPADD] = "an IP address of an impossible length",
};

const char *san_kind(const GENERAL_NAME *name)
{
    size_t i = (size_t)name->type;
    return i < ARRAY_LEN(kinds) && kinds[i] != NULL ? kinds[i] : "a name of an unknown kind";
}

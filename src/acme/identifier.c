#include "acme/identifier.h"

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

int identifier_check(struct str name, struct err *err)
{
    if (name.n == 0)
        return err_set(err, ERR_INPUT, "it is empty");
    if (name.n > IDENTIFIER_MAX)
        return err_set(err, ERR_INPUT, "it has more than %d octets", IDENTIFIER_MAX);
    if (looks_like_address(name))
        return err_set(
            err, ERR_INPUT, "it is an IP address; this version orders certificates for DNS names only");
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

#include "config/wish.h"

#include "acme/identifier.h"
#include "base/text.h"
#include "config/problems.h"

#include <arpa/inet.h>
#include <idn2.h>
#include <string.h>

enum { NAME_INPUT_MAX = 1024 /* octets as written: 253 characters of up to four octets */ };

static bool is_ascii(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((unsigned char)s.p[i] >= 0x80)
            return false;
    return true;
}

/* An address in one of the ways people write it. */
struct address {
    int family; /* 0: none */
    unsigned char octets[sizeof(struct in6_addr)];
};

static struct address address_read(struct str s)
{
    char text[INET6_ADDRSTRLEN + 1];
    struct address a = {0};
    if (s.n >= 2 && s.p[0] == '[' && s.p[s.n - 1] == ']')
        s = (struct str){s.p + 1, s.n - 2};
    if (s.n >= sizeof text)
        return a;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    if (strlen(text) == s.n && inet_pton(AF_INET, text, a.octets) == 1)
        a.family = AF_INET;
    else if (strlen(text) == s.n && inet_pton(AF_INET6, text, a.octets) == 1)
        a.family = AF_INET6;
    return a;
}

/* The form that an order takes (RFC 8738 3). */
static int address_canonical(
    const struct address *a, const char *shown, struct arena *arena, const char **out, struct err *err)
{
    enum { MAPPED_PREFIX = 12 };
    char written[INET6_ADDRSTRLEN], text[IDENTIFIER_IP_TEXT_MAX];
    inet_ntop(a->family, a->octets, written, sizeof written);
    if (identifier_ip_canonical(str_c(written), text)) {
        *out = arena_dup_c(arena, text);
        return 0;
    }
    inet_ntop(AF_INET, a->octets + MAPPED_PREFIX, written, sizeof written);
    return err_set(err, ERR_INPUT, "%s is an IPv4 address written as IPv6, which no CA certifies; write %s",
        shown, written);
}

/* An address with something around it that does not belong into an order. */
static int check_address(struct str name, const char *shown, struct err *err)
{
    struct str before, behind;
    struct str inside = {name.p + 1, name.n > 1 ? name.n - 2 : 0};
    if (name.n > 2 && name.p[0] == '[' && name.p[name.n - 1] == ']')
        name = inside;
    if (str_cut(name, '%', &before, &behind) && address_read(before).family != 0)
        return err_set(err, ERR_INPUT,
            "%s is an IP address of one network (it has a zone), which no CA certifies", shown);
    if (str_cut(name, '/', &before, &behind) && address_read(before).family != 0)
        return err_set(err, ERR_INPUT, "%s is a network; write one address", shown);
    return 0;
}

/* Mistakes that are plain to see in what was written and deserve their own words. */
static int check_written(struct str name, const char *shown, struct err *err)
{
    bool port = memchr(name.p, ':', name.n) != NULL;
    int r = check_address(name, shown, err);
    if (r < 0)
        return r;
    for (size_t i = 0; i < name.n; i++)
        if (strchr(" \t\r\n", name.p[i]) != NULL || name.p[i] == '\0')
            return err_set(err, ERR_INPUT, "%s holds a blank; write one name", shown);
    for (size_t i = 0; i + 2 < name.n; i++)
        if (memcmp(name.p + i, "://", 3) == 0)
            return err_set(err, ERR_INPUT, "%s is a URL; write the host name alone", shown);
    if (memchr(name.p, '/', name.n) != NULL)
        return err_set(err, ERR_INPUT, "%s holds a path; write the host name alone", shown);
    if (memchr(name.p, '@', name.n) != NULL)
        return err_set(err, ERR_INPUT, "%s is an e-mail address; write a host name", shown);
    if (port)
        return err_set(err, ERR_INPUT, "%s holds a port; write the host name alone", shown);
    return 0;
}

/* Empty labels and asterisks, in the name as it will be ordered. */
static int check_labels(struct str name, const char *shown, struct err *err)
{
    bool wildcard = name.n > 0 && name.p[0] == '*';
    if (memchr(name.p, '*', name.n) != NULL) {
        bool good = name.n > 2 && name.p[1] == '.' && memchr(name.p + 1, '*', name.n - 1) == NULL;
        if (!wildcard || !good)
            return err_set(err, ERR_INPUT,
                "%s is no wildcard that a CA signs; an asterisk stands alone in front, as in *.example.org",
                shown);
    }
    for (size_t i = 0; i < name.n; i++)
        if (name.p[i] == '.' && (i == 0 || i + 1 == name.n || name.p[i + 1] == '.'))
            return err_set(
                err, ERR_INPUT, "%s has an empty label; two dots stand together or one in front", shown);
    return 0;
}

/* UTS 46, non-transitional. Names that are ASCII already are only brought to lower case: what CAs order by
 * xn-- labels is their matter (they accept emoji that IDNA 2008 does not), but a label that decodes to
 * nothing is a mistake. */
static int convert(struct str name, const char *shown, struct arena *a, char **out, struct err *err)
{
    bool ascii = is_ascii(name);
    char *copy = ascii ? arena_lower(a, name) : arena_dup(a, name);
    *out = copy;
    if (ascii && strstr(copy, "xn--") == NULL)
        return 0;
    uint8_t *made = NULL;
    int r = idn2_lookup_u8((const uint8_t *)copy, &made, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL);
    bool broken = r == IDN2_PUNYCODE_BAD_INPUT || r == IDN2_PUNYCODE_BIG_OUTPUT ||
                  r == IDN2_PUNYCODE_OVERFLOW || r == IDN2_INVALID_ALABEL ||
                  r == IDN2_ALABEL_ROUNDTRIP_FAILED;
    if (ascii && r != IDN2_OK && !broken)
        return 0;
    if (r == IDN2_TOO_BIG_LABEL || (!ascii && r == IDN2_PUNYCODE_BIG_OUTPUT))
        return err_set(err, ERR_INPUT, "%s has a label of more than 63 octets", shown);
    if (r != IDN2_OK)
        return err_set(err, ERR_INPUT, "%s is no DNS name: %s", shown, idn2_strerror(r));
    if (!ascii)
        *out = arena_dup_c(a, (const char *)made);
    idn2_free(made);
    return 0;
}

int name_to_ascii(struct str name, struct arena *a, const char **out, struct err *err)
{
    char shown[QUOTE_MAX], *made;
    quote(name, shown);
    if (name.n == 0)
        return err_set(err, ERR_INPUT, "expected a DNS name or an IP address, found an empty text");
    if (name.n > NAME_INPUT_MAX)
        return err_set(err, ERR_INPUT, "%s is too long for a DNS name", shown);
    if (!text_is_utf8(name))
        return err_set(err, ERR_INPUT, "%s is not UTF-8 text", shown);
    struct address address = address_read(name);
    if (address.family != 0)
        return address_canonical(&address, shown, a, out, err);
    int r = check_written(name, shown, err);
    if (r < 0 || (r = convert(name, shown, a, &made, err)) < 0)
        return r;
    struct str ascii = str_c(made);
    /* One dot at the end is the root; other dots of Unicode have become '.' by now. */
    if (ascii.n > 1 && ascii.p[ascii.n - 1] == '.')
        made[--ascii.n] = '\0';
    if (address_read(ascii).family != 0)
        return err_set(err, ERR_INPUT, "%s is no DNS name; an IP address is written as %s", shown, made);
    struct err why = ERR_INIT;
    if ((r = check_labels(ascii, shown, err)) < 0)
        return r;
    if (identifier_check(ascii, &why) < 0)
        return err_set(err, ERR_INPUT, "%s is no DNS name to order a certificate for: %s", shown, why.text);
    *out = made;
    return 0;
}

/* Letters of scripts that are told apart by nobody. */
enum { SCRIPT_LATIN = 1, SCRIPT_GREEK = 2, SCRIPT_CYRILLIC = 4 };

static unsigned script_of(uint32_t c)
{
    if ((c >= 'a' && c <= 'z') || (c >= 0xc0 && c < 0x250) || (c >= 0x1e00 && c < 0x1f00))
        return SCRIPT_LATIN;
    if ((c >= 0x370 && c < 0x400) || (c >= 0x1f00 && c < 0x2000))
        return SCRIPT_GREEK;
    return c >= 0x400 && c < 0x530 ? SCRIPT_CYRILLIC : 0;
}

static bool is_invisible(uint32_t c)
{
    return c < 0x20 || (c >= 0x7f && c < 0xa1) || c == 0xad || (c >= 0x200b && c < 0x2010) ||
           (c >= 0x2028 && c < 0x2030) || (c >= 0x2060 && c < 0x2070) || c == 0xfeff;
}

/* Whether a reader can take the label for what it is: nothing invisible, no mix of look-alike scripts. */
static bool readable(const uint32_t *label, size_t n)
{
    unsigned scripts = 0;
    for (size_t i = 0; i < n; i++) {
        if (is_invisible(label[i]))
            return false;
        scripts |= script_of(label[i]);
    }
    return (scripts & (scripts - 1)) == 0;
}

const char *name_to_display(const char *ascii, struct arena *a)
{
    if (strstr(ascii, "xn--") == NULL)
        return ascii;
    const char *shown = ascii;
    uint32_t *points = NULL;
    char *text = NULL;
    uint8_t *again = NULL;
    const char *base = strncmp(ascii, "*.", 2) == 0 ? ascii + 2 : ascii;
    if (idn2_to_unicode_8z4z(base, &points, IDN2_NONTRANSITIONAL) != IDN2_OK)
        goto out;
    for (size_t i = 0, from = 0;; i++) {
        if (points[i] != '.' && points[i] != 0)
            continue;
        if (!readable(points + from, i - from))
            goto out;
        from = i + 1;
        if (points[i] == 0)
            break;
    }
    /* Only what leads back to the same A-labels is the same name. */
    if (idn2_to_unicode_8z8z(base, &text, IDN2_NONTRANSITIONAL) == IDN2_OK &&
        idn2_lookup_u8((const uint8_t *)text, &again, IDN2_NFC_INPUT | IDN2_NONTRANSITIONAL) == IDN2_OK &&
        strcmp((const char *)again, base) == 0 && text_is_utf8(str_c(text)))
        shown = arena_printf(a, "%s%s", base == ascii ? "" : "*.", text);
out:
    idn2_free(points);
    idn2_free(text);
    idn2_free(again);
    return shown;
}

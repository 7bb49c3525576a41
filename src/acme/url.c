#include "acme/url.h"

#include "acme/limits.h"

#include <string.h>

/* The authority of a URL, HOST [":" PORT], as views. */
struct origin {
    struct str host;
    struct str port; /* "443" where none is written */
};

static const struct str scheme = {"https://", sizeof "https://" - 1};

static int check_octets(struct str url, struct err *err)
{
    if (url.n == 0)
        return err_set(err, ERR_INPUT, "the URL is empty");
    if (url.n > ACME_URL_MAX)
        return err_set(err, ERR_INPUT, "the URL has more than %d octets", ACME_URL_MAX);
    for (size_t i = 0; i < url.n; i++) {
        unsigned char c = (unsigned char)url.p[i];
        if (c <= 0x20 || c >= 0x7f || strchr("\"'\\<>", c) != NULL)
            return err_set(err, ERR_INPUT, "the URL holds the octet 0x%02x, which may not occur in one", c);
    }
    return 0;
}

/* What stands between the scheme and the path or query. */
static struct str authority_of(struct str url)
{
    struct str rest = {url.p + scheme.n, url.n - scheme.n};
    size_t n = 0;
    while (n < rest.n && rest.p[n] != '/' && rest.p[n] != '?')
        n++;
    return (struct str){rest.p, n};
}

/* Brackets keep the colons of an IPv6 address together. */
static struct origin split(struct str authority)
{
    size_t n = 0;
    bool inside = false;
    for (; n < authority.n && (inside || authority.p[n] != ':'); n++)
        inside = (inside || authority.p[n] == '[') && authority.p[n] != ']';
    struct origin o = {{authority.p, n}, STR("443")};
    if (n < authority.n)
        o.port = (struct str){authority.p + n + 1, authority.n - n - 1};
    return o;
}

/* A view of the characters that a host name may hold, or, in brackets, an IPv6 address. */
static bool host_is_fine(struct str host)
{
    static const char name[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._";
    static const char address[] = "0123456789abcdefABCDEF:.";
    const char *allowed = name;
    if (str_starts(host, STR("[")) && str_ends(host, STR("]"))) {
        host = (struct str){host.p + 1, host.n - 2};
        allowed = address;
    }
    for (size_t i = 0; i < host.n; i++)
        if (strchr(allowed, host.p[i]) == NULL)
            return false;
    return host.n > 0;
}

int acme_url_check(struct str url, struct err *err)
{
    int r = check_octets(url, err);
    if (r < 0)
        return r;
    if (!str_starts(url, scheme))
        return err_set(err, ERR_INPUT, "the URL %.*s does not begin with https://", STR_ARG(url));
    if (memchr(url.p, '#', url.n) != NULL)
        return err_set(err, ERR_INPUT, "the URL %.*s has a fragment (#)", STR_ARG(url));
    struct str authority = authority_of(url);
    if (memchr(authority.p, '@', authority.n) != NULL)
        return err_set(err, ERR_INPUT, "the URL %.*s has user information (@)", STR_ARG(url));
    struct origin o = split(authority);
    if (!host_is_fine(o.host))
        return err_set(err, ERR_INPUT, "the URL %.*s has no proper host", STR_ARG(url));
    uint64_t port;
    if (!str_to_u64(o.port, 65535, &port) || port == 0)
        return err_set(err, ERR_INPUT, "the URL %.*s has no proper port", STR_ARG(url));
    return 0;
}

bool acme_url_same_origin(struct str a, struct str b)
{
    struct origin x = split(authority_of(a)), y = split(authority_of(b));
    uint64_t x_port = 0, y_port = 0;
    return str_eq_nocase(x.host, y.host) && str_to_u64(x.port, 65535, &x_port) &&
           str_to_u64(y.port, 65535, &y_port) && x_port == y_port;
}

int acme_url_check_from(struct str url, struct str directory, struct err *err)
{
    int r = acme_url_check(url, err);
    if (r < 0 || (r = acme_url_check(directory, err)) < 0)
        return r;
    if (!acme_url_same_origin(url, directory))
        return err_set(err, ERR_INPUT, "the URL %.*s is not of the authority's own host and port (%.*s)",
            STR_ARG(url), STR_ARG(authority_of(directory)));
    return 0;
}

struct str acme_account_directory(struct str id)
{
    struct str directory, label;
    (void)str_cut(id, '#', &directory, &label);
    return directory;
}

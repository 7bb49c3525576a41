/* Who wants to be told of certificates, and where it is seen that they are served. */
#include "acme/identifier.h"
#include "base/text.h"
#include "config/problems.h"
#include "config/schema.h"
#include "containers/internal.h"

#include <string.h>

static bool is_listed(const char *const *list, size_t n, const char *text)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], text) == 0)
            return true;
    return false;
}

/* --- use --- */

/* Names of certificates parted by commas, or "*" for all. False, and a problem said, for anything else. */
static bool read_uses(struct reading *r, struct consumer *c, const char *key, const char *value)
{
    const char **uses = arena_array(r->a, CONSUMER_USES_MAX, sizeof *uses);
    struct str name, rest = str_c(value);
    struct err err = ERR_INIT;
    c->uses = uses;
    if (str_eq_c(str_trim(rest), CONSUMER_USES_ALL)) {
        uses[c->use_n++] = CONSUMER_USES_ALL;
        return true;
    }
    for (size_t n = 0; next_word(&rest, false, &name); n++) {
        if (n == CLAIM_WORDS_MAX || c->use_n == CONSUMER_USES_MAX) {
            say(r, key, "names more than %d certificates", (int)CONSUMER_USES_MAX);
            return false;
        }
        if (wish_name_check(name, &err) < 0) {
            say(r, key, "%s", err.text);
            return false;
        }
        const char *text = arena_dup(r->a, name);
        if (!is_listed(uses, c->use_n, text))
            uses[c->use_n++] = text;
    }
    if (c->use_n == 0)
        say(r, key, "is empty; write the names of certificates parted by commas");
    return c->use_n > 0;
}

static void use_names(struct reading *r, struct consumer *c, const char *const *names, size_t n)
{
    const char **uses = arena_array(r->a, n, sizeof *uses);
    for (size_t i = 0; i < n; i++)
        if (!is_listed(uses, c->use_n, names[i]))
            uses[c->use_n++] = names[i];
    c->uses = uses;
}

/* A container that says what to do and not for which certificate means those that it asks for itself. */
static bool use_own(struct reading *r, struct consumer *c)
{
    use_names(r, c, r->names, r->claim_n);
    if (r->claim_n == 0 && r->draft_n == 0)
        say(r, c->key,
            "is for no certificate; name one with evercert.use, or ask for one with evercert.domains");
    return r->claim_n > 0;
}

/* --- on-change --- */

static bool read_signal(struct reading *r, struct consumer *c, const char *text)
{
    char shown[QUOTE_MAX];
    c->change = CHANGE_SIGNAL;
    c->value = signal_name(text);
    if (c->value == NULL)
        say(r, c->key, "%s is no signal; write one such as signal:HUP or signal:USR1",
            quote(str_c(text), shown));
    return c->value != NULL;
}

static bool read_action(struct reading *r, struct consumer *c, const char *text)
{
    char shown[QUOTE_MAX];
    c->change = CHANGE_ACTION;
    c->value = text;
    if (wish_name_check(str_c(text), NULL) == 0)
        return true;
    say(r, c->key,
        "%s is no name of an action; write action:NAME with an entry of actions in the configuration",
        quote(str_c(text), shown));
    return false;
}

static bool read_change(struct reading *r, struct consumer *c, const char *value)
{
    char shown[QUOTE_MAX];
    struct str kind, what, text = str_trim(str_c(value));
    bool more = str_cut(text, ':', &kind, &what);
    if (!more && str_eq(kind, STR("restart"))) {
        c->change = CHANGE_RESTART;
        return true;
    }
    const char *rest = arena_dup(r->a, str_trim(what));
    if (more && str_eq(kind, STR("signal")))
        return read_signal(r, c, rest);
    if (more && str_eq(kind, STR("action")))
        return read_action(r, c, rest);
    say(r, c->key,
        "expected signal:NAME, restart or action:NAME (an entry of actions in the configuration), found %s",
        quote(text, shown));
    return false;
}

/* --- verify --- */

static const char *own_address(struct reading *r)
{
    if (r->c->service)
        return NULL;
    for (size_t i = 0; i < r->c->network_n; i++) {
        const struct container_network *n = &r->c->networks[i];
        if (n->ip[0] != '\0')
            return n->ip;
        if (n->ip6[0] != '\0')
            return arena_printf(r->a, "[%s]", n->ip6);
    }
    return strcmp(r->c->network_mode, "host") == 0 ? "127.0.0.1" : NULL;
}

static bool same_address(struct str host, const char *address)
{
    char a[IDENTIFIER_IP_TEXT_MAX], b[IDENTIFIER_IP_TEXT_MAX];
    return identifier_ip_canonical(host, a) && identifier_ip_canonical(str_c(address), b) &&
           strcmp(a, b) == 0;
}

static bool is_own_address(const struct reading *r, struct str host)
{
    static const char *const loopback[] = {"127.0.0.1", "::1"};
    bool at_host = !r->c->service && strcmp(r->c->network_mode, "host") == 0;
    for (size_t i = 0; i < r->c->network_n; i++)
        if (same_address(host, r->c->networks[i].ip) || same_address(host, r->c->networks[i].ip6))
            return true;
    for (size_t i = 0; i < ARRAY_LEN(loopback); i++)
        if (at_host && same_address(host, loopback[i]))
            return true;
    return at_host && str_eq(host, STR("localhost"));
}

/* A name of its own claims, a name below a wildcard of theirs, or the name of a certificate that it uses. */
static bool is_own_name(const struct reading *r, const struct consumer *c, struct str host)
{
    struct str label, parent;
    bool below = str_cut(host, '.', &label, &parent);
    for (size_t i = 0; i < r->claim_n; i++)
        for (size_t j = 0; j < r->claims[i].domain_n; j++) {
            struct str domain = str_c(r->claims[i].domains[j]);
            if (str_eq(domain, host))
                return true;
            if (below && identifier_is_wildcard(domain) && str_eq(identifier_base(domain), parent))
                return true;
        }
    for (size_t i = 0; i < c->use_n; i++)
        if (str_eq_nocase(str_c(c->uses[i]), host))
            return true;
    return false;
}

/* A port alone is at the container's own address. NULL, and a problem said, where there is none. */
static const char *port_alone(struct reading *r, const char *key, unsigned port)
{
    const char *address = own_address(r);
    if (address == NULL)
        say(r, key,
            "a port alone needs an address of the container, which has none; write host:port with one of its "
            "own names");
    return address == NULL ? NULL : arena_printf(r->a, "%s:%u", address, port);
}

/* The host of "host:port" as type_endpoint writes it. */
static struct str host_of(const char *endpoint)
{
    struct str host = {endpoint, (size_t)(strrchr(endpoint, ':') - endpoint)};
    if (host.n >= 2 && host.p[0] == '[')
        host = (struct str){host.p + 1, host.n - 2};
    return host;
}

static const char *read_endpoint(
    struct reading *r, const struct consumer *c, const char *key, struct str text)
{
    enum { PORT_LAST = 65535 };
    const struct setting *row = section_row(&schema_deploy, STR("verify"));
    char shown[QUOTE_MAX];
    struct err err = ERR_INIT;
    uint64_t port;
    const char *endpoint;
    if (str_to_u64(text, PORT_LAST, &port) && port > 0)
        return port_alone(r, key, (unsigned)port);
    if (value_parse(row, text, r->a, &endpoint, &err) < 0) {
        say(r, key, "%s; a port alone is one of the container itself", err.text);
        return NULL;
    }
    if (is_own_address(r, host_of(endpoint)) || is_own_name(r, c, host_of(endpoint)))
        return endpoint;
    say(r, key,
        "%s is not the container's own, and evercert connects to nobody else for a label; write a port "
        "alone, an address of the container, or a name that it asks for",
        quote(text, shown));
    return NULL;
}

static bool read_verify(struct reading *r, struct consumer *c, const char *key, const char *value)
{
    const char **list = arena_array(r->a, CONSUMER_VERIFY_MAX, sizeof *list);
    struct str text, rest = str_c(value);
    c->verify = list;
    for (size_t n = 0; next_word(&rest, false, &text); n++) {
        if (n == CLAIM_WORDS_MAX || c->verify_n == CONSUMER_VERIFY_MAX) {
            say(r, key, "names more than %d places to look at", (int)CONSUMER_VERIFY_MAX);
            return false;
        }
        const char *endpoint = read_endpoint(r, c, key, text);
        if (endpoint == NULL)
            return false;
        if (!is_listed(list, c->verify_n, endpoint))
            list[c->verify_n++] = endpoint;
    }
    if (c->verify_n == 0)
        say(r, key, "is empty; write a port, or host:port");
    return c->verify_n > 0;
}

/* --- all of them --- */

static void keep(struct reading *r, const struct consumer *c)
{
    r->consumer = arena_alloc(r->a, sizeof *r->consumer);
    *r->consumer = *c;
}

/* True where the labels say nothing at all of it. */
static bool read_labels(struct reading *r, struct consumer *c)
{
    const char *use = container_label(r->c, "evercert.use");
    const char *change = container_label(r->c, "evercert.on-change");
    const char *verify = container_label(r->c, "evercert.verify");
    if (use == NULL && change == NULL && verify == NULL)
        return true;
    bool good = true;
    if (change != NULL) {
        c->key = "evercert.on-change";
        good = read_change(r, c, change);
    }
    c->key = use != NULL ? "evercert.use" : change != NULL ? "evercert.on-change" : "evercert.verify";
    good = (use != NULL ? read_uses(r, c, c->key, use) : use_own(r, c)) && good;
    if (good && verify != NULL && !read_verify(r, c, "evercert.verify", verify))
        c->verify_n = 0; /* it is told all the same */
    if (good)
        keep(r, c);
    return false;
}

void read_consumer(struct reading *r, bool labels)
{
    struct consumer c = {.holder = r->holder, .change = CHANGE_NONE, .value = ""};
    if (labels && !read_labels(r, &c))
        return;
    if (r->restart == NULL || r->restart_n == 0)
        return;
    c.key = r->restart;
    c.change = CHANGE_RESTART;
    use_names(r, &c, r->restarts, r->restart_n);
    keep(r, &c);
}

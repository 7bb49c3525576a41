/* Which entry of `dns:` does what the other client's DNS provider did. Credentials are not carried over: they
 * stand in files and variables of many forms, and an entry that is there has been checked. */
#include "base/attr.h"
#include "cli/import/plan.h"

#include <string.h>

/* What other clients call a provider (certbot's plug-in, acme.sh's script, lego's code), where it is called
 * otherwise here. Programs of theirs are run by entries with their dialect. */
static const struct {
    const char *theirs, *ours;
} names[] = {
    {"ali", "alidns"},
    {"aws", "route53"},
    {"azure", "azuredns"},
    {"acmedns", "acme-dns"},
    {"cf", "cloudflare"},
    {"dgon", "digitalocean"},
    {"dp", "dnspod"},
    {"gandi_livedns", "gandi"},
    {"gandiv5", "gandi"},
    {"gcloud", "googleclouddns"},
    {"gd", "godaddy"},
    {"google", "googleclouddns"},
    {"googledomains", "googleclouddns"},
    {"hetznercloud", "hetzner"},
    {"hook", "dehydrated"},
    {"linode_v4", "linode"},
    {"linodev4", "linode"},
    {"lua", "luadns"},
    {"manual", "certbot"},
    {"me", "dnsmadeeasy"},
    {"name.com", "namedotcom"},
    {"namecom", "namedotcom"},
    {"nsone", "ns1"},
    {"nsupdate", "rfc2136"},
    {"pdns", "powerdns"},
    {"tencent", "tencentcloud"},
};

static const char *ours(const char *theirs)
{
    if (strncmp(theirs, "dns_", 4) == 0 || strncmp(theirs, "dns-", 4) == 0)
        theirs += 4;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (strcmp(names[i].theirs, theirs) == 0)
            return names[i].ours;
    return theirs;
}

/* Whether it is that very script of acme.sh. */
static bool runs_script(const struct dns_entry *e, const char *theirs)
{
    for (size_t i = 0; strcmp(e->provider, "acme.sh") == 0 && i < e->value_n; i++) {
        const struct dns_value *v = &e->values[i];
        const char *slash = v->n == 1 ? strrchr(v->values[0], '/') : NULL;
        size_t n = strlen(theirs);
        if (strcmp(v->key, "script") == 0 && slash != NULL && strncmp(slash + 1, theirs, n) == 0 &&
            strcmp(slash + 1 + n, ".sh") == 0)
            return true;
    }
    return false;
}

const char *import_dns_entry(
    const struct settings *s, const struct import_certificate *c, struct arena *a, const char **why)
{
    const char *theirs = c->dns_provider, *found = NULL, *all = "";
    *why = "it needs dns-01, and with which provider it was proven is not known: write it into the "
           "configuration "
           "with an entry of dns";
    if (theirs[0] == '\0')
        return NULL;
    for (size_t i = 0; i < s->dns_n; i++) {
        const struct dns_entry *e = &s->dns[i];
        if (strcmp(e->provider, ours(theirs)) != 0 && !runs_script(e, theirs))
            continue;
        all = arena_printf(a, "%s%s%s", all, found != NULL ? ", " : "", e->name);
        *why = found == NULL
                   ? NULL
                   : arena_printf(a,
                         "it is proven by dns-01 with %s, for which there are several entries of dns (%s): "
                         "write it into the configuration with one of them",
                         theirs, all);
        found = e->name;
    }
    if (found == NULL)
        *why = arena_printf(a,
            "it is proven by dns-01 with %s: write an entry of dns for that first (evercert dns list %s "
            "shows how), "
            "and import again",
            theirs, ours(theirs));
    return *why == NULL ? found : NULL;
}

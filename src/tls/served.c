#include "tls/served.h"

#include "base/attr.h"
#include "base/buf.h"

#include <string.h>

/* Octets of an explanation. */
enum { WORDS_MAX = 1024 };

static bool is_previous(const struct served_rule *rule, const char *sha256)
{
    for (size_t i = 0; i < rule->previous_n; i++)
        if (strcmp(rule->previous[i], sha256) == 0)
            return true;
    return false;
}

static bool is_sent(const struct tls_seen *seen, const char *sha256)
{
    for (size_t i = 0; i < seen->chain_n; i++)
        if (strcmp(seen->chain[i].sha256, sha256) == 0)
            return true;
    return false;
}

/* "valid until ...", "expired on ...", of a certificate that is not the right one. */
static void say_until(struct buf *out, const struct served_rule *rule, const struct tls_cert *c)
{
    char when[TIME_TEXT_MAX];
    bool past = rule->now.s != 0 && c->not_after.s != 0 && c->not_after.s <= rule->now.s;
    buf_printf(out, "%s %s", past ? "expired on" : "valid until", wall_format(c->not_after, when));
}

static int another_leaf(const struct tls_seen *seen, const struct served_rule *rule, struct err *err)
{
    const struct tls_cert *leaf = &seen->chain[0];
    ATTR_CLEANUP(buf_free) struct buf text = buf_new(WORDS_MAX);
    if (is_previous(rule, leaf->sha256)) {
        buf_put_c(&text, "still serves an older one of ours (");
        say_until(&text, rule, leaf);
        buf_put_c(&text, "); does the server read the file that was renewed, and was it reloaded?");
    } else {
        buf_printf(&text, "serves another certificate: \"%s\"", leaf->subject);
        if (leaf->issuer[0] != '\0' && strcmp(leaf->issuer, leaf->subject) == 0)
            buf_put_c(&text, ", self-signed");
        else
            buf_printf(&text, " by \"%s\"", leaf->issuer);
        buf_put_c(&text, ", ");
        say_until(&text, rule, leaf);
        if (is_sent(seen, rule->fingerprint))
            buf_put_c(&text, "; ours stands behind it, so the file has its certificates in a wrong order");
    }
    return err_set(err, ERR_VERIFY, "%s %s", seen->address, buf_c(&text));
}

static size_t missing_links(const struct tls_seen *seen, const struct served_rule *rule, size_t *first)
{
    size_t n = 0;
    for (size_t i = rule->chain_n; i-- > 0;)
        if (strcmp(rule->chain_sha256[i], rule->fingerprint) != 0 && !is_sent(seen, rule->chain_sha256[i])) {
            *first = i;
            n++;
        }
    return n;
}

static int incomplete(const struct tls_seen *seen, const struct served_rule *rule, size_t first,
    size_t missing, struct err *err)
{
    const char *subject = rule->chain_subjects != NULL ? rule->chain_subjects[first] : "";
    char what[TLS_CERT_NAME_MAX + 16];
    if (subject[0] != '\0')
        snprintf(what, sizeof what, "\"%s\"", subject);
    else
        snprintf(what, sizeof what, "an issuer's");
    return err_set(err, ERR_VERIFY,
        "%s sends %zu of the chain's %zu certificates: %s%s missing; give the server fullchain.pem instead "
        "of cert.pem",
        seen->address, rule->chain_n - missing, rule->chain_n, what, missing > 1 ? " and more are" : " is");
}

static int judge_one(const struct tls_seen *seen, const struct served_rule *rule, struct err *err)
{
    size_t first = 0, missing;
    if (seen->err.code != 0)
        return err_set(err, seen->err.code, "%s: %s", seen->address, seen->err.text);
    if (seen->chain_n == 0)
        return err_set(err, ERR_TLS, "%s sends no certificate", seen->address);
    if (strcmp(seen->chain[0].sha256, rule->fingerprint) != 0)
        return another_leaf(seen, rule, err);
    missing = missing_links(seen, rule, &first);
    return missing > 0 ? incomplete(seen, rule, first, missing, err) : 0;
}

int served_judge(const struct tls_seen *seen, size_t n, const struct served_rule *rule, struct err *err)
{
    size_t reached = 0;
    for (size_t i = 0; i < n; i++) {
        if (seen[i].no_route)
            continue;
        reached++;
        int r = judge_one(&seen[i], rule, err);
        if (r < 0)
            return r;
    }
    if (reached > 0)
        return 0;
    if (n == 0)
        return err_set(err, ERR_NETWORK, "there is no address to look at");
    return err_set(
        err, ERR_NETWORK, "%s: %s; this machine has no way to it", seen[0].address, seen[0].err.text);
}

/* What is granted of claims: each rule of the judge, as a configuration and claims in lines of text.
 *
 * A claim is "ENGINE/ID created=N project=P service=S image=I network=N label=K:V swarm=1 staging=1
 * domains=a,b name=... authority=... dns=... key-type=... challenge=... profile=..."; what comes out is a
 * line for each claim, "CERTIFICATE" or "refused: REASON", and for each wish "NAME DOMAINS of HOLDERS". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/arena.h"
#include "base/attr.h"
#include "base/buf.h"
#include "base/str.h"
#include "base/time.h"
#include "containers/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { CASE_CLAIMS_MAX = 8, ITEMS_MAX = 16, SHUFFLES = 20 };

static struct settings settings_of(struct arena *a, const char *yaml)
{
    struct settings s;
    struct err err = ERR_INIT;
    if (settings_parse("f.yaml", str_c(yaml), a, &s, NULL, &err) < 0)
        fail_msg("%s", err.text);
    return s;
}

static size_t split(struct arena *a, struct str text, const char **out)
{
    struct str item;
    size_t n = 0;
    for (bool more = true; more; n++) {
        more = str_cut(text, ',', &item, &text);
        assert_true(n < ITEMS_MAX);
        out[n] = arena_dup(a, item);
    }
    return n;
}

static void set(struct claim *c, struct arena *a, const char *key, struct str value)
{
    struct holder *h = &c->holder;
    const char *text = arena_dup(a, value);
    const char **list = arena_array(a, ITEMS_MAX, sizeof *list);
    struct pair *label = arena_alloc(a, sizeof *label);
    if (strcmp(key, "created") == 0)
        h->created_s = strtol(text, NULL, 10);
    else if (strcmp(key, "project") == 0)
        h->project = text;
    else if (strcmp(key, "service") == 0)
        h->service_name = text;
    else if (strcmp(key, "image") == 0)
        h->image = text;
    else if (strcmp(key, "swarm") == 0)
        h->service = true;
    else if (strcmp(key, "staging") == 0)
        c->staging = true;
    else if (strcmp(key, "network") == 0) {
        h->network_n = split(a, value, list);
        h->networks = list;
    } else if (strcmp(key, "label") == 0) {
        struct str name, rest;
        (void)str_cut(value, ':', &name, &rest);
        *label = (struct pair){arena_dup(a, name), arena_dup(a, rest)};
        h->labels = label;
        h->label_n = 1;
    } else if (strcmp(key, "domains") == 0) {
        c->domain_n = split(a, value, list);
        c->domains = list;
    } else {
        struct wish_option *options = arena_array(a, c->option_n + 1, sizeof *options);
        if (c->option_n > 0)
            memcpy(options, c->options, c->option_n * sizeof *options);
        options[c->option_n++] = (struct wish_option){arena_dup_c(a, key), text};
        c->options = options;
    }
}

static struct claim claim_of(struct arena *a, const char *text)
{
    struct claim c = {
        .holder = {.engine = "", .image = "", .project = "", .service_name = ""}, .key = "evercert.domains"};
    struct str word, rest = str_c(text), key, value;
    (void)str_cut(rest, ' ', &word, &rest);
    (void)str_cut(word, '/', &key, &value);
    c.holder.engine = arena_dup(a, key);
    c.holder.id = c.holder.name = arena_dup(a, value);
    for (bool more = true; more;) {
        more = str_cut(rest, ' ', &word, &rest);
        (void)str_cut(word, '=', &key, &value);
        set(&c, a, arena_dup(a, key), value);
    }
    return c;
}

/* What became of the claim, and whose the wish is. */
static const char *fate(const struct judgement *j, const struct claim *claims, size_t i, struct arena *a)
{
    const struct verdict *v = &j->verdicts[i];
    assert_ptr_equal(v->claim, &claims[i]);
    if (v->wish == SIZE_MAX) {
        assert_string_not_equal(v->reason, "");
        return arena_printf(a, "refused: %s", v->reason);
    }
    assert_true(v->wish < j->wish_n);
    assert_string_equal(v->reason, "");
    const struct wish *w = &j->wishes[v->wish];
    const char *line = arena_printf(a, "%s:", w->name);
    for (size_t k = 0; k < w->domain_n; k++)
        line = arena_printf(a, "%s %s", line, w->domains[k]);
    return arena_printf(a, "%s of %s", line, j->holders[v->wish]);
}

/* What must hold of every judgement. */
static void check_whole(const struct judgement *j, size_t n)
{
    for (size_t i = 0; i + 1 < j->wish_n; i++)
        assert_true(strcmp(j->wishes[i].name, j->wishes[i + 1].name) < 0);
    for (size_t i = 0; i < j->wish_n; i++) {
        bool found = false;
        for (size_t k = 0; k < n; k++)
            found = found || j->verdicts[k].wish == i;
        assert_true(found);
    }
}

struct example {
    const char *yaml;
    const char *claims[CASE_CLAIMS_MAX], *fates[CASE_CLAIMS_MAX];
};

/* The claims in every order give the same: those of one container keep theirs. */
static void expect_fates(const struct example *e)
{
    struct arena *a = arena_new();
    struct settings s = settings_of(a, e->yaml);
    struct claim claims[CASE_CLAIMS_MAX];
    size_t n = 0, at[CASE_CLAIMS_MAX];
    unsigned seed = 7;
    for (; n < CASE_CLAIMS_MAX && e->claims[n] != NULL; n++)
        at[n] = n;
    for (int round = 0; round < SHUFFLES; round++) {
        struct judgement j;
        for (size_t i = 0; i < n; i++)
            claims[i] = claim_of(a, e->claims[at[i]]);
        claims_judge(&s, claims, n, a, &j);
        check_whole(&j, n);
        for (size_t i = 0; i < n; i++)
            assert_string_equal(fate(&j, claims, i, a), e->fates[at[i]]);
        for (size_t i = n; i > 1; i--) {
            seed = seed * 1103515245u + 12345u;
            size_t k = seed / 65536 % i, had = at[k];
            if (strcmp(claims[k].holder.id, claims[i - 1].holder.id) == 0)
                continue;
            at[k] = at[i - 1];
            at[i - 1] = had;
        }
        /* Within one container the order is the container's own. */
        for (size_t i = 0; i < n; i++)
            for (size_t k = i + 1; k < n; k++) {
                struct claim x = claim_of(a, e->claims[at[i]]), y = claim_of(a, e->claims[at[k]]);
                if (strcmp(x.holder.id, y.holder.id) == 0 && at[i] > at[k]) {
                    size_t had = at[k];
                    at[k] = at[i];
                    at[i] = had;
                }
            }
    }
    arena_free(a);
}

#define POLICY(rows) "docker: {policy: [" rows "]}\n"
#define WEB          POLICY("{allow: [\"*.example\"], project: web}")

static const struct example selectors[] = {
    {"",
        {"e/a domains=a.example project=shop", "e/b domains=*.b.example,b.example image=nginx:1",
            "e/c domains=c.example"},
        {"refused: docker.policy is empty, so nobody is allowed anything; to allow it: docker: {policy: "
         "[{allow: "
         "[a.example], project: shop}]}",
            "refused: docker.policy is empty, so nobody is allowed anything; to allow it: docker: {policy: "
            "[{allow: [\"*.b.example\", b.example], image: \"nginx:1\"}]}",
            "refused: docker.policy is empty, so nobody is allowed anything; to allow it: docker: {policy: "
            "[{allow: [c.example]}]}"}},
    {WEB,
        {"e/a domains=a.example project=web", "e/b domains=b.example project=shop",
            "e/c domains=c.example,c.test,d.test project=web", "e/d domains=example project=web name=x"},
        {"a.example: a.example of container a (project web)",
            "refused: no row of docker.policy allows b.example for it; to allow it: docker: {policy: "
            "[{allow: "
            "[b.example], project: shop}]}",
            "refused: no row of docker.policy allows c.test for it; to allow it: docker: {policy: [{allow: "
            "[c.test, d.test], project: web}]}",
            "x: example of container d (project web)"}},
    /* Each selector, and all of them together. */
    {"docker: {engines: {far: {socket: 'unix:///x'}}, policy: [{allow: a.test, engine: [far, \"n*r\"]}, "
     "{allow: b.test, service: [\"w*b\"]}, {allow: c.test, image: \"reg/*\"}, {allow: d.test, network: "
     "[front, "
     "\"x*\"]}, {allow: e.test, label: {k: \"v*\"}}]}\n",
        {"near/1 domains=a.test", "e/2 domains=x.a.test", "e/3 domains=b.test service=web",
            "e/4 domains=c.test image=reg/x:1", "e/5 domains=d.test network=back,front",
            "e/6 domains=x.d.test network=back", "e/7 domains=e.test label=k:v1",
            "e/8 domains=x.e.test label=k:w"},
        {"a.test: a.test of container 1",
            "refused: no row of docker.policy allows x.a.test for it; to allow it: docker: {policy: [{allow: "
            "[x.a.test]}]}",
            "b.test: b.test of container 3", "c.test: c.test of container 4", "d.test: d.test of container 5",
            "refused: no row of docker.policy allows x.d.test for it; to allow it: docker: {policy: [{allow: "
            "[x.d.test]}]}",
            "e.test: e.test of container 7",
            "refused: no row of docker.policy allows x.e.test for it; to allow it: docker: {policy: [{allow: "
            "[x.e.test]}]}"}},
    {POLICY("{allow: \"*\", project: [\"cust-*\", plain], image: nginx}"),
        {"e/1 domains=a.test project=cust-1 image=nginx", "e/2 domains=b.test project=cust-1 image=other",
            "e/3 domains=c.test project=plain image=nginx", "e/4 domains=d.test project=plai image=nginx"},
        {"a.test: a.test of container 1 (project cust-1)",
            "refused: no row of docker.policy allows b.test for it; to allow it: docker: {policy: [{allow: "
            "[b.test], project: cust-1}]}",
            "c.test: c.test of container 3 (project plain)",
            "refused: no row of docker.policy allows d.test for it; to allow it: docker: {policy: [{allow: "
            "[d.test], project: plai}]}"}},
    /* Names of one claim by rows of several. */
    {POLICY("{allow: a.test, project: web}, {allow: b.test, service: app}"),
        {"e/1 domains=a.test,b.test project=web service=app"},
        {"a.test: a.test b.test of container 1 (project web)"}},
};

#define DNS "challenge: dns-01\ndns: {corp: {provider: rfc2136}}\n"

static const struct example patterns[] = {
    {POLICY("{allow: [=one.test, sub.two.test]}"),
        {"e/1 domains=one.test", "e/2 domains=x.one.test", "e/3 domains=two.test",
            "e/4 domains=a.b.sub.two.test", "e/5 domains=xsub.two.test", "e/6 domains=sub.two.test"},
        {"one.test: one.test of container 1",
            "refused: no row of docker.policy allows x.one.test for it; to allow it: docker: {policy: "
            "[{allow: "
            "[x.one.test]}]}",
            "refused: no row of docker.policy allows two.test for it; to allow it: docker: {policy: [{allow: "
            "[two.test]}]}",
            "a.b.sub.two.test: a.b.sub.two.test of container 4",
            "refused: no row of docker.policy allows xsub.two.test for it; to allow it: docker: {policy: "
            "[{allow: "
            "[xsub.two.test]}]}",
            "sub.two.test: sub.two.test of container 6"}},
    {DNS POLICY("{allow: [a.test, =b.test, \"=*.c.test\"]}"),
        {"e/1 domains=*.a.test", "e/2 domains=*.x.a.test", "e/3 domains=*.b.test", "e/4 domains=*.c.test",
            "e/5 domains=x.c.test", "e/6 domains=*.test"},
        {"a.test: *.a.test of container 1", "x.a.test: *.x.a.test of container 2",
            "refused: no row of docker.policy allows *.b.test for it; to allow it: docker: {policy: [{allow: "
            "[\"*.b.test\"]}]}",
            "c.test: *.c.test of container 4",
            "refused: no row of docker.policy allows x.c.test for it; to allow it: docker: {policy: [{allow: "
            "[x.c.test]}]}",
            "refused: no row of docker.policy allows *.test for it; to allow it: docker: {policy: [{allow: "
            "[\"*.test\"]}]}"}},
    /* An address has nothing above it. */
    {POLICY("{allow: [192.0.2.1, \"=2001:db8::1\"]}"),
        {"e/1 domains=192.0.2.1", "e/2 domains=192.0.2.9", "e/3 domains=2001:db8::1"},
        {"192.0.2.1: 192.0.2.1 of container 1",
            "refused: no row of docker.policy allows 192.0.2.9 for it; to allow it: docker: {policy: "
            "[{allow: "
            "[\"192.0.2.9\"]}]}",
            "2001-db8--1: 2001:db8::1 of container 3"}},
    /* A name of a certificate that looks like another's site. */
    {WEB,
        {"e/1 domains=a.example name=bank.test project=web",
            "e/2 domains=b.example name=c.example project=web",
            "e/3 domains=d.example name=D.Test project=web",
            "e/4 domains=e.example name=any-thing project=web"},
        {"refused: no row of docker.policy allows bank.test for it; to allow it: docker: {policy: [{allow: "
         "[bank.test], project: web}]}",
            "c.example: b.example of container 2 (project web)",
            "refused: no row of docker.policy allows d.test for it; to allow it: docker: {policy: [{allow: "
            "[d.test], project: web}]}",
            "any-thing: e.example of container 4 (project web)"}},
};

static const struct example options[] = {
    {WEB,
        {"e/1 domains=a.example project=web webroot=/etc",
            "e/2 domains=b.example project=web csr-file=/etc/shadow",
            "e/3 domains=c.example project=web deploy=true",
            "e/4 domains=d.example project=web key-type=ecdsa", "e/5 domains=*.example project=web",
            "e/6 domains=f.example project=web name=../f", "e/7 domains=g.example,not_a_name project=web",
            "e/8 domains=h.example project=web dns=nowhere"},
        {"refused: webroot is nothing that a container may ask for",
            "refused: csr-file is nothing that a container may ask for",
            "refused: deploy is nothing that a container may ask for",
            "refused: key-type: expected one of ecdsa-p256, ecdsa-p384, rsa-2048, rsa-3072, rsa-4096, found "
            "\"ecdsa\"",
            "refused: domain: the wildcard *.example cannot be proven by http-01, only by the DNS; set "
            "challenge: "
            "dns-01, and dns: to the entry of dns that has the credentials",
            "refused: name: the name \"../f\" begins with '.'; begin with a letter or digit",
            "refused: domain: \"not_a_name\" is no DNS name to order a certificate for: the octet 0x5f may "
            "not occur in a host name",
            "refused: dns: there is no entry nowhere of dns, nor any other; write dns: {nowhere: {provider: "
            "...}} "
            "with what `evercert dns list PROVIDER` shows"}},
};

#define TWO_DNS "dns: {corp: {provider: rfc2136}, other: {provider: rfc2136}}\n"

static const struct example limits[] = {
    /* Authorities that are named. */
    {POLICY("{allow: a.test, authority: [letsencrypt-staging, own]}, {allow: b.test}") "authorities: {own: "
                                                                                       "{directory: "
                                                                                       "\"https://own.test/"
                                                                                       "dir\", staging: "
                                                                                       "\"https://own.test/"
                                                                                       "try\"}}\n",
        {"e/1 domains=1.a.test authority=own", "e/2 domains=2.a.test authority=letsencrypt",
            "e/3 domains=3.a.test authority=https://own.test/dir",
            "e/4 domains=4.b.test authority=letsencrypt", "e/5 domains=5.b.test authority=own",
            "e/6 domains=6.b.test,6.a.test authority=letsencrypt",
            "e/7 domains=7.b.test authority=https://evil.test/dir",
            "e/8 domains=8.a.test authority=own,letsencrypt"},
        {"1.a.test: 1.a.test of container 1",
            "refused: docker.policy[0], which allows 2.a.test for it, allows another authority than "
            "letsencrypt; "
            "to allow it, add it to authority of that row",
            "3.a.test: 3.a.test of container 3", "4.b.test: 4.b.test of container 4",
            "refused: docker.policy[1], which allows 5.b.test for it, allows another authority than own; to "
            "allow "
            "it, add it to authority of that row",
            "refused: docker.policy[0], which allows 6.a.test for it, allows another authority than "
            "letsencrypt; "
            "to allow it, add it to authority of that row",
            "refused: docker.policy[1], which allows 7.b.test for it, allows another authority than "
            "https://evil.test/dir; to allow it, add it to authority of that row",
            "refused: docker.policy[0], which allows 8.a.test for it, allows another authority than own; to "
            "allow "
            "it, add it to authority of that row"}},
    /* A later row may have nothing against it. */
    {POLICY("{allow: a.test, authority: letsencrypt-staging}, {allow: a.test, project: web}"),
        {"e/1 domains=a.test project=web authority=letsencrypt",
            "e/2 domains=x.a.test authority=letsencrypt"},
        {"a.test: a.test of container 1 (project web)", "refused: docker.policy[0], which allows x.a.test "
                                                        "for it, allows another authority than letsencrypt; "
                                                        "to allow it, add it to authority of that row"}},
    {POLICY("{allow: a.test, authority: letsencrypt-staging}, {allow: b.test}"),
        {"e/1 domains=a.test,b.test"},
        {"refused: the rows of docker.policy that allow its names have no authority in common"}},
    /* Entries of dns. */
    {TWO_DNS POLICY("{allow: a.test, dns: corp}, {allow: b.test}"),
        {"e/1 domains=a.test dns=corp", "e/2 domains=x.a.test dns=other", "e/3 domains=b.test dns=other",
            "e/4 domains=x.b.test,y.a.test dns=other", "e/5 domains=z.a.test"},
        {"a.test: a.test of container 1",
            "refused: docker.policy[0], which allows x.a.test for it, allows another entry of dns than "
            "other; to "
            "allow it, add it to dns of that row",
            "b.test: b.test of container 3",
            "refused: docker.policy[0], which allows y.a.test for it, allows another entry of dns than "
            "other; to "
            "allow it, add it to dns of that row",
            "z.a.test: z.a.test of container 5"}},
    /* How many. */
    {POLICY("{allow: a.test, max-names: 2}"),
        {"e/1 created=1 domains=1.a.test", "e/2 created=2 domains=2.a.test,3.a.test",
            "e/3 created=3 domains=4.a.test", "e/4 created=4 domains=5.a.test",
            "e/5 created=5 domains=b.test"},
        {"1.a.test: 1.a.test of container 1",
            "refused: docker.policy[0], which allows 3.a.test for it, grants 2 names at most, and has; to "
            "allow "
            "it, raise max-names of that row",
            "4.a.test: 4.a.test of container 3",
            "refused: docker.policy[0], which allows 5.a.test for it, grants 2 names at most, and has; to "
            "allow "
            "it, raise max-names of that row",
            "refused: no row of docker.policy allows b.test for it; to allow it: docker: {policy: [{allow: "
            "[b.test]}]}"}},
    /* What one row has no room for another may have; a replica takes no room. */
    {POLICY("{allow: a.test, max-names: 1}, {allow: a.test, project: web, max-names: 1}"),
        {"e/1 created=1 domains=1.a.test project=p service=s",
            "e/2 created=2 domains=1.a.test project=p service=s",
            "e/3 created=3 domains=2.a.test project=web", "e/4 created=4 domains=3.a.test project=web"},
        {"1.a.test: 1.a.test of container 1 (project p) and 1 more",
            "1.a.test: 1.a.test of container 1 (project p) and 1 more",
            "2.a.test: 2.a.test of container 3 (project web)",
            "refused: docker.policy[0], which allows 3.a.test for it, grants 1 names at most, and has; to "
            "allow "
            "it, raise max-names of that row"}},
    /* Refused for another reason, it takes no room. */
    {POLICY("{allow: a.test, max-names: 1}") "certificates: [{name: n, domains: 1.a.test}]\n",
        {"e/1 created=1 domains=1.a.test", "e/2 created=2 domains=2.a.test"},
        {"refused: 1.a.test is in the certificate n of the configuration already",
            "2.a.test: 2.a.test of container 2"}},
};

static const struct example owners[] = {
    /* Who was there first, by age, engine and id. */
    {POLICY("{allow: \"*\"}"),
        {"e/1 created=5 domains=a.test", "e/2 created=4 domains=b.test,a.test",
            "e/3 created=6 domains=c.test name=b.test", "e/4 created=6 domains=d.test name=x",
            "d/5 created=6 domains=e.test name=x",
            "e/6 created=7 domains=f.test name=y key-type=ecdsa-p256,rsa-2048",
            "e/7 created=8 domains=g.test name=y-rsa", "e/8 created=9 domains=b.test,a.test"},
        {"refused: a.test is in the certificate b.test of container 2 already",
            "b.test: b.test a.test of container 2",
            "refused: there is a certificate b.test of container 2 already; give this one another name",
            "refused: there is a certificate x of container 5 already; give this one another name",
            "x: e.test of container 5", "y: f.test of container 6",
            "refused: there is a certificate y-rsa of container 6 already; give this one another name",
            "refused: b.test is in the certificate b.test of container 2 already"}},
    /* The same service of the same project asks for the same. */
    {POLICY("{allow: \"*\"}"),
        {"e/1 created=1 project=p service=s domains=a.test",
            "f/2 created=2 project=p service=s domains=a.test",
            "e/3 created=3 project=q service=s domains=a.test",
            "e/4 created=4 project=p service=t domains=a.test",
            "e/5 created=5 project=p service=s domains=a.test,b.test",
            "e/6 created=6 project=p service=s domains=a.test name=a.test",
            "e/7 created=7 project=p service=s domains=a.test key-type=rsa-2048"},
        {"a.test: a.test of container 1 (project p) and 2 more",
            "a.test: a.test of container 1 (project p) and 2 more",
            "refused: a.test is in the certificate a.test of container 1 (project p) already",
            "refused: a.test is in the certificate a.test of container 1 (project p) already",
            "refused: a.test is in the certificate a.test of container 1 (project p) already",
            "a.test: a.test of container 1 (project p) and 2 more",
            "refused: a.test is in the certificate a.test of container 1 (project p) already"}},
    /* Without a project a service of that name on another engine is another one; and whom nothing is allowed
     * joins nobody. */
    {POLICY("{allow: a.test, image: i}"),
        {"e/1 created=1 service=s image=i domains=a.test", "f/2 created=2 service=s image=i domains=a.test",
            "e/3 created=3 service=s image=i domains=a.test",
            "e/4 created=4 service=s image=j domains=a.test"},
        {"a.test: a.test of container 1 and 1 more",
            "refused: a.test is in the certificate a.test of container 1 already",
            "a.test: a.test of container 1 and 1 more",
            "refused: no row of docker.policy allows a.test for it; to allow it: docker: {policy: [{allow: "
            "[a.test], image: j}]}"}},
    /* One container, twice. */
    {POLICY("{allow: \"*\"}"),
        {"e/1 domains=a.test", "e/1 domains=a.test", "e/1 domains=b.test,a.test", "e/1 domains=c.test"},
        {"a.test: a.test of container 1 and 1 more", "a.test: a.test of container 1 and 1 more",
            "refused: a.test is in the certificate a.test of container 1 already",
            "c.test: c.test of container 1"}},
    /* The configuration comes first. */
    {POLICY("{allow: \"*\"}") "certificates: [{domains: a.test, key-type: [ecdsa-p256, rsa-2048]}]\n",
        {"e/1 domains=a.test", "e/2 domains=b.test,a.test", "e/3 domains=c.test name=a.test-rsa",
            "e/4 domains=d.test"},
        {"refused: a.test is in the certificate a.test of the configuration already",
            "refused: a.test is in the certificate a.test of the configuration already",
            "refused: there is a certificate a.test-rsa of the configuration already; give this one another "
            "name",
            "d.test: d.test of container 4"}},
    /* Nobody's file is overwritten. */
    {"docker: {policy: [{allow: \"*\"}], publish: [{format: cert, path: \"/s/{name}\"}, {format: chain, "
     "path: "
     "\"/s/{name}.pem\"}]}\n"
     "templates: [{source: /t, output: /s/a}]\n"
     "certificates: [{domains: z.test, publish: [{format: cert, path: /s/b}]}]\n",
        {"e/1 created=1 domains=a.test name=a", "e/2 created=2 domains=b.test name=b",
            "e/3 created=3 domains=c.test name=c", "e/4 created=4 domains=d.test name=c.pem",
            "e/5 created=5 domains=e.test name=e"},
        {"refused: its copy (docker.publish) would go to /s/a, which is a file of a template of the "
         "configuration",
            "refused: its copy (docker.publish) would go to /s/b, which is a file of the configuration",
            "c: c.test of container 3",
            "refused: its copy (docker.publish) would go to /s/c.pem, which is a file of container 3",
            "e: e.test of container 5"}},
    /* Titles are clean. */
    {POLICY("{allow: \"*\"}"), {"e/a\033[1m domains=a.test project=p\nq swarm=1 service=w\302\205"},
        {"a.test: a.test of service w? (project p q)"}},
};

static const struct example stagings[] = {
    {POLICY("{allow: \"*\", authority: [letsencrypt, own, with]}") "authorities: {own: {directory: "
                                                                   "\"https://own.test/dir\"}, with: "
                                                                   "{directory: \"https://with.test/dir\", "
                                                                   "staging: \"https://with.test/try\"}}\n",
        {"e/1 domains=a.test staging=1", "e/2 domains=b.test staging=1 authority=own",
            "e/3 domains=c.test staging=1 authority=with",
            "e/4 domains=d.test authority=https://with.test/try",
            "e/5 domains=e.test authority=https://with.test/try staging=1"},
        {"a.test: a.test of container 1",
            "refused: authority own has no staging directory; set authorities.own.staging to one, or do not "
            "ask "
            "for staging",
            "c.test: c.test of container 3", "d.test: d.test of container 4",
            "e.test: e.test of container 5"}},
};

#define EXPECT_ALL(list)                              \
    for (size_t i_ = 0; i_ < ARRAY_LEN(list); i_++) { \
        expect_fates(&(list)[i_]);                    \
    }

static void rows_are_for_who_fits(void **state)
{
    EXPECT_ALL(selectors);
}

static void names_are_allowed_by_patterns(void **state)
{
    EXPECT_ALL(patterns);
}

static void options_are_what_a_configuration_takes(void **state)
{
    EXPECT_ALL(options);
}

static void rows_have_limits(void **state)
{
    EXPECT_ALL(limits);
}

static void what_is_anothers_is_refused(void **state)
{
    EXPECT_ALL(owners);
}

static void staging_needs_a_directory(void **state)
{
    EXPECT_ALL(stagings);
}

static const struct wish *wish_of(const char *yaml, const char *text, struct arena *a)
{
    struct settings *s = arena_alloc(a, sizeof *s);
    struct claim *c = arena_alloc(a, sizeof *c);
    struct judgement j;
    *s = settings_of(a, yaml);
    *c = claim_of(a, text);
    claims_judge(s, c, 1, a, &j);
    if (j.wish_n != 1)
        fail_msg("%s", j.verdicts[0].reason);
    return &j.wishes[0];
}

/* Options, defaults, what docker says of all certificates, and the authorities that come out. */
static void wishes_are_whole(void **state)
{
    static const char yaml[] =
        "webroot: /srv/w\nauthority: [letsencrypt, own]\nretry: 1h\n"
        "authorities: {own: {directory: \"https://own.test/dir\", staging: \"https://own.test/try\"}}\n"
        "docker:\n"
        "  policy: [{allow: a.test}, {allow: b.test, authority: own}, {allow: c.test, authority: "
        "letsencrypt-staging}]\n"
        "  publish: [{format: key, path: \"/s/{name}.key\"}]\n"
        "  deploy: [{run: [systemctl, reload, nginx]}]\n";
    struct arena *a = arena_new();
    const struct wish *w =
        wish_of(yaml, "e/1 domains=a.test key-type=rsa-2048,ecdsa-p256 profile=p name=n", a);
    assert_string_equal(w->name, "n");
    assert_string_equal(w->webroot, "/srv/w");
    assert_string_equal(w->profile, "p");
    assert_int_equal(w->key_type_n, 2);
    assert_int_equal(w->retry_s, 3600);
    assert_int_equal(w->publication_n, 1);
    assert_string_equal(w->publications[0].path, "/s/{name}.key");
    assert_int_equal(w->deploy_n, 1);
    assert_string_equal(w->deploys[0].argv[2], "nginx");
    assert_int_equal(w->authority_n, 2);
    assert_string_equal(w->authorities[1], "own");
    /* What is wished for survives its JSON, as the keeper reads it. */
    struct buf text = buf_new(WISH_TEXT_MAX);
    struct wish again;
    struct err err = ERR_INIT;
    wish_encode(w, &text);
    if (wish_decode(buf_str(&text), a, &again, &err) < 0)
        fail_msg("%s", err.text);
    buf_free(&text);
    w = wish_of(yaml, "e/1 domains=b.test", a);
    assert_int_equal(w->authority_n, 1);
    assert_string_equal(w->authorities[0], "own");
    w = wish_of(yaml, "e/1 domains=c.test", a);
    assert_int_equal(w->authority_n, 1);
    assert_string_equal(w->authorities[0], "letsencrypt-staging");
    w = wish_of(yaml, "e/1 domains=b.test staging=1", a);
    assert_string_equal(w->authorities[0], "https://own.test/try");
    w = wish_of(yaml, "e/1 domains=b.test authority=https://own.test/dir", a);
    assert_string_equal(w->authorities[0], "own");
    w = wish_of(yaml, "e/1 domains=b.test authority=https://own.test/try", a);
    assert_string_equal(w->authorities[0], "https://own.test/try");
    w = wish_of(yaml, "e/1 domains=b.test authority=own,https://own.test/dir", a);
    assert_int_equal(w->authority_n, 1);
    w = wish_of(yaml, "e/1 domains=b.test staging=1 authority=own,https://own.test/try", a);
    assert_int_equal(w->authority_n, 1);
    assert_string_equal(w->authorities[0], "https://own.test/try");
    w = wish_of(yaml, "e/1 domains=a.test staging=1", a);
    assert_int_equal(w->authority_n, 2);
    assert_string_equal(w->authorities[0], "https://acme-staging-v02.api.letsencrypt.org/directory");
    arena_free(a);
}

/* Whatever a pattern is, an address is not below it. */
static void addresses_are_below_nothing(void **state)
{
    static const char *const allow[] = {"0.2.1", "1"};
    const struct docker_policy row = {.allow = allow, .allow_n = ARRAY_LEN(allow)};
    struct arena *a = arena_new();
    struct settings s = settings_of(a, "");
    struct claim c = claim_of(a, "e/1 domains=192.0.2.1");
    struct judgement j;
    s.docker.policy = &row;
    s.docker.policy_n = 1;
    claims_judge(&s, &c, 1, a, &j);
    assert_int_equal(j.wish_n, 0);
    arena_free(a);
}

static void nothing_asked_is_nothing_granted(void **state)
{
    struct arena *a = arena_new();
    struct settings s = settings_of(a, WEB);
    struct judgement j;
    claims_judge(&s, NULL, 0, a, &j);
    assert_int_equal(j.wish_n, 0);
    arena_free(a);
}

/* A platform: a row for each of 1,000 customers, and 10 containers of each. The limit is many times of what
 * it takes, and a hundredth of what comparing each with each would. */
static void thousands_are_judged_at_once(void **state)
{
    enum { CUSTOMERS = 1000, EACH = 10 };
    struct arena *a = arena_new();
    struct buf yaml = buf_new(1 << 20);
    struct claim *claims = arena_array(a, (size_t)CUSTOMERS * EACH, sizeof *claims);
    struct judgement j;
    buf_put_c(&yaml, "docker:\n  policy:\n");
    for (int i = 0; i < CUSTOMERS; i++)
        buf_printf(&yaml, "    - {allow: [c%d.test, \"*\"], project: p%d, max-names: 9}\n", i, i);
    for (int i = 0; i < CUSTOMERS * EACH; i++)
        claims[i] =
            claim_of(a, arena_printf(a, "e/%d created=%d project=p%d domains=n%d.c%d.test,www.n%d.c%d.test",
                            i, i, i % CUSTOMERS, i, i % CUSTOMERS, i, i % CUSTOMERS));
    struct settings s = settings_of(a, buf_c(&yaml));
    struct mono before = clock_mono(&system_clock);
    claims_judge(&s, claims, (size_t)CUSTOMERS * EACH, a, &j);
    int64_t took = clock_mono(&system_clock).ms - before.ms;
    print_message("%d claims took %d ms\n", CUSTOMERS * EACH, (int)took);
    /* Four of two names each are within nine. */
    assert_int_equal(j.wish_n, 4 * CUSTOMERS);
    buf_free(&yaml);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_for_who_fits),
        cmocka_unit_test(names_are_allowed_by_patterns),
        cmocka_unit_test(options_are_what_a_configuration_takes),
        cmocka_unit_test(rows_have_limits),
        cmocka_unit_test(what_is_anothers_is_refused),
        cmocka_unit_test(staging_needs_a_directory),
        cmocka_unit_test(wishes_are_whole),
        cmocka_unit_test(addresses_are_below_nothing),
        cmocka_unit_test(nothing_asked_is_nothing_granted),
        cmocka_unit_test(thousands_are_judged_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

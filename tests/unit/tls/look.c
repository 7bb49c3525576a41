/* A look at a server by hand and for the tests of real ones: what it saw, as JSON on standard output.
 *
 *   look HOST PORT [starttls=WORD] [name=SNI] [key=rsa|ecdsa] [timeout=MS] [dns=SERVER] [chain=FILE]
 *
 * chain: the PEM chain that has to be served; "judgement" is what served_judge says, null when all is well.
 * The exit status is 0 where there was anything to look at. */
#include "tls/served.h"

#include "base/arena.h"
#include "base/attr.h"

#include <event2/event.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct look {
    struct arena *arena;
    const char *starttls, *name, *key, *timeout, *dns, *chain;
    int status;
};

static _Noreturn void end(const char *what, const struct err *err)
{
    fprintf(stderr, "look: %s%s%s\n", what, err != NULL ? ": " : "", err != NULL ? err->text : "");
    exit(2);
}

static struct str read_file(struct arena *a, const char *path)
{
    enum { MAX = 256 * 1024 };
    FILE *f = fopen(path, "re");
    if (f == NULL)
        end("cannot read the chain", NULL);
    char *p = arena_alloc(a, MAX);
    size_t n = fread(p, 1, MAX, f);
    fclose(f);
    return (struct str){p, n};
}

static json_t *judgement(const struct look *k, const struct tls_seen *seen, size_t n)
{
    struct err err = ERR_INIT;
    const struct tls_cert *chain = NULL;
    size_t chain_n = 0;
    if (tls_chain_read(read_file(k->arena, k->chain), k->arena, &chain, &chain_n, &err) < 0)
        end(k->chain, &err);
    const char **hashes = arena_array(k->arena, chain_n, sizeof *hashes);
    const char **subjects = arena_array(k->arena, chain_n, sizeof *subjects);
    for (size_t i = 0; i < chain_n; i++) {
        hashes[i] = chain[i].sha256;
        subjects[i] = chain[i].subject;
    }
    struct served_rule rule = {.fingerprint = hashes[0],
        .chain_sha256 = hashes,
        .chain_subjects = subjects,
        .chain_n = chain_n,
        .now = clock_wall(&system_clock)};
    return served_judge(seen, n, &rule, &err) == 0 ? json_null() : json_string(err.text);
}

static json_t *certificates(const struct tls_seen *seen)
{
    json_t *list = json_array();
    for (size_t i = 0; i < seen->chain_n; i++)
        json_array_append_new(list, json_pack("{s:s, s:s, s:s}", "sha256", seen->chain[i].sha256, "subject",
                                        seen->chain[i].subject, "issuer", seen->chain[i].issuer));
    return list;
}

static void on_seen(const struct tls_seen *seen, size_t n, const struct err *why, void *arg)
{
    struct look *k = arg;
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(
            list, json_pack("{s:s, s:s, s:s, s:b, s:o, s:I, s:I}", "address", seen[i].address, "code",
                      err_name(seen[i].err.code), "error", seen[i].err.text, "no_route",
                      (int)seen[i].no_route, "chain", certificates(&seen[i]), "not_before",
                      (json_int_t)seen[i].not_before.s, "not_after", (json_int_t)seen[i].not_after.s));
    json_t *all = json_pack("{s:o, s:s?, s:o}", "seen", list, "why", why != NULL ? why->text : NULL,
        "judgement", k->chain != NULL ? judgement(k, seen, n) : json_null());
    json_dumpf(all, stdout, JSON_INDENT(2));
    fputc('\n', stdout);
    json_decref(all);
    k->status = why != NULL;
}

static void read_words(struct look *k, char **argv)
{
    const struct {
        const char *name;
        const char **to;
    } words[] = {{"starttls=", &k->starttls}, {"name=", &k->name}, {"key=", &k->key},
        {"timeout=", &k->timeout}, {"dns=", &k->dns}, {"chain=", &k->chain}};
    for (; *argv != NULL; argv++) {
        size_t i = 0;
        while (i < ARRAY_LEN(words) && strncmp(*argv, words[i].name, strlen(words[i].name)) != 0)
            i++;
        if (i == ARRAY_LEN(words))
            end(*argv, NULL);
        *words[i].to = *argv + strlen(words[i].name);
    }
}

int main(int argc, char **argv)
{
    struct look k = {.arena = arena_new(), .starttls = "", .name = "", .key = "", .timeout = "0"};
    struct err err = ERR_INIT;
    if (argc < 3)
        end("look HOST PORT [WORD=VALUE]...", NULL);
    read_words(&k, argv + 3);
    struct tls_probe_spec spec = {.host = argv[1],
        .port = (uint16_t)strtoul(argv[2], NULL, 10),
        .server_name = k.name,
        .key = strcmp(k.key, "rsa") == 0     ? TLS_PROBE_KEY_RSA
               : strcmp(k.key, "ecdsa") == 0 ? TLS_PROBE_KEY_ECDSA
                                             : TLS_PROBE_KEY_ANY,
        .timeout_ms = (int)strtol(k.timeout, NULL, 10)};
    if (!starttls_parse(k.starttls, &spec.starttls))
        end("starttls= is one of these", &(struct err){.text = "smtp imap pop3 ldap ftp xmpp postgres"});
    struct event_base *base = event_base_new();
    struct lookup *lookup = lookup_new(base, &k.dns, k.dns != NULL, &err);
    if (lookup == NULL)
        end("no DNS", &err);
    tls_probe_start(base, lookup, &spec, on_seen, &k);
    event_base_dispatch(base);
    lookup_free(lookup);
    event_base_free(base);
    arena_free(k.arena);
    return k.status;
}

/* A state directory with many certificates, for measurements: fill_state STATE_DIR N [--authority URL]
 * [--source command|config]. It makes STATE_DIR with seal.key and a store of N certificates,
 * n000000.example.com and so on: wishes as the configuration or the command line would make them, permits and
 * keys that the keeper can open, one generation issued today, valid for 90 days and to be renewed in 30 to
 * 60, and an entry of the history each. There is nothing in live/. With --source config the configuration
 * that asks for them is written to STATE_DIR/evercert.yaml. */
#include "config/settings.h"
#include "crypto/digest.h"
#include "crypto/key.h"
#include "crypto/seal.h"
#include "os/file.h"
#include "os/random.h"
#include "policy/turn.h"
#include "store/store.h"

#include "base/b64.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    DAY_S = 86400,
    TOGETHER = 2000,      /* certificates in one commit */
    LEAF_OCTETS = 940,    /* of DER, as a CA's leaf for one name has them */
    ISSUER_OCTETS = 1050, /* and the certificate above it */
    KEY_DER_OCTETS = 4 * 1024,
    CHAIN_OCTETS = 16 * 1024,
    CONFIGURATION_MAX = 64 * 1024 * 1024,
};

struct fill {
    const char *state, *authority;
    enum certificate_source source;
    uint64_t n;
    struct settings settings;
    struct secret seal_key;
    struct store *store;
    struct wall now;
    struct buf configuration;
};

/* --- what one certificate consists of --- */

static void put_pem(struct buf *out, size_t octets)
{
    char raw[ISSUER_OCTETS], *line;
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(CHAIN_OCTETS);
    random_bytes(raw, octets);
    b64url_encode(&text, (struct str){raw, octets}); /* as long as base64 is; nobody reads it */
    buf_put_c(out, "-----BEGIN CERTIFICATE-----\n");
    line = text.p;
    for (size_t left = text.n, part; left > 0; left -= part, line += part) {
        part = left < 64 ? left : 64;
        buf_put(out, line, part);
        buf_put_char(out, '\n');
    }
    buf_put_c(out, "-----END CERTIFICATE-----\n");
}

static const char *random_hex(struct arena *a, size_t octets)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(2 * octets + 16);
    while (text.n < 2 * octets)
        buf_printf(&text, "%016llx", (unsigned long long)random_u64());
    return arena_dup(a, (struct str){text.p, 2 * octets});
}

static int seal_into(
    struct fill *f, const char *context, struct str plain, struct arena *a, struct str *out, struct err *err)
{
    struct buf sealed ATTR_CLEANUP(buf_free) = buf_new(STORE_SEALED_MAX);
    int r = seal(&f->seal_key, str_c(context), plain, &sealed, err);
    *out = arena_str(a, buf_str(&sealed));
    return r;
}

/* As the keeper would have made it (keeper/sealed.c). */
static int put_key(struct fill *f, struct certificate *c, struct arena *a, struct err *err)
{
    struct key *key ATTR_CLEANUP(key_freep) = NULL;
    struct buf der ATTR_CLEANUP(buf_free) = buf_new_sensitive(KEY_DER_OCTETS);
    char hash[SHA256_HEX_LEN];
    struct str sealed;
    int r = key_generate(KEY_ECDSA_P256, &key, err);
    if (r < 0 || (r = key_spki_sha256(key, hash, err)) < 0 || (r = key_to_der(key, &der, err)) < 0)
        return r;
    c->key_hash = arena_dup_c(a, hash);
    r = seal_into(f, arena_printf(a, "key\n%s\n1", c->name), buf_str(&der), a, &sealed, err);
    return r < 0 ? r : store_key_put(f->store, str_c(c->name), 1, sealed, err);
}

static int make_wish(struct fill *f, struct certificate *c, struct arena *a, struct wish *w, struct err *err)
{
    const struct wish_option options[] = {{"domain", c->name}, {"authority", f->authority}};
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(WISH_TEXT_MAX);
    int r = settings_wish(&f->settings, options, ARRAY_LEN(options), a, w, err);
    if (r < 0)
        return r;
    wish_encode(w, &text);
    c->wish = arena_dup(a, buf_str(&text));
    return seal_into(f, "permit", str_c(c->wish), a, &c->permit, err);
}

static int put_history(struct fill *f, const struct certificate *c, struct arena *a, struct err *err)
{
    char until[TIME_TEXT_MAX], next[TIME_TEXT_MAX];
    const char *exchange =
        "{\"at\":\"2026-01-01T00:00:00Z\",\"request\":\"poll-order\",\"url\":\"https://ca.example/acme/"
        "order/1234567890/123456789012\",\"status\":200}";
    struct buf detail ATTR_CLEANUP(buf_free) = buf_new(STORE_JSON_MAX);
    buf_printf(&detail, "{\"authority\":\"%s\",\"exchange\":[", f->authority);
    for (int i = 0; i < 6; i++) /* requests of one issue */
        buf_printf(&detail, "%s%s", i > 0 ? "," : "", exchange);
    buf_printf(
        &detail, "],\"fingerprint\":\"%s\",\"generation\":1,\"serial\":\"%s\"}", c->fingerprint, c->serial);
    struct history_record h = {.at = f->now, .certificate = c->name, .event = "issued"};
    h.text = arena_printf(a, "issued by %s, valid to %s, renewal at %s", f->authority,
        wall_format(c->not_after, until), wall_format(c->due_at, next));
    h.detail = buf_c(&detail);
    return store_history_put(f->store, &h, err);
}

static int put_one(struct fill *f, uint64_t i, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct buf chain ATTR_CLEANUP(buf_free) = buf_new(CHAIN_OCTETS);
    struct wish w;
    const char *name = arena_printf(a, "n%06llu.example.com", (unsigned long long)i);
    put_pem(&chain, LEAF_OCTETS);
    put_pem(&chain, ISSUER_OCTETS);
    struct certificate c = {.name = name,
        .source = f->source,
        .holder = "",
        .generation = 1,
        .issued_wish_domains = name,
        .omitted = "",
        .profile = "",
        .fingerprint = random_hex(a, SHA256_LEN),
        .serial = random_hex(a, 18),
        .issuer = "CN=YE1,O=Certificates for Measurements,C=US",
        .subjects = arena_printf(a, "CN=%s\nCN=YE1,O=Certificates for Measurements,C=US", name),
        .chain = buf_c(&chain),
        .not_before = f->now,
        .not_after = {f->now.s + (int64_t)90 * DAY_S},
        .due_at = {f->now.s + (int64_t)30 * DAY_S + (int64_t)(i * 30 * DAY_S / f->n)},
        .last_error = "",
        .last_problem = "",
        .attempts = "",
        .wait_reason = "",
        .pause_link = "",
        .ari_id = "",
        .ari_explanation = "",
        .order_url = "",
        .order_authority = "",
        .deploy_error = "",
        .deploy_event = "",
        .previous = "",
        .served_error = "",
        .queue = ""};
    int r = make_wish(f, &c, a, &w, err);
    if (r < 0)
        return r;
    const struct authority *authority = settings_authority(&f->settings, str_c(f->authority), a);
    c.authority = authority != NULL ? authority->id : f->authority;
    c.queue = arena_printf(a, "- %s", c.authority); /* as processes/engine/queue.h wants a renewal */
    c.urgent_at = turn_urgent_at(c.due_at, c.not_after);
    if ((r = put_key(f, &c, a, err)) < 0 || (r = store_certificate_put(f->store, &c, err)) < 0)
        return r;
    buf_printf(&f->configuration, "  - domains: %s\n", name);
    return put_history(f, &c, a, err);
}

/* --- the directory --- */

static int prepare(struct fill *f, struct arena *a, struct err *err)
{
    struct config_problems problems = {.n = 0};
    int at = -1, r;
    if (mkdir(f->state, 0755) != 0 || (r = dir_open(AT_FDCWD, f->state, &at, err)) < 0)
        return err_set(err, ERR_EXISTS, "%s cannot be made anew", f->state);
    f->seal_key.n = SEAL_KEY_LEN;
    random_bytes(f->seal_key.bytes, SEAL_KEY_LEN);
    r = file_write_new(
        at, "seal.key", 0600, (struct str){(const char *)f->seal_key.bytes, SEAL_KEY_LEN}, err);
    close(at);
    if (r == 0)
        r = settings_parse("none", STR(""), a, &f->settings, &problems, err);
    if (r == 0)
        r = store_open_sqlite(arena_printf(a, "%s/evercert.db", f->state), &f->store, err);
    return r;
}

static int write_configuration(struct fill *f, struct err *err)
{
    int at = -1, r = dir_open(AT_FDCWD, f->state, &at, err);
    if (r == 0)
        r = file_write_new(at, "evercert.yaml", 0644, buf_str(&f->configuration), err);
    if (at >= 0)
        close(at);
    return r;
}

static int fill(struct fill *f, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    int r = prepare(f, a, err);
    buf_printf(&f->configuration, "authority: %s\nagree-tos: true\ncertificates:\n", f->authority);
    for (uint64_t i = 0; r == 0 && i < f->n; i++) {
        r = put_one(f, i, err);
        if (r == 0 && (i + 1 == f->n || (i + 1) % TOGETHER == 0))
            r = store_commit(f->store, err);
    }
    if (r == 0 && f->source == SOURCE_CONFIG)
        r = write_configuration(f, err);
    store_close(f->store);
    return r;
}

static bool parse(int argc, char **argv, struct fill *f)
{
    if (argc < 3 || !str_to_u64(str_c(argv[2]), 1000000, &f->n) || f->n == 0)
        return false;
    f->state = argv[1];
    for (int i = 3; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--authority") == 0)
            f->authority = argv[i + 1];
        else if (strcmp(argv[i], "--source") == 0 && strcmp(argv[i + 1], "config") == 0)
            f->source = SOURCE_CONFIG;
        else if (strcmp(argv[i], "--source") != 0 || strcmp(argv[i + 1], "command") != 0)
            return false;
    }
    return argc % 2 == 1;
}

int main(int argc, char **argv)
{
    struct err err = ERR_INIT;
    struct fill f = {.authority = "letsencrypt",
        .source = SOURCE_COMMAND,
        .now = clock_wall(&system_clock),
        .configuration = buf_new(CONFIGURATION_MAX)};
    if (!parse(argc, argv, &f)) {
        fprintf(stderr, "fill_state STATE_DIR N [--authority URL] [--source command|config]\n");
        return 64;
    }
    int r = fill(&f, &err);
    buf_free(&f.configuration);
    if (r < 0)
        fprintf(stderr, "fill_state: %s\n", err.text);
    return r < 0 ? 1 : 0;
}

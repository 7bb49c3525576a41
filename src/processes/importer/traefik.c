/*
 * Traefik: acme.json, an object with one member for each certificate resolver (Traefik 1: the content of the
 * only one): Account {Email, Registration {uri}, PrivateKey}, Certificates [{domain {main, sans},
 * certificate, key}]. Keys and chains are base64; the account's is PKCS#1 in DER, the others are PEM.
 */
#include "processes/importer/json_file.h"
#include "processes/importer/material.h"
#include "processes/importer/readers.h"

#include <openssl/evp.h>
#include <string.h>

/* A member in standard base64, appended. */
static int decode(const json_t *object, const char *member, struct buf *out, struct err *err)
{
    struct str s = json_file_text(object, member);
    if (s.n == 0 || s.n > TREE_FILE_MAX)
        return err_set(err, ERR_INPUT, "\"%s\" is missing", member);
    char *room = buf_room(out, s.n + 1);
    int n = room != NULL ? EVP_DecodeBlock((unsigned char *)room, (const unsigned char *)s.p, (int)s.n) : -1;
    if (n < 0)
        return err_set(err, ERR_INPUT, "\"%s\" is no base64", member);
    for (size_t i = s.n; i > 0 && s.p[i - 1] == '=' && n > 0; i--)
        n--;
    buf_added(out, (size_t)n);
    return 0;
}

/* Names of members changed their case between versions. */
static const json_t *member(const json_t *object, const char *name, const char *other)
{
    const json_t *value = json_object_get(object, name);
    return value != NULL ? value : json_object_get(object, other);
}

/* The account's, "" where there is none. */
static const char *account_url(const json_t *account)
{
    const json_t *registration = member(account, "Registration", "registration");
    return json_file_c(registration, "uri");
}

static const struct found_account *read_account(
    struct found *f, const char *resolver, const json_t *account, const char *directory)
{
    struct err err = ERR_INIT;
    ATTR_CLEANUP(buf_free) struct buf key = buf_new_sensitive(TREE_FILE_MAX);
    const json_t *email = member(account, "Email", "email");
    if (material_key(json_file_text(account, "PrivateKey"), &key, &err) < 0) {
        found_warn(f, NULL, "the account of %s is left out: %s", resolver, err.text);
        return NULL;
    }
    const struct found_account *there = found_account_by_key(f, directory, &key);
    if (there != NULL)
        return there;
    return found_account_add(
        f, directory, account_url(account), json_is_string(email) ? json_string_value(email) : "", &key);
}

static void read_certificate(struct found *f, const char *resolver, const struct found_account *account,
    const char *directory, const json_t *entry)
{
    struct err err = ERR_INIT;
    ATTR_CLEANUP(buf_free) struct buf key = buf_new_sensitive(TREE_FILE_MAX), chain = buf_new(TREE_FILE_MAX);
    const json_t *domain = member(entry, "domain", "Domain");
    const char *main = json_file_c(domain, "main");
    main = main[0] != '\0' ? main : json_file_c(domain, "Main");
    if (main[0] == '\0') {
        found_warn(f, NULL, "a certificate of %s has no name and is left out", resolver);
        return;
    }
    struct found_certificate *c = found_certificate_add(f, main);
    if (c == NULL)
        return;
    const char *names[] = {"certificate", "key"};
    struct buf *texts[] = {&chain, &key};
    c->account = account;
    c->directory = directory;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        const char *name = json_object_get(entry, names[i]) != NULL ? names[i]
                           : i == 0                                 ? "Certificate"
                                                                    : "Key";
        if (decode(entry, name, texts[i], &err) < 0)
            found_warn(f, c, "%s", err.text);
    }
    material_set(
        f, c, buf_str(&key), "the key in acme.json", buf_str(&chain), "the certificate in acme.json");
    if (c->domains.n == 0) {
        size_t i;
        json_t *item;
        found_domain_add(f, c, str_c(main));
        json_array_foreach(member(domain, "sans", "SANs"), i, item)
        {
            if (json_is_string(item))
                found_domain_add(f, c, str_c(json_string_value(item)));
        }
    }
    found_domain_first(c, main);
    found_challenge_settle(f, c);
}

static bool is_resolver(const json_t *value)
{
    return json_is_object(value) &&
           (json_object_get(value, "Account") != NULL || json_object_get(value, "Certificates") != NULL);
}

static void read_resolver(struct found *f, const char *name, const json_t *resolver)
{
    const json_t *account = json_object_get(resolver, "Account"), *entry;
    const json_t *certificates = json_object_get(resolver, "Certificates");
    const struct found_account *ours = NULL;
    const char *directory = "";
    size_t i;
    if (json_is_object(account)) {
        directory = found_directory_of(account_url(account));
        directory = directory[0] != '\0' ? directory : f->directory;
        if (directory[0] == '\0')
            found_warn(f, NULL,
                "the directory of resolver %s stands in Traefik's own settings (caServer): it is taken "
                "from the authority of that host in the configuration; the account is %s",
                name, account_url(account));
        ours = read_account(f, name, account, directory);
    }
    json_array_foreach(certificates, i, entry)
    {
        read_certificate(f, name, ours, directory, entry);
    }
}

int read_traefik(struct found *f, struct err *err)
{
    const char *path = f->tree->is_file ? "" : "acme.json", *name;
    ATTR_CLEANUP(json_file_freep) json_t *store = NULL;
    json_t *value;
    bool any = false;
    int r = json_file_read(f->tree, path, TREE_STORE_MAX, &store, err);
    if (r == ERR_NOT_FOUND)
        return err_set(err, ERR_INPUT, "acme.json is missing");
    if (r < 0)
        return r;
    if (is_resolver(store)) {
        read_resolver(f, "acme", store);
        any = true;
    } else {
        json_object_foreach(store, name, value)
        {
            if (is_resolver(value)) {
                read_resolver(f, name, value);
                any = true;
            }
        }
    }
    if (!any)
        return err_set(err, ERR_INPUT, "no resolver with Account and Certificates is in it");
    found_warn(f, NULL,
        "Traefik keeps key type, challenge and profile of a resolver in its own settings: http-01 is "
        "taken; it serves what it has itself, so nothing is written for it (publish:)");
    found_timer_add(f, NULL,
        "Traefik renews by itself: take the certResolver from its routers and name the files in "
        "tls.certificates instead (see evercert snippet traefik)");
    return 0;
}

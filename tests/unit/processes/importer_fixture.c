#include "importer_fixture.h"

#include "../crypto/test_certs.h"
#include "../os/temp.h"

#include "processes/importer/json_file.h"
#include "processes/importer/readers.h"

#include <errno.h>
#include <openssl/x509.h>

int state_setup(void **state)
{
    struct state *s = calloc(1, sizeof *s);
    if (s == NULL)
        return -1;
    snprintf(s->path, sizeof s->path, "/tmp/evercert-importer-XXXXXX");
    if (mkdtemp(s->path) == NULL)
        return -1;
    s->a = arena_new();
    s->tree.fd = s->also.fd = -1;
    *state = s;
    return 0;
}

int state_teardown(void **state)
{
    struct state *s = *state;
    const char *name;
    int parent = -1, r = dir_open_parent(AT_FDCWD, s->path, &parent, &name, NULL);
    if (r == 0)
        r = dir_remove(parent, name, NULL);
    fd_close(&parent);
    found_free(&s->f);
    tree_close(&s->tree);
    tree_close(&s->also);
    arena_free(s->a);
    free(s);
    return r;
}

static const char *make_folders(struct state *s, const char *path)
{
    char *whole = arena_printf(s->a, "%s/%s", s->path, path);
    for (char *p = whole + strlen(s->path) + 1; (p = strchr(p, '/')) != NULL; p++) {
        *p = '\0';
        if (mkdir(whole, 0755) != 0)
            assert_int_equal(errno, EEXIST);
        *p = '/';
    }
    return whole;
}

void put_mode(struct state *s, const char *path, const char *text, mode_t mode)
{
    const char *whole = make_folders(s, path);
    unlink(whole);
    int fd = open(whole, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    assert_int_equal(fchmod(fd, mode), 0);
    close(fd);
}

void put(struct state *s, const char *path, const char *text)
{
    put_mode(s, path, text, 0644);
}

void put_link(struct state *s, const char *path, const char *target)
{
    const char *whole = make_folders(s, path);
    unlink(whole);
    assert_int_equal(symlink(target, whole), 0);
}

void put_folder(struct state *s, const char *path)
{
    make_folders(s, arena_printf(s->a, "%s/", path));
}

const char *key_text(struct state *s, struct key **kept)
{
    struct key *key = test_key();
    struct buf pem = buf_new_sensitive(65536);
    assert_int_equal(key_to_pem(key, &pem, NULL), 0);
    const char *text = arena_dup(s->a, buf_str(&pem));
    buf_free(&pem);
    if (kept != NULL)
        *kept = key;
    else
        key_free(key);
    return text;
}

const char *chain_text(struct state *s, struct key *key, const char *san)
{
    struct key *ca_key = test_key();
    struct cert_spec ca = {.cn = "Test CA", .ca = "CA:TRUE"};
    struct cert_spec leaf = {.san = san, .ca = "CA:FALSE", .serial = "0102"};
    struct test_cert issuer = test_cert_make(&ca, ca_key, NULL);
    struct test_cert made = test_cert_make(&leaf, key, &issuer);
    const char *text = arena_printf(s->a, "%s%s", test_cert_pem(s->a, made.x), test_cert_pem(s->a, issuer.x));
    X509_free(made.x);
    X509_free(issuer.x);
    key_free(ca_key);
    return text;
}

void put_pair(struct state *s, const char *key_path, const char *chain_path, const char *san)
{
    struct key *key = NULL;
    put_mode(s, key_path, key_text(s, &key), 0600);
    put(s, chain_path, chain_text(s, key, san));
    key_free(key);
}

int read_state(struct state *s, const char *format, const char *below, struct err *err)
{
    json_file_wipe();
    int r = tree_open(arena_printf(s->a, "%s/%s", s->path, below), s->a, &s->tree, err);
    assert_int_equal(r, 0);
    found_init(&s->f, s->a, &s->tree, s->also.fd >= 0 ? &s->also : NULL);
    return readers_run(format, &s->f, err);
}

void read_good(struct state *s, const char *format, size_t n)
{
    struct err err = ERR_INIT;
    int r = read_state(s, format, "", &err);
    if (r < 0)
        print_message("%s\n", err.text);
    assert_int_equal(r, 0);
    for (size_t i = 0; s->f.certificate_n != n && i < s->f.warnings.n; i++)
        print_message("%s\n", s->f.warnings.items[i]);
    assert_int_equal(s->f.certificate_n, n);
}

struct found_certificate *certificate(struct state *s, const char *name)
{
    struct found_certificate *c = s->f.certificates;
    while (c != NULL && strcmp(c->name, name) != 0)
        c = c->next;
    assert_non_null(c);
    return c;
}

bool warned(const struct found_texts *warnings, const char *part)
{
    for (size_t i = 0; i < warnings->n; i++)
        if (strstr(warnings->items[i], part) != NULL)
            return true;
    for (size_t i = 0; i < warnings->n; i++)
        print_message("warning: %s\n", warnings->items[i]);
    return false;
}

const char *domains(struct state *s, const struct found_certificate *c)
{
    const char *all = "";
    for (size_t i = 0; i < c->domains.n; i++)
        all = arena_printf(s->a, "%s%s%s", all, i > 0 ? " " : "", c->domains.items[i]);
    return all;
}

const struct found_file *file_at(struct state *s, const struct found_certificate *c, const char *path)
{
    const char *whole = arena_printf(s->a, "%s/%s", s->path, path);
    const struct found_file *x = c->files;
    while (x != NULL && strcmp(x->path, whole) != 0)
        x = x->next;
    return x;
}

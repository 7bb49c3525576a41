#include "keeper_ca.h"

#include "crypto/ossl.h"
#include "os/file.h"

#include <openssl/pkcs12.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#define WISH "{\"name\":\"shop\",\"domains\":[\"a.example\"]}"

static void make_live(struct keeper *k, struct arena *a, struct ca *ca)
{
    struct chain c = {.n = 0};
    struct err err = ERR_INIT;
    struct msg_publish m = prepared(k, a, ca, keeper_permit(k, a, WISH), 1, STR(""), "DNS:a.example");
    if (publish(k, a, &m, &c, &err) != 0)
        fail_msg("%s", err.text);
}

static int ask(struct keeper *k, const char *format, const char *password, struct str existing,
    struct buf *out, bool *same, struct err *err)
{
    const struct msg_export_make m = {"shop", format, password, existing};
    *out = buf_new_sensitive(MSG_LARGE);
    return export_make(k, &m, out, same, err);
}

/* What is exported is what lies in live/. */
static void is_text(struct keeper *k, const char *format, const char *text)
{
    struct buf out;
    struct err err = ERR_INIT;
    bool same = true;
    if (ask(k, format, "", STR(""), &out, &same, &err) != 0)
        fail_msg("%s: %s", format, err.text);
    assert_false(same);
    assert_string_equal(buf_c(&out), text);
    buf_free(&out);
    assert_int_equal(ask(k, format, "", str_c(text), &out, &same, NULL), 0);
    assert_true(same);
    assert_int_equal(out.n, 0);
    buf_free(&out);
}

static void pem_forms_are_what_is_live(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct ca ca = ca_make();
    make_live(k, a, &ca);
    const char *key = keeper_file(a, "live/shop/privkey.pem"),
               *full = keeper_file(a, "live/shop/fullchain.pem");
    is_text(k, "key", key);
    is_text(k, "fullchain", full);
    is_text(k, "cert", keeper_file(a, "live/shop/cert.pem"));
    is_text(k, "chain", keeper_file(a, "live/shop/chain.pem"));
    is_text(k, "combined", keeper_file(a, "live/shop/combined.pem"));
    is_text(k, "pem", arena_printf(a, "%s%s", full, key));
    ca_free(&ca);
    arena_free(a);
}

static void a_pkcs12_opens_with_its_password(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct ca ca = ca_make();
    struct buf out, again;
    bool same = true;
    make_live(k, a, &ca);
    assert_int_equal(ask(k, "pkcs12", "secret", STR("something else"), &out, &same, NULL), 0);
    assert_false(same);
    const unsigned char *p = (const unsigned char *)out.p;
    PKCS12 *p12 = d2i_PKCS12(NULL, &p, (long)out.n);
    assert_non_null(p12);
    assert_int_equal(PKCS12_verify_mac(p12, "wrong", -1), 0);
    assert_int_equal(PKCS12_verify_mac(p12, "secret", -1), 1);
    PKCS12_free(p12);
    /* there already; with another password it is not */
    assert_int_equal(ask(k, "pkcs12", "secret", buf_str(&out), &again, &same, NULL), 0);
    assert_true(same);
    assert_int_equal(again.n, 0);
    buf_free(&again);
    assert_int_equal(ask(k, "pkcs12", "secret2", buf_str(&out), &again, &same, NULL), 0);
    assert_false(same);
    assert_true(again.n > 0);
    buf_free(&again);
    buf_free(&out);
    ca_free(&ca);
    arena_free(a);
}

static void fails(
    struct keeper *k, const char *name, const char *format, const char *password, int code, const char *words)
{
    const struct msg_export_make m = {name, format, password, STR("")};
    struct buf out = buf_new_sensitive(MSG_LARGE);
    struct err err = ERR_INIT;
    bool same = false;
    int r = export_make(k, &m, &out, &same, &err);
    if (r != code || strstr(err.text, words) == NULL ||
        (words[0] != '\0' && strstr(err.text, "BEGIN") != NULL))
        fail_msg("%d \"%s\" instead of %d \"%s\"", r, err.text, code, words);
    assert_false(same);
    buf_free(&out);
}

static void what_cannot_be_exported(void **state)
{
    struct keeper *k = *state;
    struct arena *a = arena_new();
    struct ca ca = ca_make();
    make_live(k, a, &ca);
    fails(k, "none", "pem", "", ERR_NOT_FOUND, "there is no certificate none");
    fails(k, "../archive", "pem", "", ERR_INPUT, "");
    fails(k, ".generations", "pem", "", ERR_INPUT, "");
    fails(k, "", "pem", "", ERR_INPUT, "");
    fails(k, "shop", "jks", "", ERR_INPUT, "no format");
    fails(k, "shop", "pkcs12", "\xff", ERR_INPUT, "UTF-8");
    /* somebody's hand in live/: nothing is given out that does not belong together */
    struct key *other = test_key();
    struct buf pem = buf_new_sensitive(KEY_PEM_MAX);
    int dir = -1;
    assert_int_equal(key_to_pem(other, &pem, NULL), 0);
    assert_int_equal(dir_open(k->live, ".generations/shop/1", &dir, NULL), 0);
    assert_int_equal(file_replace(dir, "privkey.pem", 0600, buf_str(&pem), NULL), 0);
    fails(k, "shop", "fullchain", "", ERR_VERIFY, "does not belong to the certificate");
    assert_int_equal(file_replace(dir, "privkey.pem", 0600, STR("no key"), NULL), 0);
    fails(k, "shop", "pem", "", ERR_INPUT, "privkey.pem");
    /* where the operator keeps the key */
    assert_int_equal(dir_remove(dir, "privkey.pem", NULL), 0);
    fails(k, "shop", "pem", "", ERR_NOT_FOUND, "has no private key here");
    fails(k, "shop", "pkcs12", "", ERR_NOT_FOUND, "has no private key here");
    is_text(k, "cert", keeper_file(a, "live/shop/cert.pem"));
    close(dir);
    buf_free(&pem);
    key_free(other);
    ca_free(&ca);
    arena_free(a);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, keeper_set_up, keeper_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(pem_forms_are_what_is_live),
        TEST(a_pkcs12_opens_with_its_password),
        TEST(what_cannot_be_exported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

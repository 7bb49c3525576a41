#include "crypto/warm_up.h"

#include "crypto/chain.h"
#include "crypto/csr.h"
#include "crypto/digest.h"
#include "crypto/jws.h"
#include "crypto/seal.h"
#include "test_certs.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* From here on, opening a file ends the process with SIGSYS. */
static bool forbid_open(void)
{
    static struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
#ifdef SYS_open
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_open, 1, 0),
#else
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 1, 0),
#endif
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {ARRAY_LEN(filter), filter};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* The status of a child that warms up, forbids itself to open files and runs `work`. */
static int status_of(int (*work)(void))
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        /* _exit, so that neither cmocka nor a leak checker runs here. */
        if (crypto_warm_up(NULL) != 0 || !forbid_open())
            _exit(101);
        _exit(work());
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static int open_something(void)
{
    return open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0 ? 0 : 1;
}

static int use_request(const struct key *k)
{
    const struct str names[] = {STR("example.com"), STR("192.0.2.1")};
    struct arena *a = arena_new();
    struct buf der = buf_new(10000);
    struct csr csr;
    struct err err = ERR_INIT;
    int r = csr_build(k, &(struct csr_content){names, 2, true}, &der, NULL) != 0 ||
            csr_read(buf_str(&der), a, &csr, NULL) != 0 || csr_read(STR("x"), a, &csr, &err) != ERR_INPUT;
    buf_free(&der);
    arena_free(a);
    return r;
}

static int use_type(enum key_type type)
{
    struct key *k = NULL, *again = NULL;
    struct buf out = buf_new_sensitive(100000), pem = buf_new_sensitive(10000);
    char hex[65];
    if (key_generate(type, &k, NULL) != 0 || key_to_pem(k, &pem, NULL) != 0 ||
        key_from_pem(buf_str(&pem), &again, NULL) != 0 || key_spki_sha256(again, hex, NULL) != 0 ||
        jwk_thumbprint(again, &out, NULL) != 0 ||
        jws_sign(again, STR(""), STR("n"), STR("u"), STR("{}"), &out, NULL) != 0 ||
        (type != KEY_ED25519 && use_request(again) != 0))
        return 2;
    key_free(k);
    key_free(again);
    buf_free(&out);
    buf_free(&pem);
    return 0;
}

static int use_chain(enum key_type type)
{
    struct arena *a = arena_new();
    struct key *ca_key = NULL, *key = NULL;
    if (key_generate(type, &ca_key, NULL) != 0 || key_generate(type, &key, NULL) != 0)
        return 3;
    struct test_cert ca = test_cert_make(&(struct cert_spec){.cn = "CA", .ca = "CA:TRUE"}, ca_key, NULL);
    struct test_cert leaf = test_cert_make(&(struct cert_spec){.san = "DNS:example.com"}, key, &ca);
    const char *pem = arena_printf(a, "%s%s", test_cert_pem(a, leaf.x), test_cert_pem(a, ca.x));
    const struct str name = STR("example.com"), other = STR("other.example");
    struct chain c;
    struct err err = ERR_INIT;
    struct chain_rule rule = {.key = key, .names = &name, .name_n = 1, .max_certs = 16, .now = {TEST_NOW_S}};
    int r = chain_verify(str_c(pem), &rule, a, &c, &err) != 0 ? 4 : 0;
    /* failures have texts, which come from somewhere too */
    rule.key = ca_key;
    if (chain_verify(str_c(pem), &rule, a, &c, &err) != ERR_VERIFY)
        r = 5;
    rule.key = key;
    rule.names = &other;
    if (chain_verify(str_c(pem), &rule, a, &c, &err) != ERR_VERIFY)
        r = 5;
    X509_free(ca.x);
    X509_free(leaf.x);
    key_free(ca_key);
    key_free(key);
    arena_free(a);
    return r;
}

static int use_everything(void)
{
    struct secret secret = {.n = SEAL_KEY_LEN};
    struct buf sealed = buf_new(1000), plain = buf_new_sensitive(1000);
    struct key *k = NULL;
    struct err err = ERR_INIT;
    for (int i = 0; i < KEY_TYPE_END_; i++)
        if (use_type((enum key_type)i) != 0)
            return 2;
    if (jws_sign_hmac(&secret, STR("HS384"), STR("k"), STR("u"), STR("{}"), &sealed, NULL) != 0)
        return 7;
    buf_clear(&sealed);
    if (seal(&secret, STR("c"), STR("p"), &sealed, NULL) != 0 ||
        unseal(&secret, STR("c"), buf_str(&sealed), &plain, NULL) != 0 ||
        unseal(&secret, STR("d"), buf_str(&sealed), &plain, &err) != ERR_CRYPTO ||
        key_from_pem(STR("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"), &k, &err) !=
            ERR_INPUT ||
        key_from_der(STR("\x30\x00"), &k, &err) != ERR_INPUT)
        return 6;
    buf_free(&sealed);
    buf_free(&plain);
    int r = use_chain(KEY_ECDSA_P384);
    return r != 0 ? r : use_chain(KEY_RSA_2048);
}

static void the_filter_works(void **state)
{
    (void)state;
    int status = status_of(open_something);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGSYS);
}

static void no_file_is_opened_afterwards(void **state)
{
    (void)state;
    int status = status_of(use_everything);
    if (!WIFEXITED(status))
        fail_msg("ended by signal %d", WTERMSIG(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void may_run_twice(void **state)
{
    (void)state;
    struct err err = ERR_INIT;
    assert_int_equal(crypto_warm_up(&err), 0);
    assert_int_equal(crypto_warm_up(NULL), 0);
    assert_int_equal(err.code, 0);
}

int main(void)
{
    /* The children come first: they must not inherit a library that is warm already. */
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_filter_works),
        cmocka_unit_test(no_file_is_opened_afterwards),
        cmocka_unit_test(may_run_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

#include "config_test.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/* A folder of its own with evercert.d in it; the working directory for the time of a test. */
struct folder {
    char path[64];
    int back;
};

static int enter_folder(void **state)
{
    struct folder *f = calloc(1, sizeof *f);
    assert_non_null(f);
    snprintf(f->path, sizeof f->path, "/tmp/evercert-config-XXXXXX");
    assert_non_null(mkdtemp(f->path));
    f->back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(f->back >= 0);
    assert_int_equal(chdir(f->path), 0);
    *state = f;
    return 0;
}

static const char *const files[] = {"evercert.yaml", "evercert.d/10.yaml", "evercert.d/20.yaml",
    "evercert.d/.hidden.yaml", "evercert.d/notes.txt", "evercert.d/30.yaml"};

static int leave_folder(void **state)
{
    struct folder *f = *state;
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        unlink(files[i]);
        rmdir(files[i]);
    }
    rmdir("evercert.d");
    int r = fchdir(f->back);
    rmdir(f->path);
    close(f->back);
    free(f);
    return r;
}

static void put_file(const char *name, const char *text)
{
    mkdir("evercert.d", 0700);
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
}

static void expect_load_problems(const char *const *expected, size_t n)
{
    struct arena *a = arena_new();
    struct settings s;
    struct config_problems problems = {0};
    struct err err = ERR_INIT;
    assert_int_equal(settings_load("evercert.yaml", false, a, &s, &problems, &err), ERR_CONFIG);
    for (size_t i = 0; i < n || i < problems.n; i++)
        assert_string_equal(
            i < problems.n ? problems.list[i] : "(nothing)", i < n ? expected[i] : "(nothing)");
    arena_free(a);
}

#define EXPECT_LOAD(...)                                       \
    do {                                                       \
        static const char *const expected_[] = {__VA_ARGS__};  \
        expect_load_problems(expected_, ARRAY_LEN(expected_)); \
    } while (0)

static void an_empty_file_gives_the_defaults(void **state)
{
    static const char *const empty[] = {"", "# nothing\n", "---\n", "{}\n"};
    for (size_t i = 0; i < ARRAY_LEN(empty); i++) {
        struct arena *a = arena_new();
        struct settings s = good_settings(a, empty[i]);
        assert_string_equal(s.defaults.authorities[0], "letsencrypt");
        assert_string_equal(s.email, "");
        assert_false(s.agree_tos);
        assert_int_equal(s.authority_n, 1);
        assert_string_equal(s.authorities[0].name, "letsencrypt");
        assert_int_equal(s.http01_listen_n, 2);
        assert_string_equal(s.http01_listen[0], "[::]:80");
        assert_string_equal(s.http01_listen[1], "0.0.0.0:80");
        assert_int_equal(s.certificate_n, 0);
        assert_string_equal(s.user_engine, "evercert");
        assert_string_equal(s.user_keeper, "evercert-keys");
        assert_string_equal(s.user_responder, "evercert-web");
        assert_string_equal(s.defaults.challenges[0], "http-01");
        assert_string_equal(s.defaults.webroot, "");
        assert_int_equal(s.defaults.key_type, KEY_ECDSA_P256);
        assert_string_equal(s.defaults.key_group, "");
        assert_int_equal(s.defaults.key_mode, 0600);
        assert_int_equal(s.defaults.renew_before_s, 0);
        assert_int_equal(s.defaults.retry_s, 0);
        arena_free(a);
    }
}

static void everything_can_be_said(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a,
        "authority: internal\nemail: ops@example.com\nagree-tos: true\n"
        "users: {engine: e, keeper: k, responder: r}\n"
        "http-01: {listen: [\":8080\", \"127.0.0.1:8402\", \"0.0.0.0:8080\"]}\n"
        "authorities:\n  internal: {directory: \"https://ca.corp.example/dir\", ca-file: /etc/ca.pem, "
        "staging: "
        "\"https://ca.corp.example/test\"}\n");
    assert_string_equal(s.defaults.authorities[0], "internal");
    assert_string_equal(s.email, "ops@example.com");
    assert_true(s.agree_tos);
    assert_string_equal(s.user_engine, "e");
    assert_string_equal(s.user_keeper, "k");
    assert_string_equal(s.user_responder, "r");
    assert_int_equal(s.http01_listen_n, 3);
    assert_string_equal(s.http01_listen[0], "[::]:8080");
    assert_string_equal(s.http01_listen[1], "0.0.0.0:8080");
    assert_string_equal(s.http01_listen[2], "127.0.0.1:8402");
    assert_int_equal(s.authority_n, 1);
    assert_string_equal(s.authorities[0].directory, "https://ca.corp.example/dir");
    assert_string_equal(s.authorities[0].ca_file, "/etc/ca.pem");
    assert_string_equal(s.authorities[0].staging, "https://ca.corp.example/test");
    arena_free(a);
}

static void authorities_that_are_used_are_listed(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a, "certificates:\n"
                                         "  - {domains: a.example, authority: \"https://u.example/dir\"}\n"
                                         "  - {domains: b.example, authority: letsencrypt-staging}\n"
                                         "  - {domains: c.example, authority: own}\n"
                                         "  - {domains: d.example, authority: \"https://u.example/dir\"}\n"
                                         "authorities:\n"
                                         "  own: {directory: \"https://o.example/dir\"}\n"
                                         "  buypass: {directory: \"https://b.example/dir\"}\n");
    static const char *const names[] = {
        "own", "buypass", "letsencrypt", "letsencrypt-staging", "https://u.example/dir"};
    assert_int_equal(s.authority_n, ARRAY_LEN(names));
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_string_equal(s.authorities[i].name, names[i]);
    for (size_t i = 0; i < s.certificate_n; i++)
        assert_non_null(settings_authority(&s, str_c(s.certificates[i].authorities[0]), a));
    assert_string_equal(s.authorities[3].staging, s.authorities[3].directory);
    assert_string_equal(s.authorities[4].directory, "https://u.example/dir");
    assert_string_equal(s.authorities[4].ca_file, "");
    arena_free(a);
}

static void authorities_are_found(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a, "authorities: {zerossl: {directory: \"https://z.example/dir\"}}\n");
    assert_ptr_equal(settings_authority(&s, STR("zerossl"), a), &s.authorities[0]);
    const struct authority *found = settings_authority(&s, STR("letsencrypt-staging"), a);
    assert_non_null(found);
    assert_true(found->staging);
    found = settings_authority(&s, STR("https://any.example/dir"), a);
    assert_non_null(found);
    assert_string_equal(found->name, "https://any.example/dir");
    assert_string_equal(found->directory, "https://any.example/dir");
    assert_string_equal(found->ca_file, "");
    found = settings_authority(&s, STR("google"), a);
    assert_non_null(found);
    assert_string_equal(found->id, found->directory);
    assert_null(settings_authority(&s, STR("buypass"), a));
    assert_null(settings_authority(&s, STR("nowhere"), a));
    assert_null(settings_authority(&s, STR("http://any.example/dir"), a));
    assert_null(settings_authority(&s, STR(""), a));
    assert_ptr_equal(settings_authority_of_id(&s, STR("https://z.example/dir")), &s.authorities[0]);
    assert_null(settings_authority_of_id(&s, STR("https://z.example/")));
    arena_free(a);
}

static void a_missing_file(void **state)
{
    struct arena *a = arena_new();
    struct settings s = {0};
    struct err err = ERR_INIT;
    assert_int_equal(settings_load("evercert.yaml", false, a, &s, NULL, &err), ERR_NOT_FOUND);
    assert_non_null(strstr(err.text, "evercert.yaml"));
    assert_int_equal(settings_load("evercert.yaml", true, a, &s, NULL, &err), 0);
    assert_string_equal(s.defaults.authorities[0], "letsencrypt");
    assert_int_equal(s.certificate_n, 0);
    /* further files count without the main one */
    put_file("evercert.d/10.yaml", "certificates: [{domains: a.example}]\n");
    assert_int_equal(settings_load("evercert.yaml", true, a, &s, NULL, &err), 0);
    assert_int_equal(s.certificate_n, 1);
    arena_free(a);
}

static void files_are_joined(void **state)
{
    struct folder *f = *state;
    put_file("evercert.yaml", "email: a@example.com\ncertificates: [{domains: a.example}]\n"
                              "authorities: {x: {directory: \"https://x.example/\"}}\nusers: {engine: e}\n");
    put_file(
        "evercert.d/20.yaml", "certificates: [{domains: c.example, authority: x}]\nusers: {keeper: k}\n");
    put_file("evercert.d/10.yaml", "webroot: /srv/w\ncertificates: [{domains: b.example, authority: y}]\n"
                                   "authorities: {y: {directory: \"https://y.example/\"}}\n");
    put_file("evercert.d/.hidden.yaml", "nonsense: 1\n");
    put_file("evercert.d/notes.txt", "nonsense: 1\n");
    struct arena *a = arena_new();
    struct settings s;
    struct err err = ERR_INIT;
    if (settings_load("evercert.yaml", false, a, &s, NULL, &err) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(s.certificate_n, 3);
    static const char *const names[] = {"a.example", "b.example", "c.example"};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(s.certificates[i].name, names[i]);
        assert_string_equal(s.certificates[i].webroot, "/srv/w");
    }
    assert_int_equal(s.authority_n, 3);
    assert_string_equal(s.user_engine, "e");
    assert_string_equal(s.user_keeper, "k");
    /* the same by its full path */
    const char *path = arena_printf(a, "%s/evercert.yaml", f->path);
    assert_int_equal(settings_load(path, false, a, &s, NULL, &err), 0);
    assert_int_equal(s.certificate_n, 3);
    arena_free(a);
}

static void conflicts_name_both_files(void **state)
{
    put_file("evercert.yaml", "email: a@example.com\nhttp-01: {listen: \":80\"}\n"
                              "authorities: {x: {directory: \"https://x.example/\"}}\n"
                              "certificates: [{name: n, domains: a.example}]\n");
    put_file("evercert.d/10.yaml", "email: b@example.com\nhttp-01: {listen: \":81\"}\n"
                                   "authorities: {x: {directory: \"https://y.example/\"}}\n"
                                   "certificates: [{name: n, domains: b.example}]\nkey-typ: x\n");
    EXPECT_LOAD("evercert.d/10.yaml:1:1: email: set twice; the other stands at evercert.yaml:1:1",
        "evercert.d/10.yaml:2:11: http-01.listen: set twice; the other stands at evercert.yaml:2:11",
        "evercert.d/10.yaml:3:15: authorities.x: this authority is also written at evercert.yaml:3:15",
        "evercert.d/10.yaml:4:23: certificates[0].name: the name n is that of the certificate at "
        "evercert.yaml:4:23 too",
        "evercert.d/10.yaml:5:1: key-typ: unknown key (did you mean key-type?)");
}

static void all_files_are_looked_at(void **state)
{
    /* the broken file may be the one that has the authority: no word about that then */
    put_file(
        "evercert.yaml", "emial: x\ncertificates: [{domains: a.example, authority: own}]\nauthority: own\n");
    put_file("evercert.d/10.yaml", "authorities: {own: [\n");
    put_file("evercert.d/20.yaml", "retry: 5\n");
    mkdir("evercert.d/30.yaml", 0700);
    struct arena *a = arena_new();
    struct settings s;
    struct config_problems problems = {0};
    assert_int_equal(settings_load("evercert.yaml", false, a, &s, &problems, NULL), ERR_CONFIG);
    assert_int_equal(problems.n, 4);
    static const char *const begin[] = {"evercert.yaml:1:1: emial: unknown key (did you mean email?)",
        "evercert.d/10.yaml:2:1: not YAML: ", "evercert.d/20.yaml:1:8: retry: expected a duration",
        "evercert.d/30.yaml"};
    for (size_t i = 0; i < ARRAY_LEN(begin); i++)
        if (strncmp(problems.list[i], begin[i], strlen(begin[i])) != 0)
            fail_msg("%s", problems.list[i]);
    arena_free(a);
}

static void a_default_authority_of_a_further_file_has_its_place(void **state)
{
    put_file("evercert.yaml", "agree-tos: true\n");
    put_file("evercert.d/10.yaml", "\nauthority: zerosl\n");
    EXPECT_LOAD("evercert.d/10.yaml:2:12: authority: there is no authority \"zerosl\" (did you mean "
                "zerossl?); write letsencrypt, an "
                "entry of authorities, or the https URL of an ACME directory");
}

static void a_file_that_is_too_large(void **state)
{
    struct arena *a = arena_new();
    struct settings s;
    struct err err = ERR_INIT;
    put_file("evercert.yaml", "email: a@example.com\n");
    assert_int_equal(truncate("evercert.yaml", (off_t)CONFIG_FILE_MAX + 1), 0);
    assert_int_equal(settings_load("evercert.yaml", false, a, &s, NULL, &err), ERR_CONFIG);
    assert_non_null(strstr(err.text, "evercert.yaml"));
    char *text = malloc((size_t)CONFIG_FILE_MAX + 1);
    assert_non_null(text);
    memset(text, '\n', (size_t)CONFIG_FILE_MAX + 1);
    struct str yaml = {text, (size_t)CONFIG_FILE_MAX + 1};
    assert_int_equal(settings_parse("f", yaml, a, &s, NULL, &err), ERR_CONFIG);
    assert_string_equal(err.text, "f: larger than 64 MB");
    free(text);
    arena_free(a);
}

static void many_problems_have_an_end(void **state)
{
    struct arena *a = arena_new();
    struct buf b = buf_new(100000);
    struct settings s;
    struct config_problems problems = {0};
    for (int i = 0; i < CONFIG_PROBLEMS_MAX * 2; i++)
        buf_printf(&b, "zzz%d: 1\n", i);
    assert_int_equal(settings_parse("f", buf_str(&b), a, &s, &problems, NULL), ERR_CONFIG);
    assert_int_equal(problems.n, CONFIG_PROBLEMS_MAX);
    assert_string_equal(problems.list[99], "f:100:1: zzz99: unknown key");
    buf_free(&b);
    arena_free(a);
}

static void many_certificates(void **state)
{
    enum { MANY = 20000 };
    struct arena *a = arena_new();
    struct buf b = buf_new(64 * 1024 * 1024);
    buf_put_c(&b, "certificates:\n");
    for (int i = 0; i < MANY; i++)
        buf_printf(&b, "  - {name: c%d, domains: [n%d.example, www.n%d.example]}\n", i, i, i);
    struct settings s = good_settings(a, buf_c(&b));
    assert_int_equal(s.certificate_n, MANY);
    assert_string_equal(s.certificates[MANY - 1].domains[1], "www.n19999.example");
    buf_put_c(&b, "  - {name: c77, domains: x.example}\n");
    EXPECT(buf_c(&b),
        "20002:12: certificates[20000].name: the name c77 is that of the certificate at f.yaml:79:12 "
        "too");
    buf_free(&b);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_file_gives_the_defaults),
        cmocka_unit_test(everything_can_be_said),
        cmocka_unit_test(authorities_that_are_used_are_listed),
        cmocka_unit_test(authorities_are_found),
        cmocka_unit_test_setup_teardown(a_missing_file, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(files_are_joined, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(conflicts_name_both_files, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(all_files_are_looked_at, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(
            a_default_authority_of_a_further_file_has_its_place, enter_folder, leave_folder),
        cmocka_unit_test_setup_teardown(a_file_that_is_too_large, enter_folder, leave_folder),
        cmocka_unit_test(many_problems_have_an_end),
        cmocka_unit_test(many_certificates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

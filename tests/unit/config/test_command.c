#include "config_test.h"

static int make(struct arena *a, const char *yaml, const struct wish_option *options, size_t n,
    struct wish *out, struct err *err)
{
    struct settings s = good_settings(a, yaml);
    return settings_wish(&s, options, n, a, out, err);
}

#define MAKE(a, yaml, out, err, ...)                         \
    make(a, yaml, (const struct wish_option[]){__VA_ARGS__}, \
        sizeof((const struct wish_option[]){__VA_ARGS__}) / sizeof(struct wish_option), out, err)

static void settings_are_the_start(void **state)
{
    struct arena *a = arena_new();
    struct wish w;
    struct err err = ERR_INIT;
    if (MAKE(a, "webroot: /srv/w\nkey-type: rsa-2048\nretry: 1h\nauthority: letsencrypt-staging\n", &w, &err,
            {"domain", "Example.ORG"}) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(w.name, "example.org");
    assert_int_equal(w.domain_n, 1);
    assert_string_equal(w.domains[0], "example.org");
    assert_string_equal(w.webroot, "/srv/w");
    assert_int_equal(w.key_type, KEY_RSA_2048);
    assert_int_equal(w.retry_s, 3600);
    assert_string_equal(w.authorities[0], "letsencrypt-staging");
    assert_string_equal(w.challenges[0], "http-01");
    assert_int_equal(w.deploy_n, 0);
    arena_free(a);
}

static void every_option_counts(void **state)
{
    struct arena *a = arena_new();
    struct wish w;
    struct err err = ERR_INIT;
    if (MAKE(a, "webroot: /srv/w\nretry: 1h\n", &w, &err, {"domain", "b.example"}, {"domain", "a.example"},
            {"domain", "B.example."}, {"name", "n"}, {"authority", "https://ca.example/dir"},
            {"challenge", "http-01"}, {"webroot", ""}, {"key-type", "ecdsa-p384"}, {"renew-before", "10d"},
            {"retry", "auto"}, {"key-group", "ssl"}, {"key-mode", "0640"},
            {"deploy", "systemctl reload nginx"}, {"deploy", "/bin/x"}) < 0)
        fail_msg("%s", err.text);
    assert_string_equal(w.name, "n");
    assert_int_equal(w.domain_n, 2);
    assert_string_equal(w.domains[0], "b.example");
    assert_string_equal(w.domains[1], "a.example");
    assert_string_equal(w.authorities[0], "https://ca.example/dir");
    assert_string_equal(w.webroot, "");
    assert_int_equal(w.key_type, KEY_ECDSA_P384);
    assert_int_equal(w.renew_before_s, 864000);
    assert_int_equal(w.retry_s, 0);
    assert_string_equal(w.key_group, "ssl");
    assert_int_equal(w.key_mode, 0640);
    assert_int_equal(w.deploy_n, 2);
    assert_int_equal(w.deploys[0].argc, 3);
    assert_string_equal(w.deploys[0].argv[1], "reload");
    assert_int_equal(w.deploys[0].timeout_s, DEPLOY_TIMEOUT_S);
    assert_string_equal(w.deploys[1].argv[0], "/bin/x");
    struct buf b = buf_new(WISH_TEXT_MAX);
    struct wish again;
    wish_encode(&w, &b);
    assert_int_equal(wish_decode(buf_str(&b), a, &again, &err), 0);
    buf_free(&b);
    arena_free(a);
}

struct refusal {
    struct wish_option option;
    const char *text;
};

static void refusals_name_the_option(void **state)
{
    static const struct refusal bad[] = {
        {{"domain", "*.example.org"},
            "--domain: the wildcard *.example.org cannot be proven by http-01, only by the DNS; set "
            "challenge: dns-01"},
        {{"domain", "fe80::1%eth0"}, "--domain: \"fe80::1%eth0\" is an IP address of one network"},
        {{"domain", ""}, "--domain: expected a DNS name or an IP address, found an empty text"},
        {{"name", "../x"}, "--name: the name \"../x\" begins with '.'"},
        {{"authority", "letsencript"}, "--authority: there is no authority \"letsencript\" (did you mean"},
        {{"authority", "letsencrypt,nowhere"}, "--authority: there is no authority \"nowhere\""},
        {{"authority", "letsencrypt,"}, "--authority: expected the name of an authority"},
        {{"challenge", "http-01,http-01"}, "--challenge: http-01 is given twice"},
        {{"csr-file", "x.csr"}, "--csr-file: expected the absolute path"},
        {{"csr-file", "/does/not/exist"}, "--csr-file: cannot open /does/not/exist"},
        {{"on-rejected-name", "x"}, "--on-rejected-name: expected one of fail, issue-without"},
        {{"not-after", "0s"}, "--not-after: 0s is outside"},
        {{"reuse-key", "x"}, "--reuse-key: expected true or false"},
        {{"authority", "buypass"}, "--authority: buypass ended"},
        {{"challenge", "dns-02"}, "--challenge: expected one of http-01, tls-alpn-01, dns-01,"},
        {{"challenge", "dns-01"}, "--dns: the challenge is one in the DNS, but nothing says how"},
        {{"dns", "x"}, "--dns: there is no entry x of dns, nor any other"},
        {{"dns", "x y"}, "--dns: expected a name of letters,"},
        {{"webroot", "www"}, "--webroot: expected an absolute path"},
        {{"webroot", "/\xff"}, "--webroot: holds a control character, or is not UTF-8"},
        {{"key-type", "rsa-1024"}, "--key-type: expected one of ecdsa-p256,"},
        {{"key-mode", "0644"}, "--key-mode: \"0644\" gives others access"},
        {{"renew-before", "30"}, "--renew-before: expected a duration such as"},
        {{"retry", "0s"}, "--retry: 0s is outside 1s to 30d"},
        {{"deploy", ""}, "--deploy: the first word, the command, is empty"},
        {{"deploy", "bin/x"}, "--deploy: write the command \"bin/x\" as an absolute path"},
        {{"key-typ", "x"}, "unknown option \"key-typ\" (did you mean key-type?)"},
        {{"domains", "x"}, "unknown option \"domains\" (did you mean domain?)"},
        {{"publish", "der:/x"}, "--publish: expected one of fullchain, cert,"},
        {{"publish", "cert:x"}, "--publish: expected the absolute path of a file"},
        {{"publish", "cert:"}, "--publish: expected the absolute path of a file such as"},
        {{"verify", "a.example"}, "--verify: expected a host and a port"},
        {{"verfy", "x"}, "unknown option \"verfy\" (did you mean verify?)"},
        {{"publish", "x"}, "--publish: expected a format and a path, as in combined:/etc/"},
        {{"key-type", "rsa-2048,rsa-4096"}, "--key-type: rsa-2048 and rsa-4096 are of one kind"},
        {{"key-type", "rsa-2048,rsa-2048"}, "--key-type: rsa-2048 is given twice"},
        {{"key-type", "ecdsa-p256,rsa-2048,rsa-4096"}, "--key-type: more than 2 values"},
        {{"key-type", "ed25519"}, "--key-type: no public CA signs"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena *a = arena_new();
        struct wish w = {.name = "untouched"};
        struct err err = ERR_INIT;
        assert_int_equal(MAKE(a, "", &w, &err, {"domain", "a.example"}, bad[i].option), ERR_USAGE);
        assert_int_equal(err.code, ERR_USAGE);
        if (strncmp(err.text, bad[i].text, strlen(bad[i].text)) != 0)
            fail_msg("%s", err.text);
        assert_string_equal(w.name, "untouched");
        arena_free(a);
    }
}

static void what_happens_afterwards(void **state)
{
    struct arena *a = arena_new();
    struct wish w;
    struct err err = ERR_INIT;
    if (MAKE(a, "", &w, &err, {"verify", "B.example:25"}, {"domain", "a.example"}, {"deploy", "x"},
            {"publish", "fullchain:/srv/{name}.pem"}, {"verify", "[::1]:443"}, {"deploy", "y"},
            {"publish", "key:/srv/a:b"}) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(w.deploy_n, 4);
    assert_string_equal(w.deploys[0].argv[0], "x");
    assert_string_equal(w.deploys[1].argv[0], "y");
    assert_string_equal(w.deploys[2].verify, "b.example:25");
    assert_string_equal(w.deploys[2].starttls, "smtp");
    assert_string_equal(w.deploys[3].verify, "[::1]:443");
    assert_string_equal(w.deploys[3].starttls, "");
    assert_int_equal(w.publication_n, 2);
    assert_string_equal(w.publications[0].format, "fullchain");
    assert_string_equal(w.publications[0].path, "/srv/{name}.pem");
    assert_int_equal(w.publications[0].mode, 0);
    assert_string_equal(w.publications[1].path, "/srv/a:b");
    struct buf b = buf_new(WISH_TEXT_MAX);
    struct wish again;
    wish_encode(&w, &b);
    assert_int_equal(wish_decode(buf_str(&b), a, &again, &err), 0);
    buf_free(&b);
    struct wish_option many[WISH_DEPLOYS_MAX + 2] = {{"domain", "a.example"}, {"verify", "a:1"}};
    for (size_t i = 2; i < ARRAY_LEN(many); i++)
        many[i] = (struct wish_option){"deploy", "x"};
    assert_int_equal(make(a, "", many, ARRAY_LEN(many) - 1, &w, &err), 0);
    assert_int_equal(make(a, "", many, ARRAY_LEN(many), &w, &err), ERR_USAGE);
    assert_string_equal(err.text, "--deploy and --verify are given more than 16 times together");
    arena_free(a);
}

static void a_webroot_of_the_command_is_for_all_names(void **state)
{
    static const char yaml[] = "webroot: /srv/all\nwebroot-map: {a.example: /srv/a, c.example: /srv/c}\n";
    struct arena *a = arena_new();
    struct wish w;
    struct err err = ERR_INIT;
    assert_int_equal(MAKE(a, yaml, &w, &err, {"domain", "a.example"}, {"domain", "b.example"}), 0);
    assert_int_equal(w.webroot_n, 1);
    assert_string_equal(wish_webroot(&w, "a.example"), "/srv/a");
    assert_string_equal(wish_webroot(&w, "b.example"), "/srv/all");
    assert_int_equal(MAKE(a, yaml, &w, &err, {"domain", "a.example"}, {"webroot", "/srv/x"}), 0);
    assert_string_equal(wish_webroot(&w, "a.example"), "/srv/x");
    assert_int_equal(MAKE(a, "", &w, &err, {"domain", "a.example"}, {"webroot-map", "x"}), ERR_USAGE);
    assert_non_null(strstr(err.text, "unknown option \"webroot-map\""));
    arena_free(a);
}

static void copies_of_others_are_left_alone(void **state)
{
    static const char yaml[] =
        "certificates: [{domains: b.example, key-type: [ecdsa-p256, rsa-2048], publish: "
        "[{format: key, path: \"/srv/{name}\"}]}]\n";
    struct arena *a = arena_new();
    struct wish w;
    struct err err = ERR_INIT;
    assert_int_equal(
        MAKE(a, yaml, &w, &err, {"domain", "a.example"}, {"publish", "key:/srv/b.example-rsa"}), ERR_USAGE);
    assert_string_equal(err.text, "--publish: /srv/b.example-rsa is a copy of b.example already");
    assert_int_equal(MAKE(a, yaml, &w, &err, {"domain", "a.example"}, {"publish", "key:/srv/{name}"}), 0);
    assert_int_equal(
        MAKE(a, "", &w, &err, {"domain", "a.example"}, {"publish", "key:/x"}, {"publish", "cert:/x"}),
        ERR_USAGE);
    assert_string_equal(err.text, "--publish: two copies go to /x");
    arena_free(a);
}

static void some_options_may_be_given_once(void **state)
{
    struct arena *a = arena_new();
    struct wish w;
    struct err err = ERR_INIT;
    assert_int_equal(MAKE(a, "", &w, &err, {"domain", "a.example"}, {"name", "x"}, {"name", "x"}), ERR_USAGE);
    assert_string_equal(err.text, "--name: given twice");
    assert_int_equal(MAKE(a, "", &w, &err, {"name", "x"}), ERR_USAGE);
    assert_non_null(strstr(err.text, "no name is given"));
    arena_free(a);
}

static void there_are_limits(void **state)
{
    struct arena *a = arena_new();
    struct wish_option options[WISH_DOMAINS_MAX + 1];
    struct wish w;
    struct err err = ERR_INIT;
    for (size_t i = 0; i < ARRAY_LEN(options); i++)
        options[i] = (struct wish_option){"domain", arena_printf(a, "n%zu.example", i)};
    assert_int_equal(make(a, "", options, WISH_DOMAINS_MAX, &w, &err), 0);
    assert_int_equal(w.domain_n, WISH_DOMAINS_MAX);
    assert_int_equal(make(a, "", options, WISH_DOMAINS_MAX + 1, &w, &err), ERR_USAGE);
    assert_non_null(strstr(err.text, "--domain: more than 100 names"));
    for (size_t i = 0; i < WISH_DEPLOYS_MAX + 1; i++)
        options[i + 1] = (struct wish_option){"deploy", "true"};
    assert_int_equal(make(a, "", options, WISH_DEPLOYS_MAX + 1, &w, &err), 0);
    assert_int_equal(make(a, "", options, WISH_DEPLOYS_MAX + 2, &w, &err), ERR_USAGE);
    assert_string_equal(err.text, "--deploy: given more than 16 times");
    arena_free(a);
}

static void expect_words(const char *line, const char *const *words, size_t n)
{
    struct arena *a = arena_new();
    struct wish w;
    struct err err = ERR_INIT;
    if (MAKE(a, "", &w, &err, {"domain", "a.example"}, {"deploy", line}) < 0)
        fail_msg("%s: %s", line, err.text);
    assert_int_equal(w.deploys[0].argc, n);
    for (size_t i = 0; i < n; i++)
        assert_string_equal(w.deploys[0].argv[i], words[i]);
    arena_free(a);
}

#define WORDS(line, ...)                                   \
    do {                                                   \
        static const char *const words_[] = {__VA_ARGS__}; \
        expect_words(line, words_, ARRAY_LEN(words_));     \
    } while (0)

static void command_lines_are_split(void **state)
{
    WORDS("a b  c\td", "a", "b", "c", "d");
    WORDS("  a ", "a");
    WORDS("a 'b c' \"d e\" f\\ g", "a", "b c", "d e", "f g");
    WORDS("a '' \"\" b", "a", "", "", "b");
    WORDS("a b'c'\"d\"e", "a", "bcde");
    WORDS("a '$x \"y\" \\z' \"it's\"", "a", "$x \"y\" \\z", "it's");
    WORDS("a \"\\\"b\\\\c\\$d\\`e\\x\"", "a", "\"b\\c$d`e\\x");
    WORDS("a \\$b \\' \\\" \\\\ \\&", "a", "$b", "'", "\"", "\\", "&");
    WORDS("a b~ b#c --x=y:z,1%2+3@4{5}!^", "a", "b~", "b#c", "--x=y:z,1%2+3@4{5}!^");
    WORDS("sh -c 'x && y | z > /dev/null; echo $?\n w'", "sh", "-c", "x && y | z > /dev/null; echo $?\n w");
    WORDS("a \xc3\xa4", "a", "\xc3\xa4");
}

static void what_a_shell_would_act_on_is_refused(void **state)
{
    static const struct refusal bad[] = {
        {{"deploy", "a && b"}, "--deploy: no shell runs the command, so '&' would do nothing"},
        {{"deploy", "a | b"}, "'|'"},
        {{"deploy", "a; b"}, "';'"},
        {{"deploy", "a > b"}, "'>'"},
        {{"deploy", "a < b"}, "'<'"},
        {{"deploy", "a $HOME"}, "'$'"},
        {{"deploy", "a \"$HOME\""}, "'$'"},
        {{"deploy", "a `b`"}, "'`'"},
        {{"deploy", "a \"`b`\""}, "'`'"},
        {{"deploy", "(a)"}, "'('"},
        {{"deploy", "a *"}, "'*'"},
        {{"deploy", "a b?"}, "'?'"},
        {{"deploy", "a [x]"}, "'['"},
        {{"deploy", "a ~/x"}, "'~'"},
        {{"deploy", "a # b"}, "'#'"},
        {{"deploy", "a\nb"}, "no shell runs the command"},
        {{"deploy", "a 'b"}, "--deploy: a single quote is not closed"},
        {{"deploy", "a \"b"}, "--deploy: a double quote is not closed"},
        {{"deploy", "a \"b\\"}, "--deploy: a double quote is not closed"},
        {{"deploy", "a \\"}, "--deploy: a backslash stands at the end"},
        {{"deploy", "'' a"}, "--deploy: the first word, the command, is empty"},
    };
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct arena *a = arena_new();
        struct wish w;
        struct err err = ERR_INIT;
        assert_int_equal(MAKE(a, "", &w, &err, {"domain", "a.example"}, bad[i].option), ERR_USAGE);
        if (strstr(err.text, bad[i].text) == NULL)
            fail_msg("%s: %s", bad[i].option.value, err.text);
        arena_free(a);
    }
}

static void long_command_lines_end(void **state)
{
    struct arena *a = arena_new();
    struct wish w;
    struct err err = ERR_INIT;
    char *line = arena_alloc(a, WISH_DEPLOY_TEXT_MAX + 2);
    memset(line, 'x', WISH_DEPLOY_TEXT_MAX + 1);
    assert_int_equal(MAKE(a, "", &w, &err, {"domain", "a.example"}, {"deploy", line}), ERR_USAGE);
    for (size_t i = 1; i < (WISH_DEPLOY_ARGS_MAX + 1) * 2; i += 2)
        line[i] = ' ';
    line[(WISH_DEPLOY_ARGS_MAX + 1) * 2] = '\0';
    assert_int_equal(MAKE(a, "", &w, &err, {"domain", "a.example"}, {"deploy", line}), ERR_USAGE);
    assert_string_equal(err.text, "--deploy: more than 64 words");
    line[WISH_DEPLOY_ARGS_MAX * 2] = '\0';
    assert_int_equal(MAKE(a, "", &w, &err, {"domain", "a.example"}, {"deploy", line}), 0);
    assert_int_equal(w.deploys[0].argc, WISH_DEPLOY_ARGS_MAX);
    arena_free(a);
}

static void an_email_is_that_of_the_configuration(void **state)
{
    struct arena *a = arena_new();
    const char *email = "before@example.com";
    struct err err = ERR_INIT;
    assert_int_equal(settings_email("ops@example.com", a, &email, &err), 0);
    assert_string_equal(email, "ops@example.com");
    assert_int_equal(settings_email("mailto:a@example.com", a, &email, &err), ERR_USAGE);
    assert_string_equal(err.text, "--email: write the address alone, without mailto:");
    assert_int_equal(settings_email("no address", a, &email, NULL), ERR_USAGE);
    assert_string_equal(email, "ops@example.com");
    arena_free(a);
}

static void addresses_are_for_a_few_days(void **state)
{
    struct arena *a = arena_new();
    struct wish w;
    assert_int_equal(MAKE(a, "", &w, NULL, {"domain", "a.example"}, {"domain", "[2001:db8::1]"}), 0);
    assert_int_equal(w.preferred_profile_n, 1);
    assert_string_equal(w.preferred_profiles[0], "shortlived");
    assert_int_equal(MAKE(a, "", &w, NULL, {"domain", "192.0.2.1"}, {"profile", "own"}), 0);
    assert_int_equal(w.preferred_profile_n, 0);
    assert_int_equal(MAKE(a, "", &w, NULL, {"domain", "a.example"}), 0);
    assert_int_equal(w.preferred_profile_n, 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_the_start),
        cmocka_unit_test(every_option_counts),
        cmocka_unit_test(refusals_name_the_option),
        cmocka_unit_test(what_happens_afterwards),
        cmocka_unit_test(a_webroot_of_the_command_is_for_all_names),
        cmocka_unit_test(copies_of_others_are_left_alone),
        cmocka_unit_test(some_options_may_be_given_once),
        cmocka_unit_test(there_are_limits),
        cmocka_unit_test(command_lines_are_split),
        cmocka_unit_test(what_a_shell_would_act_on_is_refused),
        cmocka_unit_test(long_command_lines_end),
        cmocka_unit_test(an_email_is_that_of_the_configuration),
        cmocka_unit_test(addresses_are_for_a_few_days),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

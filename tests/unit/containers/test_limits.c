/* What is too much: each of these ends soon, says what is wrong, and spoils nothing beside it. */
#include "containers_test.h"

#include "config/wish.h"

/* NAME=n0.example,n1.example, ... */
static const char *many_names(struct arena *a, const char *key, unsigned n)
{
    struct buf b = buf_new(SAID_MAX);
    buf_printf(&b, "%s=", key);
    for (unsigned i = 0; i < n; i++)
        buf_printf(&b, "n%u.example,", i);
    const char *text = arena_dup(a, buf_str(&b));
    buf_free(&b);
    return text;
}

static size_t lines(const char *text)
{
    size_t n = 0;
    for (; (text = strchr(text, '\n')) != NULL; text++)
        n++;
    return n;
}

static void names_of_a_certificate(void **state)
{
    struct arena *a = arena_new();
    struct subject s;
    subject_init(&s);
    subject_add(&s, a, many_names(a, "evercert.domains", WISH_DOMAINS_MAX));
    subject_add(&s, a, many_names(a, "evercert.1.domains", WISH_DOMAINS_MAX + 1));
    subject_add(&s, a, many_names(a, "$ACME_HOST", 10 * 1000));
    subject_add(&s, a, many_names(a, "caddy", 10 * 1000));
    const char *got = said(&s, ALL_READERS, a);
#define TOO_MANY                                                                                         \
    "asks for more than 100 names in one certificate, which no CA signs; ask for several certificates, " \
    "as with evercert.1.domains and evercert.2.domains\n"
    assert_non_null(
        strstr(got, "! evercert.1.domains: " TOO_MANY "! ACME_HOST: " TOO_MANY "! caddy: " TOO_MANY));
    assert_int_equal(lines(got), 4);
    assert_non_null(strstr(got, ",n99.example\n"));
    arena_free(a);
}

/* The same name written over and over is read to a bound only. */
static void repetitions(void **state)
{
    enum { OCTETS = 4 * 1024 * 1024, RIGHT = 900 };
    struct arena *a = arena_new();
    struct subject s;
    subject_init(&s);
    char *value = arena_alloc(a, OCTETS + 1);
    for (size_t i = 0; i < OCTETS; i++)
        value[i] = "ab.cd,"[i % 6];
    s.labels[s.c.label_n++] = (struct pair){"caddy", value};
    s.labels[s.c.label_n++] = (struct pair){"evercert.domains", value};
    s.labels[s.c.label_n++] = (struct pair){"evercert.use", value};
    s.labels[s.c.label_n++] = (struct pair){"evercert.verify", value};
    s.labels[s.c.label_n++] = (struct pair){"traefik.http.routers.a.rule", value};
    s.labels[s.c.label_n++] = (struct pair){"traefik.http.routers.a.tls.domains[0].sans", value};
    s.env[s.c.env_n++] = (struct pair){"ACME_HOST", value};
    s.env[s.c.env_n++] = (struct pair){"ACME_KEYSIZE", value};
    const char *got = said(&s, ALL_READERS, a);
    assert_non_null(strstr(got, "! evercert.domains: " TOO_MANY));
    assert_true(lines(got) <= CLAIM_PROBLEMS_MAX && strlen(got) < 8 * 1024);
    /* All of it is one name. */
    subject_init(&s);
    char *few = arena_dup(a, (struct str){value, (size_t)RIGHT * 6});
    s.labels[s.c.label_n++] = (struct pair){"evercert.domains", few};
    assert_string_equal(said(&s, ALL_READERS, a), "evercert evercert.domains: ab.cd\n");
    arena_free(a);
}

static void certificates_of_a_container(void **state)
{
    struct arena *a = arena_new();
    struct subject s;
    subject_init(&s);
    for (unsigned i = 0; i < 200; i++)
        subject_add(&s, a, arena_printf(a, "evercert.%03u.domains=n%u.example", i, i));
    subject_add(&s, a, "evercert.on-change=restart");
    subject_add(&s, a, "caddy=x.example");
    struct container_says says;
    (void)said(&s, ALL_READERS, a);
    container_read(&s.c, ALL_READERS, NULL, 0, a, &says);
    assert_int_equal(says.claim_n, CLAIMS_PER_CONTAINER_MAX);
    assert_string_equal(says.claims[63].key, "evercert.063.domains");
    assert_int_equal(says.consumer->use_n, CONSUMER_USES_MAX);
    assert_int_equal(says.problem_n, 1);
    assert_string_equal(says.problems[0].key, "evercert.064.domains");
    assert_string_equal(says.problems[0].reason,
        "is left out with all that follow: a container may ask for 64 "
        "certificates; ask for fewer with more names each");
    /* A certificate for each of ten thousand names. */
    subject_init(&s);
    subject_add(&s, a, many_names(a, "$ACME_HOST", 10 * 1000));
    subject_add(&s, a, "$ACME_SINGLE_DOMAIN_CERTS=true");
    container_read(&s.c, ALL_READERS, NULL, 0, a, &says);
    assert_int_equal(says.claim_n, CLAIMS_PER_CONTAINER_MAX);
    assert_int_equal(says.problem_n, 1);
    arena_free(a);
}

static void problems_of_a_container(void **state)
{
    struct arena *a = arena_new();
    struct subject s;
    subject_init(&s);
    for (unsigned i = 0; i < 500; i++)
        subject_add(&s, a, arena_printf(a, "evercert.wrong-%03u=x", i));
    subject_add(&s, a, "evercert.domains=a.example");
    const char *got = said(&s, ALL_READERS, a);
    assert_int_equal(lines(got), 1 + CLAIM_PROBLEMS_MAX);
    assert_non_null(
        strstr(got, "\n! : 469 more problems of this container are not shown; mend these first\n"));
    assert_true(str_starts(str_c(got), STR("evercert evercert.domains: a.example\n")));
    arena_free(a);
}

/* Texts of a problem are short and hold nothing that a terminal obeys, whatever is quoted in them. */
static void problems_are_clean(void **state)
{
    enum { LONG = 16 * 1024 };
    static const char *const pieces[] = {
        "\x1b]0;x\x07", "a\nb\r", "\xe2\x80\xae", "\xff\xfe", "%s%n", "\x7f"};
    struct arena *a = arena_new();
    for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
        struct subject s;
        struct container_says says;
        char *text = arena_alloc(a, LONG + 8);
        while (strlen(text) + strlen(pieces[i]) < LONG)
            memcpy(text + strlen(text), pieces[i], strlen(pieces[i]));
        subject_init(&s);
        static const char *const keys[] = {"caddy", "evercert.domains", "evercert.name", "evercert.on-change",
            "evercert.use", "evercert.verify", "evercert.staging", "evercert.1.dns", "evercert.1.domains",
            "traefik.http.routers.a.rule", "traefik.http.routers.a.tls",
            "traefik.http.routers.b.tls.domains[0].main"};
        for (size_t j = 0; j < ARRAY_LEN(keys); j++)
            subject_add(&s, a,
                arena_printf(
                    a, "%s=%s", keys[j], strcmp(keys[j], "traefik.http.routers.a.tls") == 0 ? "true" : text));
        s.labels[s.c.label_n++] = (struct pair){arena_printf(a, "evercert.%s", text), ""};
        s.labels[s.c.label_n++] = (struct pair){arena_printf(a, "evercert.%s.domains", text), ""};
        s.env[s.c.env_n++] = (struct pair){"ACME_HOST", text};
        (void)said(&s, ALL_READERS, a);
        container_read(&s.c, ALL_READERS, NULL, 0, a, &says);
        assert_int_equal(says.claim_n, 0);
        assert_true(says.problem_n >= 8);
        for (size_t j = 0; j < says.problem_n; j++) {
            const char *const texts[] = {says.problems[j].key, says.problems[j].reason};
            for (size_t k = 0; k < ARRAY_LEN(texts); k++) {
                assert_true(strlen(texts[k]) < 512);
                assert_null(strpbrk(texts[k], "\x1b\x07\n\r\x7f\xff\xfe"));
                assert_null(strstr(texts[k], "\xe2\x80\xae"));
            }
        }
    }
    arena_free(a);
}

static void left_out(void **state)
{
    struct arena *a = arena_new();
    struct subject s;
    subject_init(&s);
    subject_add(&s, a, "evercert.domains=a.example");
    s.c.left_out = 3;
    assert_string_equal(said(&s, ALL_READERS, a),
        "evercert evercert.domains: a.example\n"
        "! : 3 of its labels and variables are not read, for a text may have 16384 octets and a container "
        "512 "
        "labels and 512 variables; part long lists of names among several labels\n");
    arena_free(a);
}

static void holders(void **state)
{
    static const char *const policy[] = {"tier", "owner", "none"};
    struct arena *a = arena_new();
    struct subject s;
    struct container_says says;
    subject_init(&s);
    subject_add(&s, a, "evercert.domains=a.example");
    subject_add(&s, a, "evercert.use=a.example");
    subject_add(&s, a, "owner=me");
    subject_add(&s, a, "tier=gold");
    container_read(&s.c, ALL_READERS, policy, ARRAY_LEN(policy), a, &says);
    assert_int_equal(says.claim_n, 1);
    const struct holder *h = &says.claims[0].holder;
    assert_string_equal(h->engine, "docker");
    assert_string_equal(h->id, "c0ffee");
    assert_string_equal(h->name, "web-1");
    assert_string_equal(h->image, "nginx:1");
    assert_string_equal(h->project, "shop");
    assert_string_equal(h->service_name, "web");
    assert_int_equal(h->created_s, 1000);
    assert_int_equal(h->network_n, 2);
    assert_string_equal(h->networks[1], "front");
    assert_int_equal(h->label_n, 2);
    assert_string_equal(h->labels[0].name, "tier");
    assert_string_equal(h->labels[0].value, "gold");
    assert_string_equal(h->labels[1].name, "owner");
    assert_string_equal(says.consumer->holder.id, "c0ffee");
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_of_a_certificate),
        cmocka_unit_test(repetitions),
        cmocka_unit_test(certificates_of_a_container),
        cmocka_unit_test(problems_of_a_container),
        cmocka_unit_test(problems_are_clean),
        cmocka_unit_test(left_out),
        cmocka_unit_test(holders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

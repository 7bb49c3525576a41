#include "fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

void scratch_make(struct scratch *s)
{
    snprintf(s->dir, sizeof s->dir, "/tmp/evercert-store-XXXXXX");
    assert_non_null(mkdtemp(s->dir));
    snprintf(s->db, sizeof s->db, "%s/evercert.db", s->dir);
}

void scratch_free(struct scratch *s)
{
    DIR *d = opendir(s->dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d)) != NULL;)
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            assert_int_equal(unlinkat(dirfd(d), e->d_name, 0), 0);
    closedir(d);
    assert_int_equal(rmdir(s->dir), 0);
}

static int copy_file(const char *from, const char *to)
{
    int in = open(from, O_RDONLY | O_CLOEXEC), out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (in < 0 || out < 0)
        return -1;
    static char block[65536];
    ssize_t n;
    while ((n = read(in, block, sizeof block)) > 0)
        if (write(out, block, (size_t)n) != n)
            return -1;
    close(in);
    return n == 0 ? close(out) : -1;
}

void scratch_copy(const struct scratch *s, const char *to)
{
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        char wal_from[96], wal_to[96];
        snprintf(wal_from, sizeof wal_from, "%s-wal", s->db);
        snprintf(wal_to, sizeof wal_to, "%s-wal", to);
        _exit(copy_file(s->db, to) == 0 && copy_file(wal_from, wal_to) == 0 ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

struct certificate empty_certificate(const char *name)
{
    return (struct certificate){.name = name,
        .wish = "",
        .permit = STR(""),
        .issued_wish_domains = "",
        .omitted = "",
        .profile = "",
        .key_hash = "",
        .authority = "",
        .fingerprint = "",
        .serial = "",
        .issuer = "",
        .subjects = "",
        .chain = "",
        .last_error = "",
        .last_problem = "",
        .queue = "",
        .attempts = "",
        .wait_reason = "",
        .pause_link = "",
        .ari_id = "",
        .ari_explanation = "",
        .holder = "",
        .order_url = "",
        .order_authority = "",
        .deploy_error = "",
        .deploy_event = "",
        .previous = "",
        .served_error = ""};
}

struct certificate full_certificate(struct arena *a, const char *name, int64_t seed)
{
    long long n = (long long)seed;
    return (struct certificate){.name = name,
        .wish = arena_printf(a, "{\"wish\": %lld}", n),
        .permit = arena_str(a, (struct str){"\0\xff\x01permit", 9}),
        .source = SOURCE_COMMAND,
        .holder = "container web-1",
        .park_at = {1999999999},
        .released = true,
        .revoked = true,
        .compromised = true,
        .variant = seed + 11,
        .generation = seed + 1,
        .issued_wish_domains = arena_printf(a, "%s www.%s", name, name),
        .omitted = "no.example nein.example",
        .profile = "shortlived",
        .key_hash = arena_printf(a, "h%lld", n),
        .authority = arena_printf(a, "https://ca.example/%lld/directory", n),
        .fingerprint = arena_printf(a, "f%lld", n),
        .serial = arena_printf(a, "s%lld", n),
        .issuer = "CN = M\xc3\xbcller's CA",
        .subjects = "CN=a.example\nCN=CA",
        .chain = arena_printf(a, "-----BEGIN %lld-----\n", n),
        .not_before = {seed + 2},
        .not_after = {seed + 3},
        .due_at = {seed + 4},
        .queue = arena_printf(a, "queue %lld", n),
        .urgent_at = {seed + 25},
        .renewed_at = {seed + 5},
        .failures = seed + 6,
        .last_error = "it's \"bad\"; DROP TABLE certificate",
        .last_problem = "unauthorized",
        .last_error_at = {seed + 7},
        .attempts = "https://ca.example/directory 3 5 0\n",
        .wait_until = {seed + 12},
        .wait_reason = "the CA allows so many",
        .pause_link = "https://ca.example/unpause",
        .ari_id = arena_printf(a, "aki.%lld", n),
        .ari_start = {seed + 13},
        .ari_end = {seed + 14},
        .ari_at = {seed + 15},
        .ari_due_at = {seed + 16},
        .ari_checked_at = {seed + 17},
        .ari_failures = seed + 18,
        .ari_explanation = "https://ca.example/why",
        .order_url = arena_printf(a, "https://ca.example/order/%lld", n),
        .order_authority = "https://ca.example/other",
        .order_generation = seed + 8,
        .deploy_due_at = {seed + 9},
        .deploy_failures = seed + 10,
        .deploy_error = "exit status 1",
        .deploy_event = "renewed",
        .deploy_step = seed + 19,
        .live_generation = seed + 20,
        .previous = "before",
        .look_due_at = {seed + 21},
        .served_at = {seed + 22},
        .served_error = "serves another",
        .failing_told_at = {seed + 23},
        .expiring_told_at = {seed + 24},
        .expiring_at = {seed + 25}};
}

void assert_certificate_equal(const struct certificate *a, const struct certificate *b)
{
    assert_string_equal(a->name, b->name);
    assert_string_equal(a->wish, b->wish);
    assert_true(str_eq(a->permit, b->permit));
    assert_int_equal(a->source, b->source);
    assert_string_equal(a->holder, b->holder);
    assert_int_equal(a->park_at.s, b->park_at.s);
    assert_int_equal(a->released, b->released);
    assert_int_equal(a->revoked, b->revoked);
    assert_int_equal(a->generation, b->generation);
    assert_string_equal(a->issued_wish_domains, b->issued_wish_domains);
    assert_int_equal(a->compromised, b->compromised);
    assert_int_equal(a->variant, b->variant);
    assert_string_equal(a->omitted, b->omitted);
    assert_string_equal(a->profile, b->profile);
    assert_string_equal(a->key_hash, b->key_hash);
    assert_string_equal(a->authority, b->authority);
    assert_string_equal(a->fingerprint, b->fingerprint);
    assert_string_equal(a->serial, b->serial);
    assert_string_equal(a->issuer, b->issuer);
    assert_string_equal(a->subjects, b->subjects);
    assert_string_equal(a->chain, b->chain);
    assert_int_equal(a->not_before.s, b->not_before.s);
    assert_int_equal(a->not_after.s, b->not_after.s);
    assert_int_equal(a->due_at.s, b->due_at.s);
    assert_string_equal(a->queue, b->queue);
    assert_int_equal(a->urgent_at.s, b->urgent_at.s);
    assert_int_equal(a->renewed_at.s, b->renewed_at.s);
    assert_int_equal(a->failures, b->failures);
    assert_string_equal(a->last_error, b->last_error);
    assert_string_equal(a->last_problem, b->last_problem);
    assert_int_equal(a->last_error_at.s, b->last_error_at.s);
    assert_string_equal(a->attempts, b->attempts);
    assert_int_equal(a->wait_until.s, b->wait_until.s);
    assert_string_equal(a->wait_reason, b->wait_reason);
    assert_string_equal(a->pause_link, b->pause_link);
    assert_string_equal(a->ari_id, b->ari_id);
    assert_int_equal(a->ari_start.s, b->ari_start.s);
    assert_int_equal(a->ari_end.s, b->ari_end.s);
    assert_int_equal(a->ari_at.s, b->ari_at.s);
    assert_int_equal(a->ari_due_at.s, b->ari_due_at.s);
    assert_int_equal(a->ari_checked_at.s, b->ari_checked_at.s);
    assert_int_equal(a->ari_failures, b->ari_failures);
    assert_string_equal(a->ari_explanation, b->ari_explanation);
    assert_string_equal(a->order_url, b->order_url);
    assert_string_equal(a->order_authority, b->order_authority);
    assert_int_equal(a->order_generation, b->order_generation);
    assert_int_equal(a->deploy_due_at.s, b->deploy_due_at.s);
    assert_int_equal(a->deploy_failures, b->deploy_failures);
    assert_string_equal(a->deploy_error, b->deploy_error);
    assert_string_equal(a->deploy_event, b->deploy_event);
    assert_int_equal(a->deploy_step, b->deploy_step);
    assert_int_equal(a->live_generation, b->live_generation);
    assert_string_equal(a->previous, b->previous);
    assert_int_equal(a->look_due_at.s, b->look_due_at.s);
    assert_int_equal(a->served_at.s, b->served_at.s);
    assert_string_equal(a->served_error, b->served_error);
    assert_int_equal(a->failing_told_at.s, b->failing_told_at.s);
    assert_int_equal(a->expiring_told_at.s, b->expiring_told_at.s);
    assert_int_equal(a->expiring_at.s, b->expiring_at.s);
}

void put_due(struct store *s, const char *name, int64_t due_at, int64_t deploy_due_at)
{
    struct certificate c = empty_certificate(name);
    c.due_at.s = due_at;
    c.deploy_due_at.s = deploy_due_at;
    assert_int_equal(store_certificate_put(s, &c, NULL), 0);
}

void put_queued(struct store *s, const char *name, const char *queue, int64_t due_at, int64_t urgent_at)
{
    struct certificate c = empty_certificate(name);
    c.queue = queue;
    c.due_at.s = due_at;
    c.urgent_at.s = urgent_at;
    assert_int_equal(store_certificate_put(s, &c, NULL), 0);
}

void put_ari_due(struct store *s, const char *name, int64_t ari_due_at)
{
    struct certificate c = empty_certificate(name);
    c.ari_due_at.s = ari_due_at;
    assert_int_equal(store_certificate_put(s, &c, NULL), 0);
}

void put_expiring(struct store *s, const char *name, int64_t expiring_at)
{
    struct certificate c = empty_certificate(name);
    c.expiring_at.s = expiring_at;
    assert_int_equal(store_certificate_put(s, &c, NULL), 0);
}

void put_look_due(struct store *s, const char *name, int64_t look_due_at)
{
    struct certificate c = empty_certificate(name);
    c.look_due_at.s = look_due_at;
    assert_int_equal(store_certificate_put(s, &c, NULL), 0);
}

void put_bucket(struct store *s, const char *key, int64_t at_us, int64_t expires)
{
    assert_int_equal(store_bucket_put(s, &(struct bucket_record){key, at_us, {expires}}, NULL), 0);
}

bool has_bucket(struct store *s, const char *key)
{
    struct arena *a = arena_new();
    struct bucket_record b;
    int r = store_bucket_get(s, str_c(key), a, &b, NULL);
    assert_true(r == 0 || r == ERR_NOT_FOUND);
    arena_free(a);
    return r == 0;
}

void put_key(struct store *s, const char *name, int64_t generation, const char *sealed)
{
    assert_int_equal(store_key_put(s, str_c(name), generation, str_c(sealed), NULL), 0);
}

void put_challenge(struct store *s, const char *certificate, const char *token)
{
    const struct challenge_record c = {.certificate = certificate,
        .token = token,
        .kind = 2,
        .identifier = "a.example",
        .label = "_label",
        .key_authorization = "t.k",
        .note = "{}",
        .permit = STR("permit")};
    assert_int_equal(store_challenge_put(s, &c, NULL), 0);
}

void put_history(struct store *s, int64_t at, const char *certificate, const char *text)
{
    struct history_record h = {
        .at = {at}, .certificate = certificate, .event = "failed", .text = text, .detail = "{}"};
    assert_int_equal(store_history_put(s, &h, NULL), 0);
}

bool has_certificate(struct store *s, const char *name)
{
    struct arena *a = arena_new();
    struct certificate c;
    int r = store_certificate_get(s, str_c(name), a, &c, NULL);
    assert_true(r == 0 || r == ERR_NOT_FOUND);
    arena_free(a);
    return r == 0;
}

bool has_key(struct store *s, const char *name, int64_t generation)
{
    struct arena *a = arena_new();
    struct str sealed;
    int r = store_key_get(s, str_c(name), generation, a, &sealed, NULL);
    assert_true(r == 0 || r == ERR_NOT_FOUND);
    arena_free(a);
    return r == 0;
}

static int dump_certificate(const struct certificate *c, void *arg)
{
    buf_printf(arg, "certificate %s %s %.*s %d %d %lld %lld %lld %lld %s\n", c->name, c->wish,
        STR_ARG(c->permit), (int)c->source, c->released, (long long)c->generation, (long long)c->due_at.s,
        (long long)c->deploy_due_at.s, (long long)c->ari_due_at.s, c->chain);
    return 0;
}

static int dump_name(const char *name, bool urgent, void *arg)
{
    buf_printf(arg, " %s%s", name, urgent ? "!" : "");
    return 0;
}

struct queue_dump {
    struct store *s;
    struct buf *out;
};

static int dump_queue(const struct store_queue *q, void *arg)
{
    const struct queue_dump *d = arg;
    buf_printf(
        d->out, "queue %.*s %lld %lld:", STR_ARG(q->name), (long long)q->due_at.s, (long long)q->urgent_at.s);
    int r = store_queue_due(d->s, q->name, (struct wall){INT64_MAX}, SIZE_MAX, dump_name, d->out, NULL);
    buf_put_c(d->out, "\n");
    return r;
}

static int dump_challenge(const struct challenge_record *c, void *arg)
{
    buf_printf(arg, "challenge %s %s\n", c->certificate, c->token);
    return 0;
}

static int dump_history(const struct history_record *h, void *arg)
{
    buf_printf(arg, "history %lld %lld %s %s %s %s\n", (long long)h->id, (long long)h->at.s, h->certificate,
        h->event, h->text, h->detail);
    return 0;
}

void dump_store(struct store *s, struct buf *out)
{
    assert_int_equal(store_certificate_each(s, dump_certificate, out, NULL), 0);
    buf_put_c(out, "due:\n");
    assert_int_equal(
        store_certificate_due(s, (struct wall){INT64_MAX}, SIZE_MAX, dump_certificate, out, NULL), 0);
    buf_put_c(out, "deploy due:\n");
    assert_int_equal(store_deploy_due(s, (struct wall){INT64_MAX}, SIZE_MAX, dump_certificate, out, NULL), 0);
    buf_put_c(out, "ari due:\n");
    assert_int_equal(store_ari_due(s, (struct wall){INT64_MAX}, SIZE_MAX, dump_certificate, out, NULL), 0);
    buf_put_c(out, "look due:\n");
    assert_int_equal(store_look_due(s, (struct wall){INT64_MAX}, SIZE_MAX, dump_certificate, out, NULL), 0);
    assert_int_equal(store_queues(s, dump_queue, &(struct queue_dump){s, out}, NULL), 0);
    assert_int_equal(store_challenge_each(s, dump_challenge, out, NULL), 0);
    assert_int_equal(store_history_each(s, STR(""), 0, SIZE_MAX, dump_history, out, NULL), 0);
    struct wall next;
    assert_int_equal(store_next_due(s, &next, NULL), 0);
    buf_printf(out, "next %lld\n", (long long)next.s);
    assert_false(buf_failed(out));
}

/*
 * Questions to the DNS from tests: one JSON object on standard input,
 *
 *   {"resolvers": ["127.0.0.1:5353"], "do": [
 *     {"ask": NAME, "type": "TXT"} | {"there": NAME, "type": "TXT"} | {"locate": NAME} |
 *     {"watch": NAME, "zone": ZONE, "value": TEXT, "authoritative": true, "recursive": false, "timeout_ms":
 * 10000, "delay_ms": 0, "nameservers": ["127.0.0.1:5354"]} ]}
 *
 * all at the same time, or with "one_by_one": true one after the other; for each, when it ends, a line of
 * JSON on standard output with its place in "do" as "n". Ends with 0 when all have ended, 2 where the input
 * is none.
 */
#include "base/text.h"
#include "dns/caa.h"
#include "dns/client.h"
#include "dns/propagation.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct task {
    struct run *run;
    size_t n;
};

struct run {
    struct event_base *base;
    struct dns_client *client;
    size_t open, begun;
    json_t *all;
    bool one_by_one;
};

static void start(struct task *t, json_t *what);

static json_t *text_of(struct str s)
{
    struct buf b = buf_new(1 << 20);
    text_clean(&b, s, 1 << 18);
    json_t *j = json_string(buf_c(&b));
    buf_free(&b);
    return j;
}

static json_t *error_of(const struct err *err)
{
    return err == NULL || err->code == 0
               ? json_null()
               : json_pack("{s:s, s:s}", "code", err_name(err->code), "text", err->text);
}

static void end(struct task *t, json_t *out)
{
    json_object_set_new(out, "n", json_integer((json_int_t)t->n));
    json_dumpf(out, stdout, JSON_COMPACT | JSON_SORT_KEYS);
    putchar('\n');
    fflush(stdout);
    json_decref(out);
    struct run *run = t->run;
    if (--run->open == 0)
        event_base_loopbreak(run->base);
    else if (run->one_by_one) {
        size_t next = run->begun++;
        start(t + 1, json_array_get(run->all, next));
    }
}

static void on_answer(const struct dns_answer *a, void *arg)
{
    static const char *const states[] = {"found", "no data", "no name", "failed", "bogus"};
    json_t *records = json_array();
    for (size_t i = 0; i < a->n; i++)
        json_array_append_new(
            records, json_pack("{s:o, s:o, s:i, s:I}", "text", text_of(a->records[i].text), "tag",
                         text_of(a->records[i].tag), "flags", (int)a->records[i].flags, "serial",
                         (json_int_t)a->records[i].serial));
    end(arg, json_pack("{s:s, s:s, s:o, s:o}", "state", states[a->state], "owner", a->owner, "error",
                 error_of(&a->err), "records", records));
}

static void on_place(const struct dns_place *p, const struct err *err, void *arg)
{
    json_t *chain = json_array();
    for (size_t i = 0; p != NULL && i < p->chain_n; i++)
        json_array_append_new(chain, json_string(p->chain[i]));
    end(arg, json_pack("{s:s*, s:s*, s:o, s:o}", "name", p != NULL ? p->name : NULL, "zone",
                 p != NULL ? p->zone : NULL, "chain", chain, "error", error_of(err)));
}

static void on_spread(const struct propagation_result *r, const struct err *err, void *arg)
{
    static const char *const states[] = {"seen", "missing", "lame", "silent"};
    json_t *servers = json_array();
    for (size_t i = 0; i < r->n; i++)
        json_array_append_new(servers,
            json_pack("{s:s, s:s, s:s, s:s}", "name", r->servers[i].name, "address", r->servers[i].address,
                "state", states[r->servers[i].state], "text", r->servers[i].text));
    end(arg, json_pack("{s:o, s:o, s:I}", "servers", servers, "error", error_of(err), "elapsed_ms",
                 (json_int_t)r->elapsed_ms));
}

static void watch(struct task *t, json_t *what, const char *name)
{
    const char *given[16];
    json_t *servers = json_object_get(what, "nameservers"), *limit = json_object_get(what, "timeout_ms");
    const char *zone = json_string_value(json_object_get(what, "zone"));
    const char *value = json_string_value(json_object_get(what, "value"));
    struct propagation_spec spec = {.name = name,
        .zone = zone != NULL ? zone : "",
        .value = value != NULL ? value : "",
        .authoritative = !json_is_false(json_object_get(what, "authoritative")),
        .recursive = json_is_true(json_object_get(what, "recursive")),
        .timeout_ms = limit != NULL ? json_integer_value(limit) : 10000,
        .delay_ms = json_integer_value(json_object_get(what, "delay_ms")),
        .nameservers = given};
    for (; spec.nameserver_n < json_array_size(servers) && spec.nameserver_n < 16; spec.nameserver_n++)
        given[spec.nameserver_n] = json_string_value(json_array_get(servers, spec.nameserver_n));
    propagation_start(t->run->client, &spec, on_spread, t);
}

static void on_caa(const struct caa_result *r, const struct err *err, void *arg)
{
    end(arg,
        json_pack("{s:s*, s:I, s:o}", "owner", r->owner, "count", (json_int_t)r->n, "error", error_of(err)));
}

static void look(struct task *t, json_t *what, const char *name)
{
    const char *issuers[16];
    json_t *all = json_object_get(what, "issuers");
    const char *account = json_string_value(json_object_get(what, "account"));
    const char *method = json_string_value(json_object_get(what, "method"));
    struct caa_wish wish = {.issuers = issuers,
        .account = account != NULL ? account : "",
        .method = method != NULL ? method : ""};
    for (; wish.issuer_n < json_array_size(all) && wish.issuer_n < 16; wish.issuer_n++)
        issuers[wish.issuer_n] = json_string_value(json_array_get(all, wish.issuer_n));
    caa_look(t->run->client, name, &wish, on_caa, t);
}

static enum dns_type type_of(const char *text)
{
    static const char *const types[] = {"TXT", "NS", "SOA", "CNAME", "CAA"};
    int type = DNS_TXT;
    while (type < DNS_CAA && strcmp(types[type], text) != 0)
        type++;
    return (enum dns_type)type;
}

static void start(struct task *t, json_t *what)
{
    const char *ask = json_string_value(json_object_get(what, "ask"));
    const char *there = json_string_value(json_object_get(what, "there"));
    const char *locate = json_string_value(json_object_get(what, "locate"));
    const char *type = json_string_value(json_object_get(what, "type"));
    if (ask != NULL)
        dns_ask(t->run->client, ask, type_of(type != NULL ? type : "TXT"), on_answer, t);
    else if (there != NULL)
        dns_ask_there(t->run->client, there, type_of(type != NULL ? type : "TXT"), on_answer, t);
    else if (locate != NULL)
        dns_locate(t->run->client, locate, on_place, t);
    else if (json_is_string(json_object_get(what, "watch")))
        watch(t, what, json_string_value(json_object_get(what, "watch")));
    else if (json_is_string(json_object_get(what, "caa")))
        look(t, what, json_string_value(json_object_get(what, "caa")));
    else
        exit(2);
}

int main(void)
{
    const char *servers[16];
    struct err err;
    struct run run = {.base = event_base_new()};
    json_t *in = json_loadf(stdin, 0, NULL), *all = json_object_get(in, "do");
    json_t *resolvers = json_object_get(in, "resolvers");
    size_t n = json_array_size(resolvers), i;
    for (i = 0; i < n && i < 16; i++)
        servers[i] = json_string_value(json_array_get(resolvers, i));
    run.client = dns_client_new(run.base, servers, i, &err);
    run.open = json_array_size(all);
    if (run.client == NULL || run.open == 0) {
        fprintf(stderr, "dns_run: %s\n", run.client == NULL ? err.text : "nothing to do");
        return 2;
    }
    struct task *tasks = calloc(run.open, sizeof *tasks);
    run.all = all;
    run.one_by_one = json_is_true(json_object_get(in, "one_by_one"));
    for (i = 0; i < json_array_size(all); i++)
        tasks[i] = (struct task){&run, i};
    run.begun = run.one_by_one ? 1 : run.open;
    for (i = 0; i < run.begun; i++)
        start(&tasks[i], json_array_get(all, i));
    event_base_dispatch(run.base);
    dns_client_free(run.client);
    event_base_free(run.base);
    free(tasks);
    json_decref(in);
    return 0;
}

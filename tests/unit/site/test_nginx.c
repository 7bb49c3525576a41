#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "site/edit.h"
#include "site/nginx_write.h"

#include <string.h>

#define MAIN "# configuration file /etc/nginx/nginx.conf:\n"

struct read {
    struct arena *a;
    struct nginx_config config;
    struct nginx_servers servers;
};

static void open_read(struct read *r, const char *dump)
{
    struct err err = ERR_INIT;
    r->a = arena_new();
    assert_int_equal(nginx_read(str_c(dump), r->a, &r->config, &err), 0);
    assert_int_equal(nginx_servers(&r->config, r->a, &r->servers, &err), 0);
}

static void words(void **state)
{
    struct read r;
    open_read(&r,
        MAIN "user www;#x\nset $a \"b \\\" \\. ${c};\" 'd{}';\nlog ${x}y # ; }\n;\n"
             "if ($a = \"b\") { return 200 \"\"; }\nmap $h $n { ~^(?<u>.+)\\.x$ $u; default \"\"; }\n");
    const struct nginx_directive *d = r.config.files[0].content;
    assert_string_equal(d->words[1], "www");
    d = d->next;
    assert_int_equal(d->word_n, 4);
    assert_string_equal(d->words[2], "b \" \\. ${c};");
    assert_string_equal(d->words[3], "d{}");
    d = d->next;
    assert_int_equal(d->word_n, 2);
    assert_string_equal(d->words[1], "${x}y");
    d = d->next;
    assert_true(d->block);
    assert_string_equal(d->inside->words[0], "return");
    assert_string_equal(d->inside->words[2], "");
    d = d->next;
    assert_string_equal(d->inside->words[0], "~^(?<u>.+)\\.x$");
    arena_free(r.a);
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"a;\nb\n", ":3: the file ends within a directive"},
        {"http {\n", "within a block"},
        {"}\n", ":1: unexpected }"},
        {"a }\n", "unexpected }"},
        {";\n", "unexpected ;"},
        {"{ }\n", "unexpected {"},
        {"a \"b;\n", "a quote is not closed"},
        {"a \"b\"c;\n", "behind a quote"},
        {"http {\n server { content_by_lua_block { x = {} } } }\n", ":2: Lua"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena *a = arena_new();
        struct nginx_config c;
        struct err err = ERR_INIT;
        assert_int_equal(
            nginx_read(str_c(arena_printf(a, MAIN "%s\n", cases[i].text)), a, &c, &err), ERR_INPUT);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("%s", err.text);
        assert_non_null(strstr(err.text, "/etc/nginx/nginx.conf"));
        arena_free(a);
    }
    struct arena *a = arena_new();
    struct nginx_config c;
    assert_int_equal(nginx_read(STR("hello\n"), a, &c, NULL), ERR_INPUT);
    arena_free(a);
}

static const char whole[] =
    MAIN "events { }\nhttp {\n    include mime.types;\n    include conf.d/*.conf;\n    upstream u { server "
         "127.0.0.1; }\n}\n"
         "stream { server { listen 443; server_name s.example; } }\n\n"
         "# configuration file /etc/nginx/mime.types:\ntypes { text/html html; }\n\n"
         "# configuration file /etc/nginx/conf.d/a.conf:\n"
         "server {\n    include snippets/names;\n    listen [::]:80 ipv6only=off default_server;\n    listen "
         "unix:/run/x;\n}\n"
         "server { server_name \"b.example\" .c.example mail.*; listen 192.0.2.1:8080; return 301 "
         "https://$host$request_uri; }\n"
         "server { listen localhost:443 ssl; ssl_certificate /x.pem; server_name a.example;\n"
         "  location ^~ /.well-known/acme-challenge/ { } if ($x) { return 301 https://x; } }\nserver { }\n\n"
         "# configuration file /etc/nginx/snippets/names:\nserver_name a.example *.a.example ~^r;\n\n";

static void servers(void **state)
{
    struct read r;
    open_read(&r, whole);
    assert_int_equal(r.config.file_n, 4);
    assert_int_equal(r.servers.n, 4);
    const struct nginx_server *s = r.servers.list;
    assert_int_equal(s[0].listen_n, 2);
    assert_string_equal(s[0].listens[0].address, "[::]");
    assert_true(s[0].listens[0].ipv6only_off && s[0].listens[0].default_server);
    assert_null(s[0].listens[1].address);
    assert_int_equal(s[0].name_n, 3);
    assert_true(nginx_has_regex(&s[0]));
    assert_int_equal(s[1].listens[0].port, 8080);
    assert_non_null(s[1].to_https);
    assert_null(s[2].to_https);
    assert_non_null(s[2].challenge);
    assert_string_equal(s[2].certificate, "/x.pem");
    assert_true(nginx_has_tls(&s[2], 8443) && nginx_has_tls(&s[2], 443));
    assert_true(nginx_listens_on(&s[3], 80));
    assert_false(nginx_has_tls(&s[3], 443));

    assert_true(nginx_fit(&s[0], "a.example") > nginx_fit(&s[0], "x.a.example"));
    assert_true(nginx_fit(&s[0], "x.a.example") > 0);
    assert_int_equal(nginx_fit(&s[0], "r"), 0);
    assert_true(nginx_fit(&s[1], "C.example") > 0 && nginx_fit(&s[1], "x.y.c.example") > 0);
    assert_true(nginx_fit(&s[1], "mail.example") > 0);
    assert_int_equal(nginx_fit(&s[1], "xc.example"), 0);
    assert_int_equal(nginx_line(s[1].block->file, s[1].block->begin), 6);
    arena_free(r.a);
}

static void files_that_include_themselves(void **state)
{
    struct arena *a = arena_new();
    struct nginx_config c;
    struct nginx_servers all;
    struct err err = ERR_INIT;
    assert_int_equal(
        nginx_read(STR(MAIN "include *;\nhttp { include nginx.conf; include nginx.conf; }\n\n"), a, &c, &err),
        0);
    assert_int_equal(nginx_servers(&c, a, &all, &err), ERR_LIMIT);
    arena_free(a);
}

/* The line goes in, is found again, and its going leaves what was there. */
static void there_and_back(const char *text)
{
    struct arena *a = arena_new();
    struct read r, after;
    open_read(&r, arena_printf(a, MAIN "%s\n", text));
    struct insertion in = nginx_include_line(&r.servers.list[0], "/etc/nginx/evercert/a.conf", a);
    struct buf changed = buf_new(4096), back = buf_new(4096);
    edit_insert(str_c(text), in, &changed);
    open_read(&after, arena_printf(a, MAIN "%s\n", buf_c(&changed)));
    assert_int_equal(after.servers.n, r.servers.n);
    assert_int_equal(after.servers.list[0].name_n, r.servers.list[0].name_n);
    assert_int_equal(after.servers.list[0].listen_n, r.servers.list[0].listen_n);
    const char *path = NULL;
    struct insertion found = nginx_find_include(&after.servers.list[0], &path, a);
    assert_true(str_eq(found.text, in.text));
    assert_int_equal(found.at, in.at);
    assert_string_equal(path, "/etc/nginx/evercert/a.conf");
    assert_true(edit_remove(buf_str(&changed), found, &back));
    assert_string_equal(buf_c(&back), text);
    buf_free(&changed);
    buf_free(&back);
    arena_free(after.a);
    arena_free(r.a);
    arena_free(a);
}

static void lines(void **state)
{
    there_and_back("http {\n  server {\n    listen 80;\n    server_name a.example;\n  }\n}\n");
    there_and_back(
        "http {\r\n\tserver\r\n\t{\r\n\t\tlisten 80;\r\n\t\tserver_name a.example;\r\n\t}\r\n}\r\n");
    there_and_back("http { server { listen 80; server_name a.example; } }");
    there_and_back("http { server { # a comment; }\nlisten 80; server_name a.example; }\n}\n");
    there_and_back("http { server {} }\n");
    there_and_back("http { server {\n\n\n} }\n");
}

static void include_files(void **state)
{
    struct read r;
    const char *const names[] = {"a.example"};
    struct site site = {.server = "nginx",
        .certificate = "a.example",
        .names = names,
        .name_n = 1,
        .live = "/var/lib/evercert/live/a.example",
        .webroot = "/var/lib/evercert/challenges",
        .http_port = 80,
        .tls_port = 443,
        .redirect = true};
    struct buf out = buf_new(4096);
    open_read(&r, MAIN "http { server { listen 80 default_server; listen [::]:80; listen 8080; server_name "
                       "a.example; } }\n\n");
    nginx_write_include(&site, &r.servers.list[0], false, &out);
    assert_null(strstr(buf_c(&out), "ssl"));
    assert_non_null(strstr(buf_c(&out), "    root \"/var/lib/evercert/challenges\";\n"));
    buf_clear(&out);
    nginx_write_include(&site, &r.servers.list[0], true, &out);
    assert_non_null(strstr(buf_c(&out), "\nlisten 443 ssl;\nlisten [::]:443 ssl;\nssl_certificate "));
    assert_non_null(strstr(buf_c(&out), "return 301 https://$host$request_uri;"));
    site.redirect = false;
    site.webroot = "";
    buf_clear(&out);
    nginx_write_include(&site, &r.servers.list[0], true, &out);
    assert_null(strstr(buf_c(&out), "location"));
    assert_null(strstr(buf_c(&out), "return"));
    buf_free(&out);
    arena_free(r.a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),
        cmocka_unit_test(what_is_refused),
        cmocka_unit_test(servers),
        cmocka_unit_test(files_that_include_themselves),
        cmocka_unit_test(lines),
        cmocka_unit_test(include_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

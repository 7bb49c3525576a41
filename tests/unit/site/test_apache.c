#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/attr.h"
#include "site/apache_read.h"
#include "site/apache_write.h"
#include "site/edit.h"

#include <string.h>

static void what_apache_says(void **state)
{
    struct arena *a = arena_new();
    struct apache_dump d;
    struct err err = ERR_INIT;
    const struct str dump =
        STR("Included configuration files:\n  (*) /etc/apache2/apache2.conf\n    (146) /etc/apache2/with "
            "blank.conf\n"
            "VirtualHost configuration:\n"
            "127.0.0.1:8081         c.example (/etc/apache2/c.conf:14)\n"
            "*:80                   is a NameVirtualHost\n"
            "         default server a.example (/etc/apache2/a.conf:10)\n"
            "         port 80 namevhost a.example (/etc/apache2/a.conf:10)\n"
            "                 alias www.a.example\n                 wild alias *.w.example\n"
            "         port * namevhost b (1).example (/etc/apache2/a b.conf:18)\n"
            "[2001:db8::1]:443      m.example (macro 'X' used on line 3 of \"/x\":2)\n"
            "ServerRoot: \"/etc/apache2\"\nPidFile: \"/run/apache2/apache2.pid\"\nDefine: DUMP_VHOSTS\n"
            "Loaded Modules:\n core_module (static)\n ssl_module (shared)\n");
    assert_int_equal(apache_dump_read(dump, a, &d, &err), 0);
    assert_int_equal(d.file_n, 2);
    assert_string_equal(d.files[1], "/etc/apache2/with blank.conf");
    assert_int_equal(d.host_n, 4);
    assert_string_equal(d.hosts[0].address, "127.0.0.1");
    assert_int_equal(d.hosts[0].port, 8081);
    assert_string_equal(d.hosts[0].file, "/etc/apache2/c.conf");
    assert_int_equal(d.hosts[0].line, 14);
    assert_string_equal(d.hosts[1].address, "*");
    assert_int_equal(d.hosts[1].name_n, 3);
    assert_string_equal(d.hosts[1].names[2], "*.w.example");
    assert_string_equal(d.hosts[2].file, "/etc/apache2/a b.conf");
    assert_string_equal(d.hosts[3].address, "[2001:db8::1]");
    assert_string_equal(d.hosts[3].file, "");
    assert_string_equal(d.pid_file, "/run/apache2/apache2.pid");
    assert_true(apache_has_module(&d, "ssl_module"));
    assert_false(apache_has_module(&d, "rewrite_module"));
    assert_int_equal(apache_dump_read(STR("no idea\n"), a, &d, &err), ERR_INPUT);
    arena_free(a);
}

static const char vhost[] =
    "# <VirtualHost *:80>\nListen 127.0.0.1:8080\n  <virtualhost *:80 [::1]:80>\n"
    "    ServerName https://a.example:80\n    ServerAlias \"www.a.example\" \\\n      *.b.example\n"
    "    # ServerName c.example\n    Include \"/etc/apache2/evercert/a.http.conf\"\n"
    "    SSLCertificateFile /x.pem\n    redirect permanent / https://a.example/\n"
    "  </VirtualHost>\n# end";

static void sections(void **state)
{
    struct arena *a = arena_new();
    struct apache_section s;
    struct err err = ERR_INIT;
    assert_int_equal(apache_section_read(STR(vhost), 3, a, &s, &err), 0);
    assert_int_equal(s.address_n, 2);
    assert_string_equal(s.addresses[1], "[::1]:80");
    assert_int_equal(s.name_n, 3);
    assert_string_equal(s.names[0], "a.example");
    assert_string_equal(s.names[1], "www.a.example");
    assert_string_equal(s.names[2], "*.b.example");
    assert_string_equal(s.certificate, "/x.pem");
    assert_int_equal(s.include_n, 1);
    assert_int_equal(s.to_https, 10);
    assert_memory_equal(vhost + s.body_end, "  </VirtualHost>\n", 17);
    assert_memory_equal(vhost + s.end, "# end", 6);
    assert_int_equal(apache_section_read(STR(vhost), 2, a, &s, &err), ERR_INPUT);
    assert_int_equal(apache_section_read(STR(vhost), 100, a, &s, &err), ERR_INPUT);
    assert_int_equal(apache_section_read(STR("<VirtualHost *>\nServerName a\n"), 1, a, &s, &err), ERR_INPUT);
    assert_true(apache_listens(STR(vhost), 8080));
    assert_false(apache_listens(STR(vhost), 80));
    arena_free(a);
}

static void texts(void **state)
{
    struct arena *a = arena_new();
    struct apache_section s;
    const char *const names[] = {"a.example"};
    const struct site site = {.server = "apache",
        .certificate = "a.example",
        .names = names,
        .name_n = 1,
        .live = "/l",
        .webroot = "/w",
        .http_port = 80,
        .tls_port = 8443,
        .redirect = true};
    struct buf out = buf_new(8192);
    assert_int_equal(apache_section_read(STR(vhost), 3, a, &s, NULL), 0);
    apache_write_https(&site, &s, STR(vhost), "/etc/apache2/evercert/a.http.conf", true, &out);
    assert_non_null(strstr(buf_c(&out), "    Listen 8443\n"));
    assert_non_null(
        strstr(buf_c(&out), "<VirtualHost *:8443 [::1]:8443>\n    ServerName https://a.example:80\n"));
    assert_null(strstr(buf_c(&out), "Include"));
    assert_non_null(strstr(buf_c(&out), "    SSLEngine on\n    SSLCertificateFile \"/l/fullchain.pem\"\n"));
    buf_clear(&out);
    apache_write_http(&site, false, &out);
    assert_null(strstr(buf_c(&out), "R=301"));
    buf_clear(&out);
    apache_write_http(&site, true, &out);
    assert_non_null(strstr(buf_c(&out), "\"https://%{SERVER_NAME}:8443%{REQUEST_URI}\" [R=301,L,NE]"));
    buf_free(&out);
    arena_free(a);
}

static void there_and_back(const char *text, size_t line, bool behind)
{
    struct arena *a = arena_new();
    struct apache_section s;
    struct buf changed = buf_new(4096), back = buf_new(4096);
    size_t begin, end;
    assert_int_equal(apache_section_read(str_c(text), line, a, &s, NULL), 0);
    struct insertion in = apache_include_line(&s, str_c(text), "/e/a.conf", behind, a);
    edit_insert(str_c(text), in, &changed);
    assert_true(apache_find_include(buf_str(&changed), "/e/a.conf", &begin, &end));
    assert_true(edit_remove(buf_str(&changed), in, &back));
    assert_string_equal(buf_c(&back), text);
    buf_free(&changed);
    buf_free(&back);
    arena_free(a);
}

static void lines(void **state)
{
    there_and_back("<VirtualHost *:80>\n\tServerName a\n</VirtualHost>\n", 1, false);
    there_and_back("<VirtualHost *:80>\n\tServerName a\n</VirtualHost>\n", 1, true);
    there_and_back("<VirtualHost *:80>\n</VirtualHost>", 1, false);
    there_and_back("<VirtualHost *:80>\n</VirtualHost>", 1, true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_apache_says),
        cmocka_unit_test(sections),
        cmocka_unit_test(texts),
        cmocka_unit_test(lines),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

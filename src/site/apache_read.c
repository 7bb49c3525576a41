#include "site/apache_read.h"

#include "site/list.h"

#include <string.h>

enum part { PART_OTHER, PART_FILES, PART_HOSTS, PART_MODULES };

struct reader {
    struct arena *a;
    struct apache_dump *out;
    enum part part;
    size_t host_cap, file_cap, module_cap;
    struct str address; /* of the name-based hosts that follow */
};

static void add_text(struct arena *a, const char ***list, size_t *n, size_t *cap, struct str text)
{
    *list = list_room(a, *list, *n, cap, sizeof **list);
    (*list)[(*n)++] = arena_dup(a, text);
}

/* The last occurrence of `what`. */
static bool cut_last(struct str s, struct str what, struct str *head, struct str *tail)
{
    for (size_t n = s.n; n >= what.n && n > 0; n--)
        if (memcmp(s.p + n - what.n, what.p, what.n) == 0) {
            *head = (struct str){s.p, n - what.n};
            *tail = (struct str){s.p + n, s.n - n};
            return true;
        }
    return false;
}

/* "*:80", "[::]:443", "127.0.0.1:*". */
static void read_address(struct reader *r, struct str text, struct apache_host *out)
{
    struct str host = text, digits = {"", 0};
    uint64_t port = 0;
    if (!cut_last(text, STR(":"), &host, &digits) || !str_to_u64(digits, 65535, &port))
        port = 0;
    out->address = arena_dup(r->a, host);
    out->port = (unsigned)port;
}

/* "name (file:line)"; a macro's line reads otherwise and gets no file. */
static void add_host(struct reader *r, struct str address, struct str what)
{
    struct apache_dump *d = r->out;
    d->hosts = list_room(r->a, d->hosts, d->host_n, &r->host_cap, sizeof *d->hosts);
    struct apache_host *h = &d->hosts[d->host_n++];
    *h = (struct apache_host){.file = ""};
    read_address(r, address, h);
    struct str name = what, place, file, line;
    uint64_t number = 0;
    if (cut_last(what, STR(" ("), &name, &place) && str_ends(place, STR(")"))) {
        place.n--;
        if (cut_last(place, STR(":"), &file, &line) && file.n > 0 && file.p[0] == '/' &&
            str_to_u64(line, APACHE_DUMP_MAX, &number) && number > 0) {
            h->file = arena_dup(r->a, file);
            h->line = (size_t)number;
        }
    }
    add_text(r->a, &h->names, &h->name_n, &h->name_cap, str_trim(name));
}

static void read_host_line(struct reader *r, struct str line)
{
    struct str text = str_trim(line), word, rest;
    struct apache_dump *d = r->out;
    if (line.p[0] != ' ') {
        str_cut(text, ' ', &word, &rest);
        rest = str_trim(rest);
        r->address = word;
        if (!str_eq(rest, STR("is a NameVirtualHost")) && rest.n > 0 && !str_starts(rest, STR("WARNING:")))
            add_host(r, word, rest);
        return;
    }
    struct str before, what;
    if (str_starts(text, STR("port ")) && cut_last(text, STR(" namevhost "), &before, &what)) {
        add_host(r, r->address, what);
        return;
    }
    if (d->host_n == 0)
        return;
    struct apache_host *h = &d->hosts[d->host_n - 1];
    if (str_starts(text, STR("alias ")))
        add_text(r->a, &h->names, &h->name_n, &h->name_cap, (struct str){text.p + 6, text.n - 6});
    else if (str_starts(text, STR("wild alias ")))
        add_text(r->a, &h->names, &h->name_n, &h->name_cap, (struct str){text.p + 11, text.n - 11});
}

/* "  (*) /path", "    (146) /path". */
static void read_file_line(struct reader *r, struct str line)
{
    struct str number, path;
    if (str_cut(str_trim(line), ')', &number, &path) && str_trim(path).n > 0)
        add_text(r->a, &r->out->files, &r->out->file_n, &r->file_cap, str_trim(path));
}

/* " ssl_module (shared)". */
static void read_module_line(struct reader *r, struct str line)
{
    struct str name, kind;
    if (str_cut(str_trim(line), ' ', &name, &kind))
        add_text(r->a, &r->out->modules, &r->out->module_n, &r->module_cap, name);
}

static const struct {
    struct str head;
    enum part part;
} heads[] = {
    {{"Included configuration files:", 29}, PART_FILES},
    {{"VirtualHost configuration:", 26}, PART_HOSTS},
    {{"ServerRoot:", 11}, PART_OTHER},
    {{"Loaded Modules:", 15}, PART_MODULES},
};

static void read_line(struct reader *r, struct str line)
{
    static const struct str pid = {"PidFile: \"", 10};
    for (size_t i = 0; i < ARRAY_LEN(heads); i++)
        if (str_starts(line, heads[i].head)) {
            r->part = heads[i].part;
            return;
        }
    if (str_trim(line).n == 0)
        return;
    if (r->part == PART_HOSTS)
        read_host_line(r, line);
    else if (r->part == PART_FILES)
        read_file_line(r, line);
    else if (r->part == PART_MODULES)
        read_module_line(r, line);
    else if (str_starts(line, pid) && str_ends(line, STR("\"")) && line.n > pid.n)
        r->out->pid_file = arena_dup(r->a, (struct str){line.p + pid.n, line.n - pid.n - 1});
}

int apache_dump_read(struct str dump, struct arena *a, struct apache_dump *out, struct err *err)
{
    struct reader r = {.a = a, .out = out};
    struct str line, rest = dump;
    bool hosts = false;
    *out = (struct apache_dump){.pid_file = ""};
    for (size_t n = 0; rest.n > 0; n++) {
        if (n == APACHE_LINES_MAX)
            return err_set(err, ERR_LIMIT, "the configuration of Apache is larger than is read here");
        str_cut(rest, '\n', &line, &rest);
        if (line.n > 0)
            read_line(&r, line);
        hosts |= r.part == PART_HOSTS;
    }
    return hosts ? 0 : err_set(err, ERR_INPUT, "Apache printed no list of its virtual hosts");
}

bool apache_has_module(const struct apache_dump *d, const char *name)
{
    for (size_t i = 0; i < d->module_n; i++)
        if (strcmp(d->modules[i], name) == 0)
            return true;
    return false;
}

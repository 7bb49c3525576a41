#include "processes/primitive/primitive.h"

#include "base/attr.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <resolv.h>
#include <string.h>

enum { ANSWER_MAX = 65535 };

static const struct {
    const char *name;
    ns_type type;
} types[] = {{"TXT", ns_t_txt}, {"A", ns_t_a}, {"AAAA", ns_t_aaaa}, {"CNAME", ns_t_cname}, {"NS", ns_t_ns}};

static void put_texts(const unsigned char *p, size_t n, struct buf *out)
{
    buf_put_char(out, '"');
    for (size_t i = 0; i < n && p[i] <= n - i - 1; i += 1 + (size_t)p[i])
        buf_put(out, p + i + 1, p[i]);
    buf_put_c(out, "\"\n");
}

static void put_record(const ns_msg *m, const ns_rr *rr, struct buf *out)
{
    char text[NS_MAXDNAME];
    const unsigned char *p = ns_rr_rdata(*rr);
    size_t n = ns_rr_rdlen(*rr);
    ns_type type = ns_rr_type(*rr);
    if (type == ns_t_txt)
        put_texts(p, n, out);
    else if (type == ns_t_a || type == ns_t_aaaa) {
        bool fits = n == (type == ns_t_a ? 4u : 16u);
        if (fits && inet_ntop(type == ns_t_a ? AF_INET : AF_INET6, p, text, sizeof text) != NULL)
            buf_printf(out, "%s\n", text);
    } else if (ns_name_uncompress(ns_msg_base(*m), ns_msg_end(*m), p, text, sizeof text) >= 0)
        buf_printf(out, "%s\n", text);
}

int lookup_records(const char *name, const char *type, struct buf *out, struct err *err)
{
    static unsigned char answer[ANSWER_MAX];
    size_t t = 0;
    ns_msg m;
    ns_rr rr;
    while (t < ARRAY_LEN(types) && strcmp(type, types[t].name) != 0)
        t++;
    if (t == ARRAY_LEN(types))
        return err_set(err, ERR_USAGE, "%s is no type of records that is known here", type);
    int n = res_query(name, ns_c_in, types[t].type, answer, sizeof answer);
    if (n < 0)
        return 0;
    if (n > (int)sizeof answer || ns_initparse(answer, n, &m) < 0)
        return err_set(err, ERR_INPUT, "the answer about %s is none", name);
    for (int i = 0; i < ns_msg_count(m, ns_s_an); i++)
        if (ns_parserr(&m, ns_s_an, i, &rr) == 0 && ns_rr_type(rr) == types[t].type)
            put_record(&m, &rr, out);
    return 0;
}

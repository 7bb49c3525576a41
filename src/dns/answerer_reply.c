/* One message in, one out. Who asks for what is not here is sent away with as little as DNS allows. */
#include "dns/answerer_priv.h"

#include <string.h>

enum { FORMERR = 1, NXDOMAIN = 3, NOTIMP = 4, REFUSED = 5, BADVERS = 16 };
enum { QR = 0x8000, AA = 0x0400, TC = 0x0200, RD = 0x0100, CD = 0x0010, OPCODE = 0x7800 };
enum { EDNS_DO = 0x8000 };
enum { TYPE_TKEY = 249, TYPE_IXFR = 251, TYPE_AXFR = 252, TYPE_MAILA = 254 };

struct query {
    unsigned id, flags, type, class;
    struct wire_name name; /* no octets: the question could not be read */
    bool edns;
    unsigned edns_size, edns_version, edns_flags;
    unsigned rcode; /* what is to be said of it already; 0: it is a question */
};

struct reply {
    struct buf records;
    unsigned answers, authorities;
};

/* Records behind the question: one of them may be EDNS's (RFC 6891 6.1.1), the others say nothing to us. */
static void read_records(struct wire *w, unsigned count, unsigned additional, struct query *q)
{
    for (unsigned i = 0; i < count + additional && !w->bad; i++) {
        struct wire_name owner;
        wire_name(w, &owner);
        unsigned type = wire_16(w), class = wire_16(w);
        uint32_t ttl = wire_32(w);
        wire_skip(w, wire_16(w));
        if (type != WIRE_TYPE_OPT)
            continue;
        if (q->edns || owner.n != 1 || i < count) {
            w->bad = true;
            return;
        }
        q->edns = true;
        q->edns_size = class;
        q->edns_version = ttl >> 16 & 0xff;
        q->edns_flags = ttl & 0xffff;
    }
}

/* False where nothing is to be answered: no message, or an answer. */
static bool read_query(struct str message, struct query *q)
{
    struct wire w = wire_of(message);
    *q = (struct query){.id = wire_16(&w), .flags = wire_16(&w)};
    unsigned questions = wire_16(&w), answers = wire_16(&w), authorities = wire_16(&w),
             additional = wire_16(&w);
    if (w.bad || (q->flags & QR) != 0)
        return false;
    if ((q->flags & OPCODE) != 0) {
        q->rcode = NOTIMP;
        return true;
    }
    q->rcode = FORMERR;
    if (questions != 1 || (q->flags & TC) != 0)
        return true;
    wire_name(&w, &q->name);
    q->type = wire_16(&w);
    q->class = wire_16(&w);
    if (w.bad) {
        q->name.n = 0;
        return true;
    }
    read_records(&w, answers + authorities, additional, q);
    if (w.bad || w.at != w.n) {
        q->edns = false; /* what may be wrong is not answered in kind */
        return true;
    }
    q->rcode = q->edns && q->edns_version > 0 ? BADVERS : 0;
    return true;
}

/* Octets of the OPT record: the root, type, size, the upper bits of the code and flags, no options. */
enum { OPT_SIZE = 1 + 2 + 2 + 4 + 2 };

/* All of the message; `r` NULL: none of the records. */
static void put_message(
    struct buf *out, const struct query *q, unsigned rcode, unsigned flags, const struct reply *r)
{
    wire_put_16(out, q->id);
    wire_put_16(out, QR | (q->flags & (OPCODE | RD | CD)) | flags | (rcode & 15));
    wire_put_16(out, q->name.n > 0 ? 1 : 0);
    wire_put_16(out, r != NULL ? r->answers : 0);
    wire_put_16(out, r != NULL ? r->authorities : 0);
    wire_put_16(out, q->edns ? 1 : 0);
    if (q->name.n > 0) {
        wire_put_name(out, &q->name);
        wire_put_16(out, q->type);
        wire_put_16(out, q->class);
    }
    if (r != NULL)
        buf_put_str(out, buf_str(&r->records));
    if (q->edns) {
        wire_put_8(out, 0);
        wire_put_16(out, WIRE_TYPE_OPT);
        wire_put_16(out, ANSWERER_UDP_MAX);
        wire_put_32(out, (uint32_t)(rcode >> 4) << 24 | (q->edns_flags & EDNS_DO));
        wire_put_16(out, 0);
    }
}

/* Up to the length of the data, which is put behind; returns where the length stands.
 * The owner is the name that was asked for without its first `skip` octets: a pointer into the question. */
static size_t begin_record(struct reply *r, size_t skip, unsigned type, uint32_t ttl)
{
    enum { POINTER = 0xc000 };
    wire_put_16(&r->records, (unsigned)(POINTER | (WIRE_HEAD + skip)));
    wire_put_16(&r->records, type);
    wire_put_16(&r->records, WIRE_CLASS_IN);
    wire_put_32(&r->records, ttl);
    wire_put_16(&r->records, 0);
    return r->records.n;
}

static void end_record(struct reply *r, size_t at)
{
    if (buf_failed(&r->records))
        return;
    size_t n = r->records.n - at;
    r->records.p[at - 2] = (char)(n >> 8);
    r->records.p[at - 1] = (char)n;
}

static void put_soa(const struct answerer *a, struct reply *r, const struct query *q, const struct zone *z)
{
    enum {
        REFRESH_S = 3600,
        RETRY_S = 600,
        EXPIRE_S = 7 * 86400
    }; /* for secondaries, of which there are none */
    size_t at = begin_record(r, q->name.n - z->name.n, WIRE_TYPE_SOA, ANSWERER_MISSING_S);
    wire_put_name(&r->records, &z->nameservers[0]);
    wire_put_name(&r->records, &z->contact);
    wire_put_32(&r->records, a->serial);
    wire_put_32(&r->records, REFRESH_S);
    wire_put_32(&r->records, RETRY_S);
    wire_put_32(&r->records, EXPIRE_S);
    wire_put_32(&r->records, ANSWERER_MISSING_S); /* RFC 2308 4 */
    end_record(r, at);
}

static void put_ns(struct reply *r, const struct zone *z)
{
    enum { NS_TTL_S = 3600 };
    for (size_t i = 0; i < z->nameserver_n; i++, r->answers++) {
        size_t at = begin_record(r, 0, WIRE_TYPE_NS, NS_TTL_S);
        wire_put_name(&r->records, &z->nameservers[i]);
        end_record(r, at);
    }
}

static void put_values(struct reply *r, const struct node *node)
{
    for (const struct value *v = node->values; v != NULL; v = v->next, r->answers++) {
        size_t at = begin_record(r, 0, WIRE_TYPE_TXT, ANSWERER_TTL_S);
        wire_put_txt(&r->records, (struct str){v->octets, v->n});
        end_record(r, at);
    }
}

/* In place of everything there is (RFC 8482 4.2). */
static void put_hinfo(struct reply *r)
{
    enum { HINFO_TTL_S = 3600 };
    static const char data[] = "\7RFC8482"; /* its terminator is the second, empty string */
    size_t at = begin_record(r, 0, WIRE_TYPE_HINFO, HINFO_TTL_S);
    buf_put(&r->records, data, sizeof data);
    end_record(r, at);
    r->answers++;
}

/* The records; returns the rcode. */
static unsigned put_answer(
    const struct answerer *a, struct reply *r, const struct query *q, const struct zone *z)
{
    bool apex = q->name.n == z->name.n;
    const struct node *node = answerer_node(a, &q->name);
    bool values = node != NULL && node->values != NULL;
    if (q->type == WIRE_TYPE_SOA && apex) {
        put_soa(a, r, q, z);
        r->answers++;
    } else if (q->type == WIRE_TYPE_NS && apex) {
        put_ns(r, z);
    } else if (q->type == WIRE_TYPE_TXT && values) {
        put_values(r, node);
    } else if (q->type == WIRE_TYPE_ANY && (apex || values)) {
        put_hinfo(r);
    } else {
        put_soa(a, r, q, z);
        r->authorities++;
        return apex || node != NULL ? 0 : NXDOMAIN;
    }
    return 0;
}

/* What a question that is none of ours is answered with; 0: it is ours. */
static unsigned refusal_of(const struct query *q, const struct zone *zone)
{
    if (q->rcode != 0)
        return q->rcode;
    if (q->type == WIRE_TYPE_OPT || (q->type >= TYPE_TKEY && q->type < TYPE_IXFR) ||
        (q->type > TYPE_AXFR && q->type <= TYPE_MAILA))
        return NOTIMP;
    if (q->class != WIRE_CLASS_IN || zone == NULL || q->type == TYPE_IXFR || q->type == TYPE_AXFR)
        return REFUSED;
    return 0;
}

static size_t limit_of(const struct query *q, size_t max)
{
    if (max > ANSWERER_UDP_MAX)
        return max; /* by TCP nobody says how much may come */
    size_t asked = q->edns && q->edns_size > ANSWERER_UDP_PLAIN_MAX ? q->edns_size : ANSWERER_UDP_PLAIN_MAX;
    return asked < max ? asked : max;
}

size_t answerer_respond(struct answerer *a, struct str message, size_t max, bool cut, struct buf *out)
{
    struct query q;
    if (!read_query(message, &q))
        return 0;
    struct reply r = {.records = buf_new(max)};
    const struct zone *zone = q.name.n > 0 ? answerer_zone_of(a, &q.name) : NULL;
    unsigned rcode = refusal_of(&q, zone), flags = 0;
    size_t bare = WIRE_HEAD + (q.name.n > 0 ? q.name.n + 4 : 0) + (q.edns ? OPT_SIZE : 0), before = out->n;
    if (rcode == 0 && zone != NULL) {
        flags = AA;
        if (!cut)
            rcode = put_answer(a, &r, &q, zone);
    }
    cut |= buf_failed(&r.records) || bare + r.records.n > limit_of(&q, max);
    if (bare <= max)
        put_message(out, &q, rcode, flags | (cut ? TC : 0), cut ? NULL : &r);
    buf_free(&r.records);
    return buf_failed(out) ? 0 : out->n - before;
}

size_t answerer_answer(struct answerer *a, struct str message, size_t max, struct buf *out)
{
    return answerer_respond(a, message, max, false, out);
}

#include "dns/message.h"

#include "base/text.h"

#include <string.h>

enum {
    TYPE_RRSIG = 46,
    OPTION_ERROR = 15, /* Extended DNS Error */
    BIT_QR = 0x8000,
    BIT_AA = 0x0400,
    BIT_TC = 0x0200,
    BIT_RD = 0x0100,
    BIT_CD = 0x0010,
    RRSIG_SIGNER = 18, /* octets before the signer's name */
    SOA_NUMBERS = 16,  /* octets behind the serial number */
};

static const struct {
    const char *text;
    unsigned number;
} types[] = {
    [DNS_TXT] = {"TXT", 16},
    [DNS_NS] = {"NS", 2},
    [DNS_SOA] = {"SOA", 6},
    [DNS_CNAME] = {"CNAME", 5},
    [DNS_CAA] = {"CAA", 257},
};

const char *dns_type_text(enum dns_type type)
{
    return type < DNS_TYPE_END_ ? types[type].text : "?";
}

/* --- names --- */

bool name_is_at_or_below(const char *name, const char *zone)
{
    size_t n = strlen(name), z = strlen(zone);
    if (z == 0)
        return true;
    return n >= z && strcmp(name + n - z, zone) == 0 && (n == z || name[n - z - 1] == '.');
}

const char *name_parent(const char *name)
{
    const char *dot = strchr(name, '.');
    return dot != NULL ? dot + 1 : "";
}

/* --- a question --- */

static unsigned char *put16(unsigned char *p, unsigned v)
{
    p[0] = (unsigned char)(v >> 8);
    p[1] = (unsigned char)v;
    return p + 2;
}

int message_query(unsigned char out[MESSAGE_QUERY_MAX], unsigned id, const char *name, enum dns_type type,
    unsigned flags, struct err *err)
{
    bool edns = (flags & MESSAGE_PLAIN) == 0, unchecked = (flags & MESSAGE_UNCHECKED) != 0;
    unsigned char *p = put16(out, id);
    p = put16(p, ((flags & MESSAGE_RECURSE) != 0 ? BIT_RD : 0U) | (unchecked ? BIT_CD : 0U));
    p = put16(p, 1);
    p = put16(p, 0);
    p = put16(p, 0);
    p = put16(p, edns);
    struct wire_name octets;
    if (!wire_name_scan(name, &octets))
        return err_set(err, ERR_INPUT, "\"%s\" is no name of DNS", name);
    memcpy(p, octets.octets, octets.n);
    p = put16(p + octets.n, types[type].number);
    p = put16(p, WIRE_CLASS_IN);
    if (edns) {
        *p++ = 0;
        p = put16(p, WIRE_TYPE_OPT);
        p = put16(p, MESSAGE_UDP_MAX);
        p = put16(p, 0);
        p = put16(p, unchecked ? 0x8000U : 0); /* DO */
        p = put16(p, 0);
    }
    return (int)(p - out);
}

/* --- an answer --- */

/* The strings of a TXT record, one behind the other. As below, the reader ends where the record's data do. */
static bool read_strings(struct wire *w, struct arena *arena, struct str *out)
{
    bool any = w->at < w->n; /* one string at least (RFC 1035 3.3.14) */
    char *text = arena_alloc(arena, w->n - w->at + 1);
    size_t n = 0;
    while (w->at < w->n) {
        size_t length = wire_8(w);
        const unsigned char *octets = wire_octets(w, length);
        if (octets == NULL)
            return false;
        memcpy(text + n, octets, length);
        n += length;
    }
    text[n] = '\0';
    *out = (struct str){text, n};
    return any;
}

static struct str lowered(struct arena *arena, struct str s)
{
    char *text = arena_dup(arena, s);
    for (size_t i = 0; i < s.n; i++)
        if (text[i] >= 'A' && text[i] <= 'Z')
            text[i] = (char)(text[i] - 'A' + 'a');
    return (struct str){text, s.n};
}

static bool read_caa(struct wire *w, struct arena *arena, struct dns_record *out)
{
    out->flags = wire_8(w);
    size_t tag_n = wire_8(w);
    const unsigned char *tag = wire_octets(w, tag_n);
    if (tag == NULL || tag_n == 0)
        return false;
    out->tag = lowered(arena, (struct str){(const char *)tag, tag_n});
    out->text = arena_str(arena, (struct str){(const char *)w->p + w->at, w->n - w->at});
    return true;
}

static bool read_name(struct wire *w, struct arena *arena, struct str *out)
{
    struct wire_name name;
    char text[WIRE_NAME_TEXT_MAX];
    wire_name(w, &name);
    wire_name_print(&name, text);
    *out = arena_str(arena, str_c(text));
    return !w->bad;
}

static bool read_data(struct wire *w, enum dns_type type, struct arena *arena, struct message_record *out)
{
    struct wire_name skipped;
    switch (type) {
    case DNS_TXT:
        return read_strings(w, arena, &out->value.text);
    case DNS_CAA:
        return read_caa(w, arena, &out->value);
    case DNS_NS:
    case DNS_CNAME:
        return read_name(w, arena, &out->value.text) && w->at == w->n;
    case DNS_SOA:
        wire_name(w, &skipped); /* the first server */
        wire_name(w, &skipped); /* who is in charge */
        out->value.serial = wire_32(w);
        wire_skip(w, SOA_NUMBERS);
        out->value.text = str_c(out->owner);
        return !w->bad && w->at == w->n;
    case DNS_TYPE_END_:
        wire_skip(w, RRSIG_SIGNER);
        return read_name(w, arena, &out->value.text);
    }
    return false;
}

static void read_options(struct wire *w, struct arena *arena, struct message *m)
{
    while (w->n - w->at >= 4) {
        unsigned code = wire_16(w);
        size_t n = wire_16(w);
        const char *said = (const char *)wire_octets(w, n);
        if (said == NULL)
            return;
        if (code == OPTION_ERROR && n >= 2 && m->error < 0) {
            struct buf text = buf_new((size_t)4 * MESSAGE_ERROR_MAX);
            m->error = (unsigned char)said[0] << 8 | (unsigned char)said[1];
            text_clean(&text, (struct str){said + 2, n - 2}, MESSAGE_ERROR_MAX);
            m->error_text = arena_dup_c(arena, buf_c(&text));
            buf_free(&text);
        }
    }
}

static bool known_type(unsigned number, enum dns_type *type)
{
    for (int i = 0; i < DNS_TYPE_END_; i++)
        if (types[i].number == number) {
            *type = (enum dns_type)i;
            return true;
        }
    *type = DNS_TYPE_END_;
    return number == TYPE_RRSIG;
}

static bool read_record(struct wire *w, enum message_section section, struct arena *arena,
    struct message_record *kept, struct message *m)
{
    struct wire_name owner;
    char text[WIRE_NAME_TEXT_MAX];
    enum dns_type type;
    wire_name(w, &owner);
    unsigned number = wire_16(w), class = wire_16(w);
    uint32_t ttl = wire_32(w);
    size_t length = wire_16(w);
    if (w->bad || length > w->n - w->at)
        return false;
    struct wire data = *w;
    data.n = w->at + length;
    wire_skip(w, length);
    if (number == WIRE_TYPE_OPT && section == MESSAGE_ADDITIONAL && !m->has_edns) {
        m->has_edns = true;
        m->rcode |= ttl >> 24 << 4;
        read_options(&data, arena, m);
    } else if (known_type(number, &type) && class == WIRE_CLASS_IN && m->n < MESSAGE_RECORDS_MAX) {
        struct message_record *one = &kept[m->n];
        wire_name_print(&owner, text);
        *one = (struct message_record){.owner = arena_dup_c(arena, text), .section = section, .type = type};
        if (!read_data(&data, type, arena, one))
            return false;
        m->n++;
    }
    return true;
}

int message_read(struct str octets, struct arena *arena, struct message *m, struct err *err)
{
    struct wire w = wire_of(octets);
    *m = (struct message){.error = -1, .error_text = ""};
    wire_skip(&w, 2);
    unsigned bits = wire_16(&w), questions = wire_16(&w), counts[MESSAGE_ADDITIONAL + 1];
    size_t wanted = 0;
    for (int section = MESSAGE_ANSWER; section <= MESSAGE_ADDITIONAL; section++)
        wanted += counts[section] = wire_16(&w);
    if (w.bad || (bits & BIT_QR) == 0 || questions > 1)
        return err_set(err, ERR_INPUT, "sent something that is no answer");
    w.first = w.at;
    m->rcode = bits & 0xfU;
    m->authoritative = (bits & BIT_AA) != 0;
    m->truncated = (bits & BIT_TC) != 0;
    struct message_record *kept =
        arena_array(arena, wanted < MESSAGE_RECORDS_MAX ? wanted + 1 : MESSAGE_RECORDS_MAX, sizeof *kept);
    m->records = kept;
    if (questions == 1) {
        struct wire_name asked;
        wire_name(&w, &asked);
        wire_skip(&w, 4);
    }
    bool good = !w.bad;
    for (int section = MESSAGE_ANSWER; good && section <= MESSAGE_ADDITIONAL; section++)
        for (unsigned i = counts[section]; good && i > 0; i--)
            good = read_record(&w, (enum message_section)section, arena, kept, m);
    /* A truncated answer may end anywhere; what is whole of it still tells something. */
    if (!good && !m->truncated)
        return err_set(err, ERR_INPUT, "sent an answer that is broken");
    return 0;
}

/* --- what an answer says --- */

static const char *alias_of(const struct message *m, const char *name)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->records[i].section == MESSAGE_ANSWER && m->records[i].type == DNS_CNAME &&
            strcmp(m->records[i].owner, name) == 0)
            return m->records[i].value.text.p;
    return NULL;
}

int message_follow(const struct message *m, struct arena *arena, const char *name, enum dns_type type,
    const char **owner, const struct dns_record **records, size_t *n, struct err *err)
{
    const char *at = lowered(arena, str_c(name)).p;
    if (type != DNS_CNAME) {
        const char *next = alias_of(m, at);
        for (int i = 0; next != NULL; i++, next = alias_of(m, at)) {
            if (i == DNS_CHAIN_MAX)
                return err_set(
                    err, ERR_LIMIT, "the CNAMEs of %s have no end: %s leads to %s", name, at, next);
            at = next;
        }
    }
    size_t count = 0;
    struct dns_record *found =
        arena_array(arena, m->n < DNS_RECORDS_MAX ? m->n : DNS_RECORDS_MAX, sizeof *found);
    for (size_t i = 0; i < m->n && count < DNS_RECORDS_MAX; i++)
        if (m->records[i].section == MESSAGE_ANSWER && m->records[i].type == type &&
            strcmp(m->records[i].owner, at) == 0)
            found[count++] = m->records[i].value;
    *owner = at;
    *records = found;
    *n = count;
    return 0;
}

const char *message_zone(const struct message *m, const char *name)
{
    for (size_t i = 0; i < m->n; i++)
        if (m->records[i].section == MESSAGE_AUTHORITY && m->records[i].type == DNS_SOA)
            return name_is_at_or_below(name, m->records[i].owner) ? m->records[i].owner : NULL;
    return NULL;
}

/* --- words --- */

const char *message_rcode_text(unsigned rcode)
{
    static const char *const texts[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
        "YXDOMAIN", "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE"};
    return rcode < sizeof texts / sizeof *texts ? texts[rcode] : "an unknown error";
}

/* The registry of RFC 8914 5.2, with what was added to it. */
static const struct {
    const char *text;
    bool dnssec;
} errors[] = {
    [0] = {"other error", false},
    [1] = {"unsupported DNSKEY algorithm", true},
    [2] = {"unsupported DS digest type", true},
    [3] = {"stale answer", false},
    [4] = {"forged answer", false},
    [5] = {"DNSSEC indeterminate", true},
    [6] = {"DNSSEC bogus", true},
    [7] = {"signature expired", true},
    [8] = {"signature not yet valid", true},
    [9] = {"DNSKEY missing", true},
    [10] = {"RRSIGs missing", true},
    [11] = {"no zone key bit set", true},
    [12] = {"NSEC missing", true},
    [13] = {"cached error", false},
    [14] = {"not ready", false},
    [15] = {"blocked", false},
    [16] = {"censored", false},
    [17] = {"filtered", false},
    [18] = {"prohibited", false},
    [19] = {"stale NXDOMAIN answer", false},
    [20] = {"not authoritative", false},
    [21] = {"not supported", false},
    [22] = {"no reachable authority", false},
    [23] = {"network error", false},
    [24] = {"invalid data", false},
    [25] = {"signature expired before valid", true},
    [26] = {"too early", false},
    [27] = {"unsupported NSEC3 iterations value", true},
};

const char *message_error_text(int error)
{
    return error >= 0 && error < (int)(sizeof errors / sizeof *errors) ? errors[error].text : NULL;
}

bool message_error_is_dnssec(int error)
{
    return message_error_text(error) != NULL && errors[error].dnssec;
}

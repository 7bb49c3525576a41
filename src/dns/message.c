#include "dns/message.h"

#include "base/text.h"

#include <string.h>

enum {
    HEAD = 12,
    LABEL_MAX = 63,
    CLASS_IN = 1,
    TYPE_OPT = 41,
    TYPE_RRSIG = 46,
    OPTION_ERROR = 15, /* Extended DNS Error */
    RECORD_HEAD = 10,  /* type, class, TTL, length */
    BIT_QR = 0x8000,
    BIT_AA = 0x0400,
    BIT_TC = 0x0200,
    BIT_RD = 0x0100,
    BIT_CD = 0x0010,
    RRSIG_SIGNER = 18, /* octets before the signer's name */
    SOA_NUMBERS = 20,
    NAME_TEXT_MAX = 4 * MESSAGE_NAME_MAX + 1,
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

static int digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : -1;
}

/* One octet of a label as it is written: itself, or \DDD. Returns how many characters it took, 0 for none. */
static size_t take_octet(const char *p, unsigned char *out)
{
    if (*p != '\\') {
        *out = (unsigned char)*p;
        return (unsigned char)*p > ' ' && (unsigned char)*p < 0x7f ? 1 : 0;
    }
    for (int i = 1; i <= 3; i++)
        if (digit(p[i]) < 0)
            return 0;
    int value = digit(p[1]) * 100 + digit(p[2]) * 10 + digit(p[3]);
    *out = (unsigned char)value;
    return value <= 255 ? 4 : 0;
}

/* The name as octets; returns how many, 0 where it is none. */
static size_t name_write(unsigned char out[MESSAGE_NAME_MAX], const char *name)
{
    size_t n = 0;
    while (*name != '\0') {
        size_t label = n++;
        while (*name != '\0' && *name != '.') {
            size_t took = n < MESSAGE_NAME_MAX - 1 ? take_octet(name, &out[n]) : 0;
            if (took == 0)
                return 0;
            name += took;
            n++;
        }
        size_t length = n - label - 1;
        if (length == 0 || length > LABEL_MAX || (*name == '.' && name[1] == '\0'))
            return 0;
        out[label] = (unsigned char)length;
        name += *name == '.';
    }
    out[n++] = 0;
    return n;
}

/* What is read, and how far. */
struct reader {
    const unsigned char *p;
    size_t n, at;
};

static unsigned get16(const unsigned char *p)
{
    return (unsigned)p[0] << 8 | p[1];
}

static uint32_t get32(const unsigned char *p)
{
    return (uint32_t)get16(p) << 16 | get16(p + 2);
}

static size_t put_octet(char *text, unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        c = (unsigned char)(c - 'A' + 'a');
    if (c > ' ' && c < 0x7f && c != '.' && c != '\\') {
        *text = (char)c;
        return 1;
    }
    text[0] = '\\';
    text[1] = (char)('0' + c / 100);
    text[2] = (char)('0' + c / 10 % 10);
    text[3] = (char)('0' + c % 10);
    return 4;
}

/* Reads a name at r->at, which must end before `end` where it stands, and goes behind it. A pointer leads
 * backwards only, to before everything read so far, so that it ends. With text == NULL it is skipped. */
static bool name_read(struct reader *r, size_t end, char text[NAME_TEXT_MAX])
{
    size_t at = r->at, barrier = r->at, octets = 1, t = 0;
    bool jumped = false;
    for (;;) {
        if (at >= end)
            return false;
        unsigned c = r->p[at];
        if (c == 0)
            break;
        if (c >= 0xc0) {
            if (end - at < 2)
                return false;
            size_t to = get16(r->p + at) & 0x3fffU;
            if (!jumped)
                r->at = at + 2;
            jumped = true;
            if (to >= barrier || to < HEAD)
                return false;
            at = barrier = to;
            end = r->n;
            continue;
        }
        octets += c + 1;
        if (c > LABEL_MAX || c >= end - at || octets > MESSAGE_NAME_MAX)
            return false;
        if (text != NULL && t > 0)
            text[t++] = '.';
        for (size_t i = 1; text != NULL && i <= c; i++)
            t += put_octet(text + t, r->p[at + i]);
        at += c + 1;
    }
    if (!jumped)
        r->at = at + 1;
    if (text != NULL)
        text[t] = '\0';
    return true;
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
    size_t n = name_write(p, name);
    if (n == 0)
        return err_set(err, ERR_INPUT, "\"%s\" is no name of DNS", name);
    p = put16(p + n, types[type].number);
    p = put16(p, CLASS_IN);
    if (edns) {
        *p++ = 0;
        p = put16(p, TYPE_OPT);
        p = put16(p, MESSAGE_UDP_MAX);
        p = put16(p, 0);
        p = put16(p, unchecked ? 0x8000U : 0); /* DO */
        p = put16(p, 0);
    }
    return (int)(p - out);
}

/* --- an answer --- */

/* The strings of a TXT record, one behind the other. */
static bool read_strings(const struct reader *r, size_t end, struct arena *arena, struct str *out)
{
    char *text = arena_alloc(arena, end - r->at + 1);
    size_t n = 0, at = r->at;
    while (at < end) {
        size_t length = r->p[at];
        if (length >= end - at)
            return false;
        memcpy(text + n, r->p + at + 1, length);
        n += length;
        at += length + 1;
    }
    text[n] = '\0';
    *out = (struct str){text, n};
    return r->at < end; /* one string at least (RFC 1035 3.3.14) */
}

static bool read_caa(const struct reader *r, size_t end, struct arena *arena, struct dns_record *out)
{
    size_t n = end - r->at, tag_n = n >= 2 ? r->p[r->at + 1] : 0;
    if (tag_n == 0 || tag_n > n - 2)
        return false;
    out->flags = r->p[r->at];
    char *tag = arena_alloc(arena, tag_n + 1);
    for (size_t i = 0; i < tag_n; i++) {
        char c = (char)r->p[r->at + 2 + i];
        tag[i] = (char)(c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c);
    }
    out->tag = (struct str){tag, tag_n};
    out->text = arena_str(arena, (struct str){(const char *)r->p + r->at + 2 + tag_n, n - 2 - tag_n});
    return true;
}

static bool read_name_text(struct reader *r, size_t end, struct arena *arena, struct str *out)
{
    char text[NAME_TEXT_MAX];
    if (!name_read(r, end, text))
        return false;
    *out = arena_str(arena, str_c(text));
    return true;
}

/* The data of one record, which ends at `end`. */
static bool read_data(
    struct reader *r, size_t end, enum dns_type type, struct arena *arena, struct message_record *out)
{
    switch (type) {
    case DNS_TXT:
        return read_strings(r, end, arena, &out->value.text);
    case DNS_CAA:
        return read_caa(r, end, arena, &out->value);
    case DNS_NS:
    case DNS_CNAME:
        return read_name_text(r, end, arena, &out->value.text) && r->at == end;
    case DNS_SOA:
        for (int i = 0; i < 2; i++) /* the first server, and who is in charge */
            if (!name_read(r, end, NULL))
                return false;
        if (end - r->at != SOA_NUMBERS)
            return false;
        out->value.serial = get32(r->p + r->at);
        out->value.text = str_c(out->owner);
        return true;
    case DNS_TYPE_END_:
        if (end - r->at < RRSIG_SIGNER)
            return false;
        r->at += RRSIG_SIGNER;
        return read_name_text(r, end, arena, &out->value.text);
    }
    return false;
}

static void read_options(const struct reader *r, size_t end, struct arena *arena, struct message *m)
{
    for (size_t at = r->at; end - at >= 4;) {
        unsigned code = get16(r->p + at);
        size_t n = get16(r->p + at + 2);
        at += 4;
        if (n > end - at)
            return;
        if (code == OPTION_ERROR && n >= 2 && m->error < 0) {
            struct buf text = buf_new((size_t)4 * MESSAGE_ERROR_MAX);
            m->error = (int)get16(r->p + at);
            text_clean(&text, (struct str){(const char *)r->p + at + 2, n - 2}, MESSAGE_ERROR_MAX);
            m->error_text = arena_dup_c(arena, buf_c(&text));
            buf_free(&text);
        }
        at += n;
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

static bool read_record(struct reader *r, enum message_section section, struct arena *arena,
    struct message_record *kept, struct message *m)
{
    char owner[NAME_TEXT_MAX];
    enum dns_type type;
    if (!name_read(r, r->n, owner) || r->n - r->at < RECORD_HEAD)
        return false;
    const unsigned char *head = r->p + r->at;
    size_t length = get16(head + 8);
    r->at += RECORD_HEAD;
    if (length > r->n - r->at)
        return false;
    size_t end = r->at + length;
    unsigned number = get16(head);
    if (number == TYPE_OPT && section == MESSAGE_ADDITIONAL && !m->has_edns) {
        m->has_edns = true;
        m->rcode |= (unsigned)head[4] << 4;
        read_options(r, end, arena, m);
    } else if (known_type(number, &type) && get16(head + 2) == CLASS_IN && m->n < MESSAGE_RECORDS_MAX) {
        struct message_record *one = &kept[m->n];
        *one = (struct message_record){.owner = arena_dup_c(arena, owner), .section = section, .type = type};
        if (!read_data(r, end, type, arena, one))
            return false;
        m->n++;
    }
    r->at = end;
    return true;
}

int message_read(struct str octets, struct arena *arena, struct message *m, struct err *err)
{
    struct reader r = {(const unsigned char *)octets.p, octets.n, HEAD};
    *m = (struct message){.error = -1, .error_text = ""};
    if (octets.n < HEAD || (get16(r.p + 2) & BIT_QR) == 0 || get16(r.p + 4) > 1)
        return err_set(err, ERR_INPUT, "sent something that is no answer");
    unsigned bits = get16(r.p + 2);
    m->rcode = bits & 0xfU;
    m->authoritative = (bits & BIT_AA) != 0;
    m->truncated = (bits & BIT_TC) != 0;
    size_t wanted = get16(r.p + 6) + (size_t)get16(r.p + 8) + get16(r.p + 10);
    struct message_record *kept =
        arena_array(arena, wanted < MESSAGE_RECORDS_MAX ? wanted + 1 : MESSAGE_RECORDS_MAX, sizeof *kept);
    m->records = kept;
    bool good = true;
    if (get16(r.p + 4) == 1) {
        good = name_read(&r, r.n, NULL) && r.n - r.at >= 4;
        r.at += 4;
    }
    for (int section = MESSAGE_ANSWER; good && section <= MESSAGE_ADDITIONAL; section++)
        for (unsigned i = get16(r.p + 6 + 2 * section); good && i > 0; i--)
            good = read_record(&r, (enum message_section)section, arena, kept, m);
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
    const char *at = name;
    char *lower = arena_dup_c(arena, name);
    for (char *p = lower; *p != '\0'; p++)
        if (*p >= 'A' && *p <= 'Z')
            *p = (char)(*p - 'A' + 'a');
    at = lower;
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

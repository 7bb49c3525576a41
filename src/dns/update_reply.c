/* What the answer to an update says. The octets are read twice: by us, who want a signature to be the last
 * record, of our key, and young; and by ldns, which computes it. */
#include "dns/update_message.h"

#include "base/time.h"

#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

enum { UPDATE_OPCODE = 5 };
enum { TSIG_BADSIG = 16, TSIG_BADKEY = 17, TSIG_BADTIME = 18, TSIG_BADTRUNC = 22 };

struct reply {
    unsigned rcode;
    bool is_signed;
    struct wire_name key, algorithm;
    int64_t time_s, server_s; /* signed at; the server's clock where it says BADTIME, else -1 */
    unsigned fudge, mac_n, error;
};

static int64_t read_48(struct wire *w)
{
    int64_t high = wire_16(w);
    return high << 32 | (int64_t)wire_32(w);
}

/* The data of the signature (RFC 8945 4.2). */
static void read_signature(struct wire *w, struct reply *r)
{
    r->is_signed = true;
    wire_name(w, &r->algorithm);
    r->time_s = read_48(w);
    r->fudge = wire_16(w);
    r->mac_n = wire_16(w);
    wire_skip(w, r->mac_n);
    wire_skip(w, 2); /* the original id */
    r->error = wire_16(w);
    unsigned other = wire_16(w);
    r->server_s = r->error == TSIG_BADTIME && other == 6 ? read_48(w) : -1;
    wire_skip(w, r->server_s >= 0 ? 0 : other);
}

/* False where it is no answer to our update. */
static bool read_reply(struct str octets, unsigned id, struct reply *r)
{
    enum { QR = 0x8000, OPCODE_SHIFT = 11, OPCODE_MASK = 15, RCODE_MASK = 15, SECTIONS = 4 };
    struct wire w = wire_of(octets);
    unsigned count[SECTIONS];
    *r = (struct reply){.server_s = -1};
    unsigned got_id = wire_16(&w), flags = wire_16(&w);
    for (size_t i = 0; i < SECTIONS; i++)
        count[i] = wire_16(&w);
    r->rcode = flags & RCODE_MASK;
    if (w.bad || got_id != id || (flags & QR) == 0 || (flags >> OPCODE_SHIFT & OPCODE_MASK) != UPDATE_OPCODE)
        return false;
    for (unsigned i = 0; i < count[0] && !w.bad; i++) {
        struct wire_name name;
        wire_name(&w, &name);
        wire_skip(&w, 4);
    }
    unsigned records = count[1] + count[2] + count[3];
    for (unsigned i = 0; i < records && !w.bad; i++) {
        struct wire_name owner;
        wire_name(&w, &owner);
        unsigned type = wire_16(&w);
        wire_skip(&w, 2 + 4);
        unsigned n = wire_16(&w);
        if (type != WIRE_TYPE_TSIG) {
            wire_skip(&w, n);
            continue;
        }
        size_t end = w.at + n;
        if (i + 1 != records || count[3] == 0)
            return false; /* it has to be the last one of all */
        r->key = owner;
        read_signature(&w, r);
        w.bad |= w.at != end;
    }
    return !w.bad && w.at == w.n;
}

/* Whether the signature is one of our key over this answer to that request. */
static bool is_authentic(const struct update_message *m, struct str octets, const struct reply *r)
{
    struct wire_name key, algorithm;
    ldns_pkt *packet = NULL;
    if (wire_name_of(m->key_name, &key, NULL) < 0 || wire_name_of(m->algorithm, &algorithm, NULL) < 0 ||
        !wire_name_eq(&key, &r->key) || !wire_name_eq(&algorithm, &r->algorithm))
        return false;
    if (ldns_wire2pkt(&packet, (const uint8_t *)octets.p, octets.n) != LDNS_STATUS_OK)
        return false;
    ldns_rdf *mac = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_INT16_DATA, m->mac_n, m->mac);
    bool ok = mac != NULL &&
              ldns_pkt_tsig_verify(packet, (const uint8_t *)octets.p, octets.n, m->key_name, m->secret, mac);
    ldns_rdf_deep_free(mac);
    ldns_pkt_free(packet);
    return ok;
}

static int clocks_differ(const struct update_message *m, int64_t difference_s, struct err *err)
{
    char text[DURATION_TEXT_MAX];
    int64_t size = difference_s < 0 ? -difference_s : difference_s;
    return err_set(err, ERR_REFUSED,
        "%s refused the update of %s: the clock of this machine is %s %s that of the server (BADTIME), more "
        "than "
        "the %d s that are allowed; set it right, by NTP for example",
        m->server, m->zone, duration_about(size, text), difference_s < 0 ? "behind" : "ahead of",
        UPDATE_FUDGE_S);
}

/* Errors of the signature are said beside the rcode, which is NOTAUTH then (RFC 8945 5.2). */
static int signature_error(
    const struct update_message *m, const struct reply *r, int64_t now_s, struct err *err)
{
    switch (r->error) {
    case TSIG_BADKEY:
        return err_set(err, ERR_REFUSED,
            "%s refused the update of %s: it has no key \"%s\" for %.*s (BADKEY); its name and algorithm "
            "have to be "
            "those of the server's configuration",
            m->server, m->zone, m->key_name, (int)strcspn(m->algorithm, "."), m->algorithm);
    case TSIG_BADSIG:
        return err_set(err, ERR_REFUSED,
            "%s refused the update of %s: the secret of the key \"%s\" is not the server's (BADSIG)",
            m->server, m->zone, m->key_name);
    case TSIG_BADTIME:
        if (r->server_s >= 0)
            return clocks_differ(m, now_s - r->server_s, err);
        return err_set(err, ERR_REFUSED,
            "%s refused the update of %s: the clocks of this machine and of the server differ (BADTIME)",
            m->server, m->zone);
    case TSIG_BADTRUNC:
        return err_set(err, ERR_REFUSED,
            "%s refused the update of %s: it wants signatures of another length (BADTRUNC)", m->server,
            m->zone);
    default:
        return err_set(err, ERR_REFUSED, "%s refused the signature of the update of %s: error %u of TSIG",
            m->server, m->zone, r->error);
    }
}

static int rcode_error(const struct update_message *m, unsigned rcode, struct err *err)
{
    enum { FORMERR = 1, SERVFAIL = 2, NXDOMAIN = 3, NOTIMP = 4, REFUSED = 5, NOTAUTH = 9, NOTZONE = 10 };
    switch (rcode) {
    case FORMERR:
        return err_set(
            err, ERR_INPUT, "%s takes the update of %s for malformed (FORMERR)", m->server, m->zone);
    case SERVFAIL:
        return err_set(err, ERR_NETWORK,
            "%s could not do the update of %s (SERVFAIL): its own log says why; often it may not write the "
            "zone's "
            "journal",
            m->server, m->zone);
    case NOTIMP:
        return err_set(err, ERR_REFUSED,
            "%s takes no updates of %s (NOTIMP): name the zone's primary server, and allow updates there",
            m->server, m->zone);
    case REFUSED:
        return err_set(err, ERR_REFUSED,
            "%s refused the update: %s%s%s may not change TXT records at %s (REFUSED); "
            "see its allow-update, update-policy or acl",
            m->server, m->key_name[0] != '\0' ? "the key \"" : "an update that is not signed", m->key_name,
            m->key_name[0] != '\0' ? "\"" : "", m->name);
    case NOTAUTH:
        return err_set(err, ERR_REFUSED,
            "%s is no primary server of the zone %s (NOTAUTH): look at \"server\" and \"zone\"", m->server,
            m->zone);
    case NXDOMAIN:
    case NOTZONE:
        return err_set(err, ERR_INPUT, "%s says that %s does not lie in its zone %s (%s)", m->server, m->name,
            m->zone, rcode == NOTZONE ? "NOTZONE" : "NXDOMAIN");
    default:
        return err_set(
            err, ERR_FAILED, "%s did not do the update of %s: response code %u", m->server, m->zone, rcode);
    }
}

int update_message_judge(const struct update_message *m, struct str reply, int64_t now_s, struct err *err)
{
    struct reply r;
    if (!read_reply(reply, m->id, &r))
        return err_set(err, ERR_NETWORK, "what %s sent is no answer to the update of %s", m->server, m->zone);
    bool with_key = m->key_name[0] != '\0';
    if (with_key && r.is_signed && r.error != 0)
        return signature_error(m, &r, now_s, err);
    if (r.rcode != 0)
        return rcode_error(m, r.rcode, err);
    if (!with_key)
        return 0;
    if (!r.is_signed)
        return err_set(err, ERR_VERIFY,
            "%s answered the update of %s without a signature of the key \"%s\": somebody else may have "
            "answered; "
            "whether it was done is not known",
            m->server, m->zone, m->key_name);
    if (!is_authentic(m, reply, &r))
        return err_set(err, ERR_VERIFY,
            "the signature of the answer of %s to the update of %s does not verify with the key \"%s\": "
            "somebody "
            "else may have answered; whether it was done is not known",
            m->server, m->zone, m->key_name);
    int64_t difference = now_s - r.time_s;
    if (difference > UPDATE_FUDGE_S || difference < -UPDATE_FUDGE_S)
        return clocks_differ(m, difference, err);
    return 0;
}

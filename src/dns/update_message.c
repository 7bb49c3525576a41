#include "dns/update_message.h"

#include <ctype.h>
#include <ldns/ldns.h>
#include <stdlib.h>
#include <string.h>

/* ldns takes them by their whole names. Of SHA-224 it knows nothing, and its name of SHA-384 is
 * misspelt (1.8.3). */
static const struct {
    const char *name, *ldns;
} ALGORITHMS[] = {
    {"hmac-sha256", "hmac-sha256."},
    {"hmac-sha512", "hmac-sha512."},
    {"hmac-sha1", "hmac-sha1."},
    {"hmac-md5", "hmac-md5.sig-alg.reg.int."},
    {"hmac-md5.sig-alg.reg.int", "hmac-md5.sig-alg.reg.int."},
};

static int set_algorithm(struct update_message *m, const char *name, struct err *err)
{
    struct str asked = str_c(name);
    if (asked.n > 0 && asked.p[asked.n - 1] == '.')
        asked.n--;
    for (size_t i = 0; i < sizeof ALGORITHMS / sizeof *ALGORITHMS; i++)
        if (str_eq_nocase(asked, str_c(ALGORITHMS[i].name))) {
            m->algorithm = ALGORITHMS[i].ldns;
            return 0;
        }
    return err_set(err, ERR_INPUT,
        "the algorithm \"%s\" of the key %s is not supported: use hmac-sha256 or hmac-sha512 (hmac-sha1 and "
        "hmac-md5 for old servers)",
        name, m->key_name);
}

/* ldns reads the key's name from text, where a backslash begins an escape. */
static int set_key_name(struct update_message *m, const char *name, struct err *err)
{
    struct wire_name octets;
    size_t n = strlen(name);
    if (n > 0 && name[n - 1] == '.')
        n--;
    if (n >= sizeof m->key_name || wire_name_of(name, &octets, NULL) < 0)
        return err_set(err, ERR_INPUT, "\"%s\" is no name of a key: it has the form of a DNS name", name);
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)name[i];
        if (!isalnum(c) && strchr("-_.+/:", c) == NULL)
            return err_set(err, ERR_INPUT, "\"%s\" is no name of a key: it has an odd character", name);
        m->key_name[i] = str_lower((char)c);
    }
    m->key_name[n] = '\0';
    return 0;
}

/* With padding (RFC 4648 4), as all servers write it; ldns says only that it is none. */
static bool is_base64(struct str s)
{
    size_t n = s.n, padding = 0;
    for (; n > 0 && s.p[n - 1] == '=' && padding < 2; n--)
        padding++;
    for (size_t i = 0; i < n; i++)
        if (!isalnum((unsigned char)s.p[i]) && s.p[i] != '+' && s.p[i] != '/')
            return false;
    return n > 0 && s.n % 4 == 0;
}

static int set_secret(struct update_message *m, const char *text, struct err *err)
{
    struct str s = str_trim(str_c(text));
    if (s.n >= sizeof m->secret)
        return err_set(err, ERR_INPUT, "the secret of the key %s is longer than %d octets", m->key_name,
            DNS_TSIG_SECRET_MAX);
    if (!is_base64(s))
        return err_set(err, ERR_INPUT,
            "the secret of the key %s is no base64: copy it as it stands in the server's configuration",
            m->key_name);
    memcpy(m->secret, s.p, s.n);
    return 0;
}

static int set_key(struct update_message *m, const struct dns_update_spec *spec, struct err *err)
{
    int r;
    if (spec->key_name == NULL || spec->key_name[0] == '\0')
        return 0;
    if ((r = set_key_name(m, spec->key_name, err)) < 0 ||
        (r = set_algorithm(m, spec->key_algorithm, err)) < 0 ||
        (r = set_secret(m, spec->key_secret, err)) < 0)
        return r;
    return 0;
}

static ldns_rdf *owner_of(const struct wire_name *name)
{
    return ldns_dname_new_frm_data((uint16_t)name->n, name->octets);
}

/* The octets of the value stand in the record as they are: no text of it is ever parsed. */
static bool push_value(ldns_rr *rr, const char *value)
{
    size_t left = strlen(value);
    do {
        unsigned char string[1 + WIRE_STRING_MAX];
        size_t n = left < WIRE_STRING_MAX ? left : WIRE_STRING_MAX;
        string[0] = (unsigned char)n;
        memcpy(string + 1, value, n);
        ldns_rdf *data = ldns_rdf_new_frm_data(LDNS_RDF_TYPE_STR, 1 + n, string);
        if (data == NULL || !ldns_rr_push_rdf(rr, data)) {
            ldns_rdf_deep_free(data);
            return false;
        }
        value += n;
        left -= n;
    } while (left > 0);
    return true;
}

/* Class NONE and no TTL: that one record is to go (RFC 2136 2.5.4). */
static bool push_record(
    ldns_rr_list *list, const struct wire_name *name, bool remove, uint32_t ttl, const char *value)
{
    ldns_rr *rr = ldns_rr_new();
    if (rr == NULL)
        return false;
    ldns_rr_set_owner(rr, owner_of(name));
    ldns_rr_set_type(rr, LDNS_RR_TYPE_TXT);
    ldns_rr_set_class(rr, remove ? LDNS_RR_CLASS_NONE : LDNS_RR_CLASS_IN);
    ldns_rr_set_ttl(rr, remove ? 0 : ttl);
    if (ldns_rr_owner(rr) == NULL || !push_value(rr, value) || !ldns_rr_list_push_rr(list, rr)) {
        ldns_rr_free(rr);
        return false;
    }
    return true;
}

static int check_values(const struct dns_update_spec *spec, struct err *err)
{
    size_t size = 0;
    if (spec->add_n > DNS_UPDATE_VALUES_MAX || spec->remove_n > DNS_UPDATE_VALUES_MAX)
        return err_set(
            err, ERR_LIMIT, "more than %d values of %s in one update", DNS_UPDATE_VALUES_MAX, spec->name);
    for (size_t i = 0; i < spec->add_n; i++)
        size += strlen(spec->add[i]);
    for (size_t i = 0; i < spec->remove_n; i++)
        size += strlen(spec->remove[i]);
    if (size > UPDATE_VALUES_SIZE)
        return err_set(
            err, ERR_LIMIT, "the values of %s are larger than %d octets", spec->name, UPDATE_VALUES_SIZE);
    return 0;
}

static ldns_pkt *packet_of(
    const struct dns_update_spec *spec, const struct wire_name *zone, const struct wire_name *name)
{
    ldns_rr_list *records = ldns_rr_list_new();
    ldns_pkt *packet = NULL;
    bool ok = records != NULL;
    for (size_t i = 0; ok && i < spec->remove_n; i++)
        ok = push_record(records, name, true, 0, spec->remove[i]);
    for (size_t i = 0; ok && i < spec->add_n; i++)
        ok = push_record(records, name, false, spec->ttl, spec->add[i]);
    ldns_rdf *zone_data = ok ? owner_of(zone) : NULL;
    if (zone_data != NULL &&
        (packet = ldns_update_pkt_new(zone_data, LDNS_RR_CLASS_IN, NULL, records, NULL)) == NULL)
        ldns_rdf_deep_free(zone_data);
    if (records != NULL)
        ldns_rr_list_deep_free(records);
    return packet;
}

static int sign_and_put(struct update_message *m, ldns_pkt *packet, struct err *err)
{
    uint8_t *octets = NULL;
    size_t n = 0;
    uint16_t id;
    evutil_secure_rng_get_bytes(&id, sizeof id);
    m->id = id;
    ldns_pkt_set_id(packet, id);
    ldns_pkt_set_rd(packet, false); /* a bit that has to be zero here (RFC 2136 2.2) */
    if (m->key_name[0] != '\0') {
        ldns_status r =
            ldns_pkt_tsig_sign(packet, m->key_name, m->secret, UPDATE_FUDGE_S, m->algorithm, NULL);
        if (r != LDNS_STATUS_OK)
            return err_set(err, ERR_CRYPTO, "cannot sign the update of %s with the key %s: %s", m->name,
                m->key_name, ldns_get_errorstr_by_id(r));
        const ldns_rdf *mac = ldns_rr_rdf(ldns_pkt_tsig(packet), 3);
        if (mac == NULL || ldns_rdf_size(mac) > sizeof m->mac)
            return err_set(
                err, ERR_CRYPTO, "cannot sign the update of %s: a signature of an odd size", m->name);
        m->mac_n = ldns_rdf_size(mac);
        memcpy(m->mac, ldns_rdf_data(mac), m->mac_n);
    }
    if (ldns_pkt2wire(&octets, packet, &n) != LDNS_STATUS_OK)
        return err_set(err, ERR_MEMORY, "out of memory for the update of %s", m->name);
    m->octets = buf_new(2 + WIRE_MESSAGE_MAX);
    wire_put_16(&m->octets, (unsigned)n);
    buf_put(&m->octets, octets, n);
    free(octets);
    return buf_failed(&m->octets) ? err_set(err, ERR_LIMIT, "the update of %s is too large", m->name) : 0;
}

int update_message_build(const struct dns_update_spec *spec, struct update_message *m, struct err *err)
{
    struct wire_name zone, name;
    int r;
    *m = (struct update_message){.octets = buf_new(0)};
    if ((r = wire_name_of(spec->zone, &zone, err)) < 0 || (r = wire_name_of(spec->name, &name, err)) < 0 ||
        (r = check_values(spec, err)) < 0 || (r = set_key(m, spec, err)) < 0)
        goto out;
    if (!wire_name_in(&name, &zone)) {
        r = err_set(err, ERR_INPUT, "%s does not lie in the zone %s", spec->name, spec->zone);
        goto out;
    }
    snprintf(m->server, sizeof m->server, "%s", spec->server);
    m->zone = strdup(spec->zone);
    m->name = strdup(spec->name);
    ldns_pkt *packet = m->zone != NULL && m->name != NULL ? packet_of(spec, &zone, &name) : NULL;
    if (packet == NULL) {
        r = err_set(err, ERR_MEMORY, "out of memory for the update of %s", spec->name);
        goto out;
    }
    r = sign_and_put(m, packet, err);
    ldns_pkt_free(packet);
out:
    if (r < 0)
        update_message_free(m);
    return r;
}

void update_message_free(struct update_message *m)
{
    buf_free(&m->octets);
    free(m->zone);
    free(m->name);
    explicit_bzero(m, sizeof *m);
}

/*
 * Composed by hand, not through the JSON library: the keeper builds these behind its sandbox, where a library
 * that opens a device to seed its tables would end it.
 */
#include "acme/payload.h"

#include "acme/identifier.h"
#include "base/attr.h"
#include "base/b64.h"

static const char *const names[] = {
#define ACME_REQUEST_ROW(id, text) [id] = text,
    ACME_REQUESTS(ACME_REQUEST_ROW)
#undef ACME_REQUEST_ROW
};

const char *acme_request_name(enum acme_request r)
{
    return (size_t)r < ARRAY_LEN(names) ? names[r] : "unknown";
}

/* RFC 8259 7. What is no control character passes as it is: callers hand in UTF-8. */
static void put_text(struct buf *out, struct str s)
{
    for (size_t i = 0; i < s.n; i++) {
        unsigned char c = (unsigned char)s.p[i];
        if (c < 0x20 || c == 0x7f)
            buf_printf(out, "\\u%04x", c);
        else if (c == '"' || c == '\\')
            buf_printf(out, "\\%c", c);
        else
            buf_put_char(out, (char)c);
    }
}

static void put_b64_member(struct buf *out, const char *member, struct str bytes)
{
    buf_printf(out, "\"%s\":\"", member);
    b64url_encode(out, bytes);
    buf_put_char(out, '"');
}

/* "contact":["mailto:..."], or an empty list. */
static void put_contact(struct buf *out, struct str email)
{
    buf_put_c(out, "\"contact\":[");
    if (email.n > 0) {
        buf_put_c(out, "\"mailto:");
        put_text(out, email);
        buf_put_char(out, '"');
    }
    buf_put_char(out, ']');
}

void payload_new_account(struct buf *out, struct str email, bool terms_agreed, struct str eab)
{
    const char *comma = "";
    buf_put_char(out, '{');
    if (terms_agreed) {
        buf_put_c(out, "\"termsOfServiceAgreed\":true");
        comma = ",";
    }
    if (email.n > 0) {
        buf_put_c(out, comma);
        put_contact(out, email);
        comma = ",";
    }
    if (eab.n > 0) {
        buf_printf(out, "%s\"externalAccountBinding\":", comma);
        buf_put_str(out, eab);
    }
    buf_put_char(out, '}');
}

void payload_find_account(struct buf *out)
{
    buf_put_c(out, "{\"onlyReturnExisting\":true}");
}

void payload_update_account(struct buf *out, struct str email)
{
    buf_put_char(out, '{');
    put_contact(out, email);
    buf_put_char(out, '}');
}

/* RFC 8555 9.7.7, RFC 8738 3 */
static void put_identifier(struct buf *out, struct str name)
{
    buf_printf(out, "{\"type\":\"%s\",\"value\":\"", identifier_is_ip(name) ? "ip" : "dns");
    put_text(out, name);
    buf_put_c(out, "\"}");
}

static void put_text_member(struct buf *out, const char *member, struct str text)
{
    if (text.n == 0)
        return;
    buf_printf(out, ",\"%s\":\"", member);
    put_text(out, text);
    buf_put_char(out, '"');
}

static void put_time_member(struct buf *out, const char *member, struct wall t)
{
    char text[TIME_TEXT_MAX];
    if (t.s != 0)
        put_text_member(out, member, str_c(wall_format(t, text)));
}

void payload_new_order(struct buf *out, const struct payload_order *o)
{
    buf_put_c(out, "{\"identifiers\":[");
    for (size_t i = 0; i < o->n; i++) {
        buf_put_c(out, i == 0 ? "" : ",");
        put_identifier(out, o->names[i]);
    }
    buf_put_char(out, ']');
    put_time_member(out, "notBefore", o->not_before);
    put_time_member(out, "notAfter", o->not_after);
    put_text_member(out, "profile", o->profile);
    put_text_member(out, "replaces", o->replaces);
    buf_put_char(out, '}');
}

void payload_new_authz(struct buf *out, struct str name)
{
    buf_put_c(out, "{\"identifier\":");
    put_identifier(out, name);
    buf_put_char(out, '}');
}

void payload_key_change(struct buf *out, struct str account_url, struct str old_jwk)
{
    buf_put_c(out, "{\"account\":\"");
    put_text(out, account_url);
    buf_put_c(out, "\",\"oldKey\":");
    buf_put_str(out, old_jwk);
    buf_put_char(out, '}');
}

void payload_finalize(struct buf *out, struct str csr)
{
    buf_put_char(out, '{');
    put_b64_member(out, "csr", csr);
    buf_put_char(out, '}');
}

void payload_deactivate(struct buf *out)
{
    buf_put_c(out, "{\"status\":\"deactivated\"}");
}

void payload_revoke(struct buf *out, struct str certificate, int reason)
{
    buf_put_char(out, '{');
    put_b64_member(out, "certificate", certificate);
    buf_printf(out, ",\"reason\":%d}", reason);
}

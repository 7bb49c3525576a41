/*
 * Octets of DNS messages (RFC 1035 4): a bounded reader for what strangers send, and puts for what we send.
 * Names are kept as they stand on the wire, without compression: labels with their lengths, and a zero.
 */
#ifndef EVERCERT_DNS_WIRE_H
#define EVERCERT_DNS_WIRE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    WIRE_NAME_MAX = 255, /* octets of a name (RFC 1035 2.3.4) */
    WIRE_LABEL_MAX = 63,
    WIRE_NAME_TEXT_MAX = 4 * WIRE_NAME_MAX, /* octets of what wire_name_print gives, with the terminator */
    WIRE_HEAD = 12,                         /* octets of a message's header */
    WIRE_STRING_MAX = 255,                  /* octets of one string of a TXT record */
    WIRE_MESSAGE_MAX = 65535,               /* by TCP */
};

enum { WIRE_TYPE_NS = 2, WIRE_TYPE_SOA = 6, WIRE_TYPE_TXT = 16, WIRE_TYPE_OPT = 41, WIRE_TYPE_TSIG = 250 };
enum { WIRE_TYPE_ANY = 255, WIRE_TYPE_CAA = 257, WIRE_TYPE_HINFO = 13 };
enum { WIRE_CLASS_IN = 1, WIRE_CLASS_NONE = 254, WIRE_CLASS_ANY = 255 };

struct wire_name {
    unsigned char octets[WIRE_NAME_MAX];
    size_t n; /* the zero at the end included; 0: no name */
};

/* What is read, from `at` on. One look beyond the end, or a name that is none, makes it bad for good: all
 * later reads give 0. */
struct wire {
    const unsigned char *p;
    size_t n, at;
    size_t first; /* no name is before that: 0, or WIRE_HEAD */
    bool bad;
};

struct wire wire_of(struct str message);
unsigned wire_8(struct wire *w);
unsigned wire_16(struct wire *w);
uint32_t wire_32(struct wire *w);
/* The next octets; NULL, and bad, where there are not as many left. */
const unsigned char *wire_octets(struct wire *w, size_t n);
void wire_skip(struct wire *w, size_t n);
/* Compression is followed backwards alone, so that every name has an end. */
void wire_name(struct wire *w, struct wire_name *out);

void wire_put_8(struct buf *out, unsigned v);
void wire_put_16(struct buf *out, unsigned v);
void wire_put_32(struct buf *out, uint32_t v);
void wire_put_name(struct buf *out, const struct wire_name *name);
/* The data of a TXT record: strings of at most 255 octets, a single empty one for "". */
void wire_put_txt(struct buf *out, struct str value);

/* A name as text, a dot at its end or not, "" and "." the root; a backslash is an octet like any other, so
 * nothing in it is an escape. ERR_INPUT where it is too long or has an empty label. */
int wire_name_of(const char *text, struct wire_name *out, struct err *err);
/* A name as text that is safe to show and to compare: in lower case, no dot at its end, and \DDD for the
 * dots, backslashes and unprintable octets of labels. "" is the root. */
void wire_name_print(const struct wire_name *name, char out[WIRE_NAME_TEXT_MAX]);
/* The same the other way round, in any case; false for a text of another form. */
bool wire_name_scan(const char *text, struct wire_name *out);
/* Without regard to the case of ASCII letters (RFC 4343). */
bool wire_name_eq(const struct wire_name *a, const struct wire_name *b);
/* Whether `name` is `zone` or below it. */
bool wire_name_in(const struct wire_name *name, const struct wire_name *zone);

#endif

/* Answers of DNS servers, octet by octet, for the tests of this folder. */
#ifndef EVERCERT_TEST_OCTETS_H
#define EVERCERT_TEST_OCTETS_H

#include "base/buf.h"

enum { T_NS = 2, T_CNAME = 5, T_SOA = 6, T_TXT = 16, T_AAAA = 28, T_OPT = 41, T_RRSIG = 46, T_CAA = 257 };
enum { BIT_ANSWER = 0x8000, BIT_AUTHORITATIVE = 0x0400, BIT_TRUNCATED = 0x0200 };

struct octets {
    struct buf b;
    size_t section; /* whose count goes up: 0 answer, 1 authority, 2 additional */
};

/* A message with one question, for TXT records of `name` ("a.b", as it is written). */
struct octets octets_new(unsigned bits, const char *name);
void octets_free(struct octets *o);
void octets_16(struct octets *o, unsigned v);
void octets_name(struct octets *o, const char *name);
/* A record with these data. */
void octets_record(struct octets *o, const char *owner, unsigned type, const void *data, size_t n);
/* ... whose data are a name: CNAME, NS; SOA with numbers behind two of them; RRSIG with it as the signer. */
void octets_named(struct octets *o, const char *owner, unsigned type, const char *name);
/* ... whose data are one string. */
void octets_txt(struct octets *o, const char *owner, const char *text);
struct str octets_str(const struct octets *o);

#endif

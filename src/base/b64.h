/* base64url without padding (RFC 4648 5 as RFC 7515 2 uses it), strict both ways. */
#ifndef EVERCERT_BASE_B64_H
#define EVERCERT_BASE_B64_H

#include "base/buf.h"
#include "base/str.h"

/* Append the encoding of s. */
void b64url_encode(struct buf *out, struct str s);

/* Append the decoded bytes; ERR_INPUT for padding, blanks, other alphabets, an impossible length or bits left
 * over (RFC 8555 6.1: a value that holds '=' MUST be refused); nothing is appended then. ERR_LIMIT when `out`
 * is full. */
int b64url_decode(struct buf *out, struct str s);

#endif

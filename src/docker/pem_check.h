/* Whether texts are what libcurl will be given as TLS material: said before, in words, instead of by a
 * handshake that fails. */
#ifndef EVERCERT_DOCKER_PEM_CHECK_H
#define EVERCERT_DOCKER_PEM_CHECK_H

#include "base/err.h"
#include "base/str.h"

/* Empty ones are fine, but not a certificate without its key. ERR_TLS. */
int pem_check(struct str ca, struct str cert, struct str key, struct err *err);

#endif

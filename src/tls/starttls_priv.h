/* The protocols of STARTTLS, one function each; private to this folder. */
#ifndef EVERCERT_TLS_STARTTLS_PRIV_H
#define EVERCERT_TLS_STARTTLS_PRIV_H

#include "tls/starttls.h"

/* Takes what it can of t->in, and consumes that. As starttls_feed, but what is left behind an agreement, and
 * the limits, are the caller's. */
typedef int starttls_step_fn(struct starttls_talk *t, struct buf *out, struct err *err);

starttls_step_fn starttls_smtp, starttls_imap, starttls_pop3, starttls_ftp; /* starttls_lines.c */
starttls_step_fn starttls_ldap, starttls_postgres;                          /* starttls_binary.c */
starttls_step_fn starttls_xmpp;                                             /* starttls_xmpp.c */

/* What is said before the server said anything. */
void starttls_ldap_begin(struct starttls_talk *t, struct buf *out);
void starttls_postgres_begin(struct starttls_talk *t, struct buf *out);
void starttls_xmpp_begin(struct starttls_talk *t, struct buf *out);

/* ERR_TLS: "the server WHAT: WORDS", the words cleaned and cut; without any where there are none. */
int starttls_refused(const char *what, struct str words, struct err *err);
/* ERR_INPUT: "WHAT: what came", for what is not the protocol. */
int starttls_odd(const struct starttls_talk *t, struct str what, struct err *err);

#endif

/* The part of a name that somebody registered: the last label before its public suffix and that suffix. */
#ifndef EVERCERT_POLICY_REGISTERED_DOMAIN_H
#define EVERCERT_POLICY_REGISTERED_DOMAIN_H

#include "base/str.h"

/*
 * The registered domain of a DNS name in ASCII (IDNs as A-labels), as a view of `name` in the case it has. A
 * leading "*." and a final dot are left out. By the public suffix list that libpsl has built in: no file is
 * read, so it works inside the engine's sandbox, and the list is as old as the system's libpsl. Rules of the
 * list's private section count (github.io is a suffix), as Let's Encrypt counts them for its limits.
 *
 * A name that is a public suffix itself is its own registered domain (Let's Encrypt does so too). Where no
 * rule matches, the last label is the suffix, as the list's format says: the last two labels, or the only
 * one. The name itself where it is none (empty labels, longer than 253 octets).
 */
struct str registered_domain(struct str name);

#endif

/* Defaults and checks of authorities, certificates, deploy steps and copies that concern more than one key;
 * used by the schema's table, and by settings_wish() for the command line. */
#ifndef EVERCERT_CONFIG_CERTIFICATE_H
#define EVERCERT_CONFIG_CERTIFICATE_H

#include "base/arena.h"
#include "base/err.h"
#include "config/names.h"
#include "config/problems.h"
#include "config/settings.h"
#include "config/wish.h"

#include <stdbool.h>
#include <stddef.h>

struct setting;
struct reader;
struct node;
struct where;

/* For struct section (config/schema.h). */
void authority_init(void *element, const struct settings *defaults);
/* Whether it is a URL that names itself and needs no entry. */
bool authority_implied(const void *element);
void authority_check(struct reader *r, const struct node *key, const struct node *map,
    const struct where *where, void *element);
void deploy_init(void *element, const struct settings *defaults);
void deploy_check(struct reader *r, const struct node *key, const struct node *map, const struct where *where,
    void *element);
const char *deploy_misplaced(const struct setting *row, const void *element);
void publication_init(void *element, const struct settings *defaults);
void publication_check(struct reader *r, const struct node *key, const struct node *map,
    const struct where *where, void *element);
const char *publication_misplaced(const struct setting *row, const void *element);
void certificate_init(void *element, const struct settings *defaults);
void certificate_check(struct reader *r, const struct node *key, const struct node *map,
    const struct where *where, void *element);
const char *certificate_misplaced(const struct setting *row, const void *element);

/* Reads the key of external account binding from its file, where there is one. */
int authority_read_secret(struct authority *authority, struct arena *a, struct err *err);
/* What is said about external account binding is whole, and there where the CA needs it. *key is the key at
 * fault. ERR_CONFIG. */
int authority_check_eab(const struct authority *a, const char **key, struct err *err);

/* Notes that `name` is used, at most once for each name. ERR_CONFIG says why there is no such authority. */
int authority_use(struct reader *r, const char *name, struct err *err);

/* The same for all of a wish, with a problem at `node`, the value of "authority" in that file, for each. */
void authorities_use(struct reader *r, struct mark file, const struct node *node, const struct where *where,
    const struct wish *w);

/* argv[0] is there, and a bare name or an absolute path. */
int deploy_run_check(const struct deploy *d, struct err *err);
/* Whether one of the wish's challenges can prove control of `domain`. ERR_INPUT says what to set. */
int domain_check(const struct wish *w, const char *domain, struct err *err);
/* Whether one of them is answered by entries of `dns:`. */
bool wish_needs_dns(const struct wish *w);
/* A wish that needs entries and says none gets the only one there is, for all names. ERR_CONFIG where there
 * is none, or more than one. */
int wish_choose_dns(struct wish *w, const struct settings *s, struct arena *a, struct err *err);
/* The entries of a wish's choice are there. ERR_CONFIG. */
int wish_entries_check(const struct settings *s, const struct pair *choice, struct arena *a, struct err *err);
/* What concerns more than one of the wish's choices, and that it has some where it needs them. ERR_INPUT. */
int wish_dns_check(const struct wish *w, struct err *err);
/* Problems of all that, for a certificate of a file. */
void proofs_check(struct reader *r, const struct node *map, const struct where *where, struct wish *w);
/* What concerns more than one key of a wish that has a name, key_types_check included. *key is the key at
 * fault. */
int wish_check(struct wish *w, const char **key, struct err *err);
/* Of a wish that names an IP address and no profile: the profile that the CAs ask for which certify addresses
 * for a few days only. */
void wish_choose_profile(struct wish *w);
/* One key type, or one ECDSA and one RSA (bad ones are NULL); sets w->key_type to the first. */
int key_types_check(struct wish *w, struct err *err);
/* Drops NULLs and repetitions, keeping the order. ERR_INPUT where more than WISH_DOMAINS_MAX are left;
 * *domain_n is then one more than that. */
int domains_tidy(const char **domains, size_t *domain_n, struct err *err);
/* The name of a certificate without one: its first domain without "*.". ERR_INPUT where that is no name. */
int wish_name_default(struct wish *w, struct arena *a, struct err *err);
/* All commands and their variables together are within WISH_DEPLOY_TEXT_MAX. */
int deploys_check(const struct deploy *deploys, size_t n, struct err *err);
/* Octets of a command and its variables. */
size_t deploy_octets(const struct deploy *d);

/* What concerns the copy and its certificate, which has a name. *key is the key of the copy at fault. */
int wish_publication_check(
    const struct wish *w, const struct publication *p, struct arena *a, const char **key, struct err *err);
/* The same for all copies, and that no two go to one place. */
int wish_publications_check(const struct wish *w, struct arena *a, struct err *err);
/* Of the defaults' directories for names, those of the wish's own names. `index` is of the defaults' map, by
 * name, and filled when it is first needed. */
void wish_inherit_webroots(struct wish *w, const struct wish *defaults, struct names *index, struct arena *a);
/* The wish's JSON is within WISH_TEXT_MAX. */
int wish_size_check(const struct wish *w, struct err *err);

#endif

/*
 * What containers ask for: a claim is one certificate that labels or variables of one container want, a
 * consumer is a container that wants to be told of certificates. Both are words as they were written, checked
 * for their form alone; what is granted of them is policy's to say (containers/judge.h).
 */
#ifndef EVERCERT_CONTAINERS_CLAIM_H
#define EVERCERT_CONTAINERS_CLAIM_H

#include "base/arena.h"
#include "base/err.h"
#include "config/settings.h"
#include "containers/model.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CLAIMS_PER_CONTAINER_MAX = 64, /* certificates of one container; more is a mistake, or worse */
    CONSUMER_USES_MAX = 64,
    CLAIM_PROBLEMS_MAX = 32, /* shown of one container; the last says how many more there are */
};

/* Of CLAIM_READERS in config/containers.h. */
enum claim_reader {
#define CLAIM_READER_ENUM(id, text) id,
    CLAIM_READERS(CLAIM_READER_ENUM)
#undef CLAIM_READER_ENUM
        READER_END_
};

/* Who asks. */
struct holder {
    const char *engine, *id, *name;
    bool service; /* of a swarm */
    const char *image, *project, *service_name;
    int64_t created_s;
    const char *const *networks; /* names */
    size_t network_n;
    const struct pair *labels; /* those that the policy looks at, alone */
    size_t label_n;
};

struct claim {
    struct holder holder;
    enum claim_reader reader;
    const char *key;            /* the label or variable that asks, for people: "evercert.1.domains" */
    const char *const *domains; /* as written; at least one, no text twice */
    size_t domain_n;
    /* name, challenge, dns, authority, profile, key-type: words of settings_wish(), values as written. */
    const struct wish_option *options;
    size_t option_n;
    bool staging; /* at the staging directory of its authority */
};

enum change_kind {
    CHANGE_NONE, /* it uses a certificate and wants no signal */
    CHANGE_SIGNAL,
    CHANGE_RESTART,
    CHANGE_ACTION, /* an entry of actions: */
};

#define CONSUMER_USES_ALL "*"

struct consumer {
    struct holder holder;
    const char *key;         /* "evercert.use", for people */
    const char *const *uses; /* names of certificates; CONSUMER_USES_ALL alone: every one there is */
    size_t use_n;
    enum change_kind change;
    const char *value;         /* "HUP", or the name of the action; "" */
    const char *const *verify; /* "host:port" whose host is the container's own; see container_read */
    size_t verify_n;
};

/* Something a container says that cannot be followed. */
struct claim_problem {
    const char *engine, *id, *name; /* of the container */
    const char *key;                /* label or variable */
    const char *reason;             /* cleaned for a terminal */
};

/* What one container says. */
struct container_says {
    const struct claim *claims;
    size_t claim_n;
    const struct consumer *consumer; /* NULL: it is none */
    const struct claim_problem *problems;
    size_t problem_n;
};

/*
 * Reads the labels and variables of a container with the readers whose bit (1 << reader) is set. Pure; `out`
 * lives in `a` and points into `c`. What cannot be followed is a problem, never an error, and the rest goes
 * on: a claim with a domain, option or name that is none is dropped whole, with one problem that names the
 * label. A claim's domains are checked by name_to_ascii and become A-labels; options by their form.
 * `policy_labels`: keys of labels that holder.labels gets. Of claims for the same domains with the same
 * options only the first is kept, in the order of enum claim_reader.
 *
 * Of evercert's own labels (evercert.X, or evercert.ID.X with ID of letters, digits, '-', '_'; each ID is a
 * certificate of its own, with its own options, and the unnumbered ones are another):
 *   domains  names parted by commas, blanks or both        name challenge dns authority profile key-type
 *   staging  true or false
 * and of the container as a whole, never with an ID:
 *   use  names of certificates parted by commas, * for all  on-change  signal:NAME | restart | action:NAME
 *   verify  port or host:port, several parted by commas
 * With on-change or verify and no use, it uses the certificates that it asks for itself. A port of verify is
 * at the container's first address, or at 127.0.0.1 where it is in the host's network; a host must be its own
 * address (there also localhost), a domain of its claims, or the name of a certificate that it uses, for a
 * label must not send evercert to other people's servers. Labels evercert.* that are none of these are
 * problems with the nearest known one. Without READER_EVERCERT none of them counts.
 *
 * acme-companion's variables (the first of both spellings that is not empty counts):
 *   ACME_HOST, LETSENCRYPT_HOST              names parted by commas
 *   ACME_SINGLE_DOMAIN_CERTS, LETSENCRYPT_SINGLE_DOMAIN_CERTS   true: a certificate for each
 *   ACME_KEYSIZE, LETSENCRYPT_KEYSIZE        2048 3072 4096 ec-256 ec-384
 *   ACME_TEST, LETSENCRYPT_TEST              true: staging, whatever ACME_CA_URI says
 *   ACME_CA_URI, ACME_CHALLENGE (HTTP-01, DNS-01), ACME_CERT_PROFILE
 *   ACME_RESTART_CONTAINER, LETSENCRYPT_RESTART_CONTAINER       true: a consumer of its certificates that is
 *       restarted, where evercert.use, .on-change and .verify say nothing
 *
 * Certificates are named as there: the first name, a wildcard without "*.", which is what settings_wish()
 * does. ACMESH_DNS_API_CONFIG is a problem that says to name an entry of dns: with the label evercert.dns,
 * for secrets have no place there; ACME_PRE_HOOK and ACME_POST_HOOK are problems, for they are commands. The
 * claim goes on without them.
 *
 * Traefik: of each router (http and tcp) with tls=true, or a tls.* label, a claim of each tls.domains[N].main
 * with its .sans; where there are none, one of every Host(`a`, `b`), Host("a") and HostSNI() of its rule that
 * is not negated; HostRegexp and the like, and HostSNI(`*`), give no name. traefik.enable=false: nothing.
 * Labels without a router's TLS, with tls=false or with tls.passthrough=true ask for nothing.
 *
 * caddy-docker-proxy: caddy, caddy_0, ... : site addresses parted by blanks or commas, without scheme, port
 * and path; http://, port 80, snippets "(name)", globals, placeholders and names that caddy itself would
 * serve with an internal certificate (caddy.tls=internal; localhost, .local and their like; private
 * addresses) or from files (caddy.tls with two words) ask for nothing.
 *
 * As routers and sites part names that share a certificate, claims of Traefik and caddy leave out names that
 * an earlier claim of the container has, or covers by a wildcard.
 *
 * The options of evercert's unnumbered labels (evercert.dns, .challenge, .authority, .profile, .key-type,
 * .staging) count for claims of the other readers too where these say nothing themselves.
 */
void container_read(const struct container *c, unsigned readers, const char *const *policy_labels,
    size_t policy_label_n, struct arena *a, struct container_says *out);

/* False for a text that is none. */
bool claim_reader_parse(const char *text, enum claim_reader *out);
/* Static storage. */
const char *claim_reader_text(enum claim_reader r);

#endif

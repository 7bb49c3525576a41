/*
 * Fragments to paste into the configuration of other programs. Their texts stand in forms/ and become the
 * table snippet_forms at build time; what is the operator's own (paths, names, addresses) is filled in from
 * settings.
 */
#ifndef EVERCERT_CLI_SNIPPET_SNIPPET_H
#define EVERCERT_CLI_SNIPPET_SNIPPET_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>

/* What a form is about: where the answer to http-01 comes from, or what else it needs to know. */
enum snippet_place {
    SNIPPET_NONE,    /* certificates, not challenges */
    SNIPPET_WEBROOT, /* files of a webroot */
    SNIPPET_PROXY,   /* evercert's responder */
    SNIPPET_ANY,     /* whichever the configuration says */
    SNIPPET_SYSTEM,  /* the program itself: no certificate is asked for */
    SNIPPET_SUDOERS, /* deploy steps */
};

struct snippet_form {
    const char *server; /* "nginx" */
    const char *name;   /* "webroot" */
    enum snippet_place place;
    const char *summary; /* one line for people */
    const char *text;    /* as snippet_expand takes it */
};

/* The forms of one server stand together, the ones it is used by most in front. */
extern const struct snippet_form snippet_forms[];
extern const size_t snippet_form_n;

enum {
    SNIPPET_TEXT_MAX = 64 * 1024 * 1024, /* 100,000 certificates are about 30 MB of nginx's map */
};

/* What a fragment is made of. */
struct snippet_source {
    const struct settings *settings;
    const struct wish *const *wishes; /* at least one, but for SNIPPET_SYSTEM */
    size_t wish_n;
    bool invented;       /* the wish is none of the configuration, which names no certificate */
    const char *config;  /* absolute */
    const char *state;   /* absolute */
    const char *options; /* " -c FILE --state DIR" as far as they differ from the defaults, else "" */
    const char *user;    /* whom the daemon runs as */
    struct arena *arena;
};

/* Where http-01 is answered for the names of the wishes. */
struct snippet_ways {
    bool webroot;     /* for some by files */
    bool responder;   /* for some by evercert */
    bool tls_alpn_01; /* some have this challenge and not http-01 */
};
struct snippet_ways snippet_ways_of(const struct snippet_source *s);

/* Appends the fragment. ERR_INPUT for a path that a configuration of that kind cannot hold. */
int snippet_write(
    const struct snippet_source *s, const struct snippet_form *form, struct buf *out, struct err *err);

/* A path, or another text, as one word of a configuration: between double quotes where it needs them. In `a`,
 * or `text` itself. Whether it may be written so at all was asked before: snippet_check_path. */
const char *snippet_quoted(const char *text, struct arena *a);
/* ERR_INPUT where the path has a character that some server would take for more than itself. */
int snippet_check_path(const char *path, struct err *err);

#endif

/* One <VirtualHost> in the text of a file of Apache's configuration. */
#ifndef EVERCERT_SITE_APACHE_SECTION_H
#define EVERCERT_SITE_APACHE_SECTION_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

enum {
    APACHE_FILE_MAX = 16 * 1024 * 1024,
    APACHE_WORDS_MAX = 1000, /* of one line; more aliases stand on several lines */
};

struct apache_section {
    size_t body, body_end;  /* offsets behind the line <VirtualHost>, and of the line </VirtualHost> */
    size_t end;             /* behind that line */
    const char **addresses; /* of <VirtualHost ...> */
    size_t address_n;
    const char **names; /* of ServerName, without port, and of ServerAlias */
    size_t name_n, name_cap;
    bool ssl;                /* SSLEngine on */
    const char *certificate; /* of SSLCertificateFile, "" : none */
    size_t to_https;         /* line of a Redirect that sends everybody to https, 0: none */
    struct apache_include {
        const char *path;
        size_t begin, end; /* of its whole line, line break included */
    } * includes;          /* Include directives of the section itself */
    size_t include_n, include_cap;
};

/* Finds the <VirtualHost> that begins on that line (from 1). ERR_INPUT where there is none, or no end of it.
 * In `a`. */
int apache_section_read(
    struct str text, size_t line, struct arena *a, struct apache_section *out, struct err *err);

/* The Include of exactly that path, outside of any section or inside; *begin and *end are those of its line.
 * False where there is none. */
bool apache_find_include(struct str text, const char *path, size_t *begin, size_t *end);

/* Whether a file has a Listen for that port, under whatever condition. */
bool apache_listens(struct str text, unsigned port);

#endif

/* From a document to settings, driven by the schema. */
#ifndef EVERCERT_CONFIG_READ_H
#define EVERCERT_CONFIG_READ_H

#include "base/arena.h"
#include "config/document.h"
#include "config/names.h"
#include "config/problems.h"
#include "config/schema.h"
#include "config/settings.h"

#include <stdbool.h>
#include <stddef.h>

/* Where the keys of one object were seen, by the row in its section, over all files. */
struct seen {
    struct mark marks[SECTION_ROWS_MAX];
    struct seen *objects[SECTION_ROWS_MAX]; /* of SHAPE_OBJECT */
};

/* A directory's URL that a certificate names directly. */
struct direct {
    struct direct *next;
    const char *url;
};

/* A word that names an entry elsewhere, which may be read later. */
enum reference_kind { REFERENCE_AUTHORITY, REFERENCE_DNS, REFERENCE_ENGINE, REFERENCE_ACTION };

struct reference {
    struct reference *next;
    enum reference_kind kind;
    struct mark mark;
    const char *path; /* of its keys */
    const char *name; /* in the settings' arena */
};

struct reader {
    struct arena *a;       /* of the settings, or of their certificates while these are read */
    struct arena *lasting; /* of the settings */
    struct arena *apart;   /* of what only their certificates point to; may be the same */
    struct arena *scratch; /* of what only the reading needs */
    struct problems *problems;
    struct mark file;          /* that is read */
    struct settings *settings; /* filled in; defaults of what comes late */
    bool late;                 /* second pass: only keys with SETTING_LATE */
    struct seen root;
    struct names entries;      /* names of own authorities -> struct mark */
    struct names accounts;     /* their ids -> the first entry of each */
    struct names certificates; /* names of certificates -> struct mark */
    struct names dns;          /* names of entries of dns -> struct mark */
    struct names copies;       /* paths of copies, and of what templates make -> struct mark */
    struct names engines;      /* names of docker.engines -> struct mark */
    struct names actions;      /* names of actions -> struct mark */
    struct names alerts;       /* names of alerts -> struct mark */
    struct names webroots;     /* the defaults' map, by name -> struct pair; filled when it is first needed */
    struct names authorities;  /* names that are used -> anything */
    struct direct *directs;    /* URLs among them, in the order of first use */
    struct direct **directs_end;
    struct reference *references; /* in the order they were read */
    struct reference **references_end;
};

/* Reads one file's document into r->settings; once with r->late false for every file, then once more with it
 * true. A NULL document is empty. */
void read_document(struct reader *r, const struct node *root);

/* A problem at a node of the file that is read. */
void read_problem(struct reader *r, const struct node *at, const struct where *where, const char *text);
/* Problems at the keys of `map` that have no place beside what else the element says. */
void read_misplaced(struct reader *r, const struct node *map, const struct section *section,
    const struct where *where, const void *element);
/* "expected BEFORE EXPECTED, found ...AFTER" at a node. */
void read_wrong(struct reader *r, const struct node *node, const struct where *where, const char *before,
    const char *expected, const char *after);
/* The name of an entry, `key`, into *out; `table` has those of its kind that were read before. False, with
 * the problem added, where it is no name or not the first: "this WHAT is also written at ...". */
bool read_entry_name(struct reader *r, struct names *table, const struct node *key, const struct where *where,
    const char *what, const char **out);
/* One value. False, with the problem added, where it is none of the row's type. */
bool read_value(struct reader *r, const struct node *node, const struct setting *row,
    const struct where *where, void *field);
/* The keys of a map that all belong to `section`, into the struct at `base`. */
void read_keys(struct reader *r, const struct node *map, const struct section *section,
    const struct where *where, void *base);
/* Room for n more structs behind those that are there. */
void *read_more(struct reader *r, const struct setting *row, void *base, size_t n);

/* Notes that the value at `node` names an entry; references_check() sees whether it is there. NULL and "",
 * which have their problem already or mean none, are left out. */
void read_reference(struct reader *r, const struct node *node, const struct where *where,
    enum reference_kind kind, const char *name);
/* Problems of all that were noted; when all files are read. What is used of the authorities is noted. */
void references_check(struct reader *r);

/* SHAPE_DNS and SHAPE_CHOICES (read_dns.c). */
void read_dns(struct reader *r, const struct node *node, const struct setting *row, const struct where *where,
    void *base);
void read_choices(struct reader *r, const struct node *node, const struct setting *row,
    const struct where *where, void *base);
/* What entries of dns say of propagation is completed by the settings; when all files are read. */
void read_dns_finish(struct settings *s);

/* The value of a key of a map, NULL where it has none. */
const struct node *read_member(const struct node *map, const char *key);

#endif

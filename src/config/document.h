/*
 * One YAML document as a tree of nodes. Made from libyaml's events and not with its document functions: those
 * have no bound on nodes, depth or what aliases expand to, search anchors one by one, and take twice the time
 * and memory for 100,000 certificates.
 */
#ifndef EVERCERT_CONFIG_DOCUMENT_H
#define EVERCERT_CONFIG_DOCUMENT_H

#include "base/arena.h"
#include "base/str.h"
#include "config/problems.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    /* Nodes of a document with every alias written out. A certificate has about 17, a name one. */
    CONFIG_NODES_MAX = 8 * 1000 * 1000,
};

enum node_kind { NODE_TEXT, NODE_LIST, NODE_MAP };

struct node {
    enum node_kind kind;
    bool plain;      /* of a text: written without quotes, so it may mean true, false or nothing */
    bool open;       /* while it is read: its end has not come */
    uint8_t height;  /* levels of lists and maps, its own included */
    uint32_t weight; /* nodes it stands for, aliases written out, its own included */
    uint32_t line, column;
    union {
        struct str text; /* NUL-terminated behind its length; may hold NULs itself */
        struct {
            const struct node *const *items; /* of a map: key, value, key, value ... */
            size_t n;                        /* items; twice the pairs of a map */
        } list;
    };
};

/* Reads `yaml` into `a`. False, with the problem added at its place, for what is no single YAML document
 * within the bounds. *out is NULL for an empty document. `file` says file and number for the places. */
bool document_parse(
    struct mark file, struct str yaml, struct arena *a, struct problems *problems, const struct node **out);

/* Nothing written where a value may stand ("key:", "~", "null"). */
bool node_is_null(const struct node *node);
struct mark node_mark(struct mark file, const struct node *node);

#endif

/* The homes of acme.sh, which acme-companion has one of for each of its accounts. */
#ifndef EVERCERT_PROCESSES_IMPORTER_ACME_SH_H
#define EVERCERT_PROCESSES_IMPORTER_ACME_SH_H

#include "processes/importer/found.h"

#include <stdbool.h>

/* A home below the tree, and how paths in it are to be read. */
struct acme_sh_home {
    const char *path; /* below the tree, "" for the tree itself */
    /* Where the home was written inside a container: paths below `inside` are below `outside` of the tree;
     * other absolute ones mean nothing here. NULL: paths are those of this machine. */
    const char *inside;
    const char *outside; /* NULL: not in the tree */
};

/* Whether it looks like one: an account or a certificate. */
bool acme_sh_is_home(const struct tree *t, const char *path);
/* Reads accounts and certificates of one home into f; what is damaged becomes a warning. */
void acme_sh_read_home(struct found *f, const struct acme_sh_home *home);

#endif

/* Texts of configuration files with something put in or taken out, and what that looks like. */
#ifndef EVERCERT_SITE_EDIT_H
#define EVERCERT_SITE_EDIT_H

#include "base/buf.h"
#include "site/site.h"

/* Appends `text` with the insertion made. */
void edit_insert(struct str text, struct insertion in, struct buf *out);
/* Appends `text` without the insertion, which may have moved since: of the same whole lines those that are
 * nearest to its place. False, and nothing is appended, where there are none. */
bool edit_remove(struct str text, struct insertion what, struct buf *out);

/* Appends a unified diff of one hunk (three lines around what differs) of two texts; nothing where they are
 * the same. An old text of NULL bytes is a file that is not there. Control characters are shown as '?'. */
void edit_diff(const char *path, struct str before, struct str after, struct buf *out);

#endif

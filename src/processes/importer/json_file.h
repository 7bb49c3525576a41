/* JSON that another client wrote, keys among it. Lenient where those clients are, bounded by the file. */
#ifndef EVERCERT_PROCESSES_IMPORTER_JSON_FILE_H
#define EVERCERT_PROCESSES_IMPORTER_JSON_FILE_H

#include "base/err.h"
#include "base/str.h"
#include "processes/importer/tree.h"

#include <jansson.h>
#include <stdbool.h>

/* Makes jansson wipe what it gives back, since keys go through it. Once, before its first use. */
void json_file_wipe(void);

/* One object and nothing behind it; ERR_INPUT otherwise. The caller gives *out back with json_file_freep. */
int json_file_parse(struct str text, json_t **out, struct err *err);
/* The same of a file of the tree; `max` in bytes. */
int json_file_read(const struct tree *t, const char *path, size_t max, json_t **out, struct err *err);
/* For ATTR_CLEANUP. */
void json_file_freep(json_t **j);

/* The text of a member: empty where it is absent or of another type. `object` may be NULL. Lives as long as
 * the object. */
struct str json_file_text(const json_t *object, const char *member);
/* The same as C string, "" for a text with NUL in it. */
const char *json_file_c(const json_t *object, const char *member);
/* The e-mail address of an account object (RFC 8555 7.1.2): of the first contact; "" for none. */
const char *json_file_contact(const json_t *account);

#endif

/* Challenge files in a directory that a web server serves (RFC 8555 8.3): WEBROOT/.well-known/acme-challenge/
 * TOKEN. The webroot is the operator's word and may be a symbolic link; below it none is followed. */
#ifndef EVERCERT_PROCESSES_PARENT_CHALLENGE_FILE_H
#define EVERCERT_PROCESSES_PARENT_CHALLENGE_FILE_H

#include "base/err.h"

/* Writes or replaces the file, readable by all. Directories that are missing below the webroot are made,
 * searchable by all. What is made belongs to the webroot's owner and group where this process is root and
 * they are not. `token` is checked (ERR_REFUSED). Every error names the webroot and says what to do about it;
 * ERR_REFUSED also for a symbolic link below it, and for a directory there that every user can write to. */
int challenge_file_put(const char *webroot, const char *token, const char *value, struct err *err);
/* Removes the file; what is not there is no error. No directory is made or removed. */
int challenge_file_remove(const char *webroot, const char *token, struct err *err);
/* Whether challenge_file_put would succeed, as far as that shows without changing anything. */
int challenge_file_check(const char *webroot, struct err *err);

#endif

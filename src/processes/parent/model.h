/* What templates are told of this machine and of how its names are proven (lua/template.h). Pure. */
#ifndef EVERCERT_PROCESSES_PARENT_MODEL_H
#define EVERCERT_PROCESSES_PARENT_MODEL_H

#include "base/buf.h"
#include "config/settings.h"

/* Appends a JSON object: {"challenge": {"kind": [...], "webroot": "...", "http_listen": [...], "path":
 * "..."}, "host": {"name": hostname, "version": "...", "state": state, "live": state/live}}. What is no UTF-8
 * (a directory of that name) is left out. */
void model_settings(const struct settings *s, const char *state, const char *hostname, struct buf *out);

#endif

/* Files of templates: what the other files of the parent ask of outputs.c besides output_take
 * (parent.h). */
#ifndef EVERCERT_PROCESSES_PARENT_OUTPUTS_H
#define EVERCERT_PROCESSES_PARENT_OUTPUTS_H

#include "processes/parent/parent.h"

/* The configuration was loaded: what has no template any more is let go. */
void outputs_settings(struct parent *p);
/* Its template could not be read, and why; NULL: it was. Said once in the log. */
void output_source(struct parent *p, const struct template_setting *t, const struct err *why);
/* Each as a JSON row: {"kind": "template", "output", "source", "state": current waiting checking telling
 * failed, "since", "error"}. */
void outputs_rows(struct parent *p, grants_row_fn *fn, void *arg);

#endif

/* Texts in YAML. */
#ifndef EVERCERT_CONFIG_YAML_TEXT_H
#define EVERCERT_CONFIG_YAML_TEXT_H

#include "base/buf.h"
#include "base/str.h"

/* Appends `s`, well-formed UTF-8, as a scalar that every reader of YAML takes as that text: a bare word where
 * that is one, else in double quotes, on one line. */
void yaml_put_text(struct buf *out, struct str s);

#endif

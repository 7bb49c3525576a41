/*
 * Templates: text with <% Lua %> in it, rendered over what runs and what is managed. The same sandbox as that
 * of DNS providers, without HTTP, DNS and waiting; bounded in time, memory, steps and output. What a template
 * may use stands in evercert-templates(7).
 */
#ifndef EVERCERT_LUA_TEMPLATE_H
#define EVERCERT_LUA_TEMPLATE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "config/containers.h"
#include "containers/model.h"

#include <stddef.h>
#include <stdint.h>

enum {
    TEMPLATE_TIME_MS = 5 * 1000,             /* of one rendering */
    TEMPLATE_MEMORY_MAX = 256 * 1024 * 1024, /* 20,000 containers of 5 kB, and what is made of them */
    TEMPLATE_STEPS_MAX = 200 * 1000000,
};

/* What a template is rendered over. */
struct template_model {
    const struct container *const
        *containers; /* by creation, then engine and id: the order of `containers` */
    size_t container_n;
    const char *const *certificates; /* JSON objects, as rows of `evercert list --json`, by name */
    size_t certificate_n;
    const char *settings; /* a JSON object: {"challenge": {...}, "host": {...}} (processes/parent/model.c) */
};

/*
 * `file` is for messages. Renders into `out`; `lines` gets a uint32_t for each line of `out`: the line of the
 * template that it came from. ERR_INPUT with "FILE:LINE: ..." for whatever is wrong with the template or
 * happened in it, ERR_LIMIT where it went beyond a limit; both buffers are empty then. No text of an error
 * holds a container's variables.
 */
int template_render(const char *file, struct str text, enum template_kind kind,
    const struct template_model *model, struct buf *out, struct buf *lines, struct err *err);

/* `value` escaped for that kind of file, as <%= %> does it; for tests, too. nginx: a word that nginx reads as
 * one argument with just that text ('$' and control characters, which its syntax cannot say, become '_');
 * shell: a word of sh; html: text and attribute values; json: a JSON value with its quotes. */
void template_escape(enum template_kind kind, struct str value, struct buf *out);

#endif

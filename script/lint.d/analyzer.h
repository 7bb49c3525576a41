/*
 * What the static analyzer cannot know from a declaration: err_set, err_errno and err_prefix return an error,
 * never 0. Without this it follows paths on which a function failed and its caller went on as if it had not.
 * script/lint forces this header into what clang-tidy reads (but for err.c, which defines these functions);
 * the compiler never sees it.
 */
#ifndef EVERCERT_LINT_ANALYZER_H
#define EVERCERT_LINT_ANALYZER_H

#include "base/err.h"

#define err_set(err, code, ...) (err_set((err), (code), __VA_ARGS__), (code))
#define err_errno(...)          (err_errno(__VA_ARGS__), (int)ERR_IO)
#define err_prefix(...)         (err_prefix(__VA_ARGS__), (int)ERR_FAILED)

#endif

/* Running a program to its end for what it prints. */
#ifndef EVERCERT_OS_CAPTURE_H
#define EVERCERT_OS_CAPTURE_H

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "os/child.h"

#include <stdint.h>

/* Starts it as `spec` says, with `input` to read on standard input (/dev/null where that is empty) and with
 * standard output and error led here (`spec` has no descriptors of its own), and waits. What it prints is
 * appended to `out`, within that buffer's limit. ERR_TIMEOUT and ERR_LIMIT: it was ended by SIGKILL.
 * ERR_FAILED: it ended otherwise than with status 0; the text is the last line of what it complained of, or
 * what became of it. Else as child_spawn. */
int capture_output(
    const struct child_spec *spec, struct str input, int64_t timeout_s, struct buf *out, struct err *err);

#endif

/*
 * The file of a template, and the two beside it: the new one (".NAME.evercert-new"), which has its owner,
 * group and mode from its birth, and the old one (".NAME.evercert-old") while a new one that is in place
 * already has not passed its check. The path is the operator's word; on the way to it nothing is followed
 * that others could have put there (os/trusted.h).
 */
#ifndef EVERCERT_PROCESSES_PARENT_OUTPUT_FILE_H
#define EVERCERT_PROCESSES_PARENT_OUTPUT_FILE_H

#include "base/arena.h"
#include "base/err.h"
#include "config/settings.h"
#include "processes/parent/copy.h"

#include <stdbool.h>

struct output_file {
    struct publication form;
    struct copy at;          /* directory, name, owner, group, mode */
    const char *fresh, *old; /* names beside it */
    const char *path;        /* whole */
    const char *fresh_path;  /* whole, of the new one */
    bool exists;             /* there is a file */
};

/* Where it goes; nothing is changed. Texts live in `a`. state: the state directory. Errors as copy_open, and
 * ERR_REFUSED for a place in that directory. Ended with output_file_close, on success only. */
int output_file_open(
    const struct template_setting *t, int state, struct arena *a, struct output_file *out, struct err *err);
void output_file_close(struct output_file *f);
/* Whether it holds exactly this text, as its owner, group and mode should be. */
bool output_file_is(const struct output_file *f, struct str text);
/* Writes the new one beside it, durably; one that an interruption left is replaced. ERR_SPACE where the disk
 * is full; nothing is left on failure. */
int output_file_write(const struct output_file *f, struct str text, struct err *err);
void output_file_discard(const struct output_file *f);
/* Keeps the file that is there as the old one. */
int output_file_keep(const struct output_file *f, struct err *err);
/* The new one takes its place, durably. */
int output_file_place(const struct output_file *f, struct err *err);
/* The old one is not needed any more. */
void output_file_settle(const struct output_file *f);
/* The old one comes back, or where there was none (`had`) the file goes. After a crash too, at whatever point
 * between the decision to keep the old one and output_file_settle. */
int output_file_back(const struct output_file *f, bool had, struct err *err);

#endif

/* What the files of templates' outputs share: outputs.c (from a text to a file that is in place),
 * outputs_tell.c (who is to know of it), outputs_known.c (which there are). */
#ifndef EVERCERT_PROCESSES_PARENT_OUTPUTS_PRIV_H
#define EVERCERT_PROCESSES_PARENT_OUTPUTS_PRIV_H

#include "base/time.h"
#include "processes/parent/output_file.h"
#include "processes/parent/output_journal.h"
#include "processes/parent/outputs.h"

enum output_state {
    OUTPUT_IDLE,
    OUTPUT_QUEUED,   /* its check needs it in place, and so does another's that goes on */
    OUTPUT_CHECKING, /* its check goes on */
    OUTPUT_PLACED,   /* who is to know is to be told, with those of other outputs */
    OUTPUT_TELLING,
};

/* A request of the watcher that is to be answered. */
struct output_request {
    uint32_t id; /* 0: none */
    unsigned life;
};

struct output {
    struct output *next;
    struct parent *p;
    char *path, *source;
    enum output_state state;
    bool known; /* a text was handed in since we started */
    struct buf text, lines;
    struct output_request request;
    /* What was handed in while another text was under way: by a watcher that was started anew. */
    bool has_next;
    struct buf next_text, next_lines;
    struct output_request next_request;
    /* Of the text under way. */
    struct arena *arena;
    struct template_setting setting; /* a copy: a reload comes in between */
    struct output_file file;
    bool file_open;
    bool in_place;                 /* the check needs it to be in place */
    bool due[TEMPLATE_NOTIFY_MAX]; /* who has yet to be told */
    size_t telling;                /* of them, those that are being told */
    struct err told;               /* the first that could not be */
    struct event *retry;           /* to place it, or to tell */
    int64_t retry_ms;
    /* What is wrong, "": nothing. Each is in the log once. */
    char *unreadable, *unrendered, *error;
    struct wall since; /* of the state it is in: well or not */
};

struct outputs {
    struct output *list;
    struct journal journal;
    bool journal_read;
    struct event *gather; /* until those that come together are there */
    int64_t gather_from_ms;
    int64_t reload_at_ms; /* when the reloads that templates ask for have been paid for */
};

/* outputs_known.c: made where there is none. */
struct outputs *outputs_of(struct parent *p);
/* The template of the configuration that makes that file; NULL where none does. */
const struct template_setting *output_setting(const struct parent *p, const char *path);
/* What is known of the file of that template; made where there is none. */
struct output *output_find(struct parent *p, const struct template_setting *t);
/* What is wrong now (one of unreadable, unrendered, error; "": nothing), said in the log where it is news. */
void output_complain(struct output *o, char **about, const char *text);
/* Says once what is wrong with it, and tries again later. Answers the watcher. */
void output_fail(struct output *o, const struct err *err);
/* All is as it should be. */
void output_done(struct output *o);

/* outputs_tell.c: the file is in place; when others that are under way are there too, or after a while, those
 * that are to know are told. */
void output_tell(struct output *o);

#endif

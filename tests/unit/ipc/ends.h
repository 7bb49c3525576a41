/* Two ends of a socketpair for the tests of channels: `near` is a channel that takes the messages below and
 * remembers them, `far` is a bare socket or a second channel. Ends that are not freed by a test are by
 * ends_close, which also sees that no descriptor was left open. */
#ifndef EVERCERT_TESTS_UNIT_IPC_ENDS_H
#define EVERCERT_TESTS_UNIT_IPC_ENDS_H

#include "base/buf.h"
#include "ipc/channel.h"

#include <event2/event.h>
#include <stdbool.h>

/* Types that the near end takes: always session_gone, listen, row, command, wishes_end and hit; token_put in
 * state 2 only. */
enum { STATE_OPEN = 1, STATE_TOKENS = 2 };

/* What a handler does once it has remembered the message. */
enum act { ACT_NOTHING, ACT_FREE, ACT_TOKENS, ACT_ECHO };

struct ends {
    struct event_base *base;
    struct channel *near; /* NULL once freed */
    int far;              /* -1 once closed or given to a channel */
    size_t fds_before;

    enum act act;
    bool free_when_closed;
    unsigned messages;
    enum msg_type last_type;
    uint32_t last_id, last_number; /* session of session_gone and row */
    char last_text[64];            /* the first bytes of the message's text */
    size_t last_length;
    int fd; /* the last descriptor that came; ends_close closes it */
    unsigned closed;
    struct err why;
};

void ends_open(struct ends *e);
void ends_close(struct ends *e);

size_t open_fds(void);

/* Runs the loop until nothing more happens. */
void ends_run(struct ends *e);

/* A frame with fields as they are, and one with a message's. */
void put_raw(struct buf *out, uint32_t length, unsigned type, uint32_t id, struct str fields);
void put_fields(struct buf *out, unsigned type, uint32_t id, struct str fields);
void put_message(struct buf *out, enum msg_type t, uint32_t id, const void *msg);

/* Writes to the far socket at once; frees the buffer. */
void far_write(struct ends *e, struct buf *b);
/* The same, with n descriptors on the first byte. */
void far_write_fds(struct ends *e, struct buf *b, const int *fds, size_t n);
/* Reads what is there now; returns the number of bytes, and 0 at the end of the stream or when nothing is
 * there. */
size_t far_read(struct ends *e, char *to, size_t n);

/* The near end closed once, for that reason, without having taken a message since `messages`. */
void expect_closed(struct ends *e, int code, const char *text, unsigned messages);

#endif

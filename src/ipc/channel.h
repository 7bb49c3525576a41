/*
 * A channel: one end of a socketpair (or of the control socket) on which two processes talk in frames.
 *
 *   frame = u32 length of what follows | u16 type | u32 id | fields
 *
 * By its head alone a frame is refused that no rule and no pending request of this end allows, or whose
 * length is beyond the type's limit: memory is spent on good ones only. When it is whole, it must be allowed
 * in the state the channel is in, decode, and have come with a descriptor exactly if its type carries one. A
 * bad frame closes the channel. Requests are numbered and answered by a message of the expected type with the
 * same number. Nothing here blocks.
 */
#ifndef EVERCERT_IPC_CHANNEL_H
#define EVERCERT_IPC_CHANNEL_H

#include "base/err.h"
#include "ipc/messages.h"

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    CHANNEL_QUEUE_MAX =
        64 * 1024 * 1024,          /* unsent bytes; a peer that reads nothing must not eat our memory */
    CHANNEL_FDS_MAX = 16,          /* descriptors received and not yet matched to their frames */
    CHANNEL_REQUESTS_MAX = 100000, /* pending answers */
};

struct channel; /* opaque */

/* A message this end accepts. `msg` is the decoded struct; it and its strings live for the call. `fd` is the
 * descriptor that came with it (the handler owns it then) or -1. The handler may send, and may close the
 * channel. */
typedef void channel_handler_fn(struct channel *c, uint32_t id, const void *msg, int fd, void *arg);

struct channel_rule {
    enum msg_type type;
    unsigned states; /* bits of the states it is allowed in; see channel_set_state */
    channel_handler_fn *handler;
};

/* A rule that holds in every state. */
#define CHANNEL_STATE_ANY (~0u)

/* The peer closed, broke the protocol (ERR_IPC, ERR_INPUT, ERR_LIMIT) or the socket failed. Called once,
 * after all pending requests were failed, from the loop; the channel must be freed by or after it. Not called
 * for channel_free. */
typedef void channel_closed_fn(struct channel *c, const struct err *why, void *arg);

/* The answer to a request: the decoded struct, or NULL and an error when the channel went. */
typedef void channel_reply_fn(const void *msg, const struct err *err, void *arg);

/* Takes over `fd` (non-blocking). `rules` and `name` must outlive the channel. Starts in state 1. */
struct channel *channel_new(struct event_base *base, int fd, const char *name,
    const struct channel_rule *rules, size_t rule_n, channel_closed_fn *closed, void *arg);
/* Closes at once; pending requests are forgotten without a call. What was queued and can be written without
 * waiting is written first. NULL is fine. */
void channel_free(struct channel *c);

/* Ends it from this side as if the peer had gone: from the loop, those who wait for answers hear `why`, then
 * `closed` is called. */
void channel_end(struct channel *c, const struct err *why);

/* Which of the rules' states bits is current. */
void channel_set_state(struct channel *c, unsigned state_bit);
const char *channel_name(const struct channel *c);
void *channel_arg(const struct channel *c);
/* Requests that were not answered yet; for callers that keep a window. */
size_t channel_pending(const struct channel *c);
/* Bytes queued and not yet written. */
size_t channel_queued(const struct channel *c);

/* Queue a message; with id 0 it is no request and no answer. A descriptor for messages that carry one is
 * duplicated (the caller keeps its own), else -1. ERR_LIMIT for a message over its limit (nothing is sent),
 * ERR_IPC when the queue is full or the channel dead. */
int channel_send(struct channel *c, enum msg_type t, uint32_t id, const void *msg, int fd, struct err *err);

/* Queue a request whose answer is of type `answer`. The callback comes from the loop, never from inside this
 * call. Returns 0 or as channel_send; on failure the callback never comes. Neither request nor answer can be
 * of a type that carries a descriptor (ERR_IPC). */
int channel_request(struct channel *c, enum msg_type t, const void *msg, enum msg_type answer,
    channel_reply_fn *reply, void *arg, struct err *err);
/* Forget who waits: answers to requests with this arg are dropped silently. */
void channel_forget(struct channel *c, const void *arg);

#endif

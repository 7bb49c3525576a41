/*
 * What the messenger sends, as texts. Pure. Names and errors come from strangers in the end (a CA's words, a
 * container's label), so what goes into a header is cleaned, and a body is encoded by who sends it.
 */
#ifndef EVERCERT_PROCESSES_MESSENGER_MESSAGE_H
#define EVERCERT_PROCESSES_MESSENGER_MESSAGE_H

#include "base/buf.h"
#include "base/time.h"

#include <jansson.h>

enum {
    MESSAGE_SUBJECT_MAX = 800,      /* octets, two names of 255 among them; RFC 5322 2.1.1 allows 998 */
    MESSAGE_TEXT_MAX = 1024 * 1024, /* of a document's 512 kB */
};

/* "evercert on HOST: a.example is failing", or how many of them. ASCII, one line. */
void message_subject(const json_t *document, struct buf *out);
/* For people, lines ended by '\n': of each certificate what happened, until when it is valid. UTF-8. */
void message_text(const json_t *document, struct wall now, struct buf *out);
/* The body of a webhook: {"host", "alert", "text", "certificates": [...], "more"}; `text` is what chat
 * programs show. New reference. */
json_t *message_object(const json_t *document, struct wall now);
/* The whole mail (RFC 5322), its body quoted-printable (RFC 2045 6.7), lines ended by CRLF. `id`: the left
 * side of its Message-ID. */
void message_mail(const json_t *document, const char *from, const char *id, struct wall now, struct buf *out);

#endif

/* One engine, for the files that follow it. */
#ifndef EVERCERT_DOCKER_FOLLOW_PRIV_H
#define EVERCERT_DOCKER_FOLLOW_PRIV_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/text.h"
#include "docker/decode.h"
#include "docker/follow.h"
#include "docker/known.h"
#include "docker/split.h"
#include "docker/wire.h"

enum {
    ERROR_MAX = 512,     /* octets of an error that is shown */
    NETWORKS_MAX = 4096, /* networks of a swarm whose names are kept */
    ASK_FAILS_MAX = 3,   /* answers of one container that cannot be used until it is left alone */
};

enum docker_phase {
    DOCKER_AWAY,     /* waits for the next try */
    DOCKER_VERSIONS, /* GET /version */
    DOCKER_THERE,    /* lists, or has listed, and follows */
};

/* The lists, in the order they are asked for. */
enum docker_list { LIST_CONTAINERS, LIST_SERVICES, LIST_NONE };

struct docker {
    struct event_base *base;
    struct docker_observer observer;
    void *arg;
    char *name;
    bool services_wanted;
    struct wire *wire;
    enum docker_phase phase;
    struct docker_version version;
    /* What is told at the end of a turn of the loop where it differs from what was told. */
    bool synced;
    char error[ERROR_MAX];
    struct docker_state told;
    char told_error[ERROR_MAX], told_version[DOCKER_VERSION_TEXT_MAX];
    /* Requests */
    struct wire_request *version_request, *events_request, *list_request, *ping_request;
    /* Lists */
    enum docker_list list;
    struct split list_split;
    struct known_table known;
    uint32_t listing;                 /* number of the list that goes on, or went on last */
    bool rescan;                      /* another list is wanted behind this one */
    size_t listed_n;                  /* entries of this list */
    size_t owed_n;                    /* of this list, not answered yet */
    struct known *queue, **queue_end; /* to be asked about */
    size_t asked_n;
    bool services_kept;          /* the list of services was not to be had, which says nothing of them */
    bool answered;               /* one answer about a container could be used since it is there */
    struct arena *network_arena; /* names of a swarm's networks, which never change */
    struct pair *networks;       /* by id */
    size_t network_n;
    /* Events */
    struct split events_split;
    bool events_begun, events_seen;   /* since the last look */
    int64_t last_nano, replayed_nano; /* of the newest event; of the newest before this stream */
    struct known *dirty;              /* changed, gathered */
    bool deaths;                      /* some are to be told */
    /* Time */
    struct event *turn, *gather, *retry, *ping;
    int64_t retry_ms, synced_ms;
    struct docker_call *calls;
};

/* follow.c */
/* It is lost: everything is begun anew after a while. */
void docker_lose(struct docker *d, const struct err *err);
/* Something happened that the end of the turn has to look at. */
void docker_wake(struct docker *d);
int64_t docker_now_ms(void);
/* "/v1.41" and what follows. `a` owns it. */
const char *docker_path(const struct docker *d, struct arena *a, const char *fmt, ...) ATTR_PRINTF(3, 4);
/* What an answer that is no success says. Always negative. */
int docker_refusal(const struct wire_answer *answer, const char *shown, struct err *err);

/* follow_list.c */
void list_begin(struct docker *d);
void list_cancel(struct docker *d);
/* Asks about what waits, as many as may be. */
void list_ask(struct docker *d);
void list_queue(struct docker *d, struct known *k);
/* Tells that it is gone, where it was told, and forgets it. */
void list_gone(struct docker *d, struct known *k);

/* follow_events.c */
void events_begin(struct docker *d, int64_t since_s);
void events_cancel(struct docker *d);
/* Tells of deaths. */
void events_turn(struct docker *d);
/* Of d->gather: what changed is asked about. */
void events_gather(evutil_socket_t fd, short what, void *arg);
/* It changed: is asked about with the others that do. */
void events_dirty(struct docker *d, struct known *k);

/* act.c */
void act_cancel_all(struct docker *d);

#endif

/*
 * messenger: sends one message, by mail or to a webhook, and ends. What it is to say, to whom and with which
 * secret comes on standard input (processes/alert_document.h). It runs for that one message, as the engine's
 * user, without files and without the engine's memory; status 1 and a line on standard error say why it could
 * not be sent.
 */
#include "base/attr.h"
#include "base/buf.h"
#include "os/sandbox.h"
#include "os/user.h"
#include "processes/alert_document.h"
#include "processes/messenger/send.h"
#include "processes/process.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { CHUNK = 4096 /* read in one go */ };

static int confine(struct process *p, struct err *err)
{
    struct sandbox_path paths[PROCESS_NETWORK_PATHS_MAX];
    const struct sandbox sandbox = {
        .process = p->name,
        .kind = SANDBOX_DENY_LIST,
        .paths = paths,
        .paths_n = process_network_paths(paths),
        .permit = SANDBOX_TCP_CONNECT,
        .log_only = p->sandbox_log,
    };
    int r = geteuid() == 0 ? caps_drop_all(err) : 0;
    return r < 0 ? r : sandbox_enter(&sandbox, NULL, err);
}

static int read_document(json_t **out, struct err *err)
{
    struct buf in ATTR_CLEANUP(buf_free) = buf_new_sensitive(ALERT_DOCUMENT_MAX);
    char *room;
    ssize_t n = 1;
    while (n != 0 && (room = buf_room(&in, CHUNK)) != NULL) {
        n = read(STDIN_FILENO, room, CHUNK);
        if (n < 0 && errno != EINTR)
            return err_errno(err, errno, "standard input");
        buf_added(&in, n > 0 ? (size_t)n : 0);
    }
    *out = json_loadb(buf_c(&in), in.n, JSON_REJECT_DUPLICATES, NULL);
    return json_is_object(*out) ? 0 : err_set(err, ERR_INPUT, "standard input is no message of evercert's");
}

int main(int argc, char **argv)
{
    struct process p = {.name = "messenger"};
    struct err err = ERR_INIT;
    json_t *document = NULL;
    process_arguments(&p, "messenger", argc, argv);
    json_object_seed(0); /* reads /dev/urandom, which is out of reach later */
    int r = confine(&p, &err);
    if (r == 0)
        r = read_document(&document, &err);
    if (r == 0)
        r = send_message(document, clock_wall(&system_clock), &err);
    json_decref(document);
    if (r < 0)
        fprintf(stderr, "%s\n", err.text);
    return r < 0 ? 1 : 0;
}

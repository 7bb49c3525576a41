#include "keeper_fixture.h"

#include "base/b64.h"
#include "base/log.h"
#include "os/file.h"

#include <fcntl.h>
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char path[] = "/tmp/evercert-keeper-XXXXXX";

static void open_keeper(struct keeper *k)
{
    *k = (struct keeper){.live = -1, .archive = -1, .account_file = -1, .burnt_file = -1};
    k->process.identity = IDENTITY_SAME;
    k->process.new_state = true;
}

void keeper_close(struct keeper *k)
{
    shelf_clear(k);
    accounts_free(k);
    burnt_clear(k);
    secret_free(&k->seal_key);
    fd_close(&k->live);
    fd_close(&k->archive);
    fd_close(&k->account_file);
    fd_close(&k->burnt_file);
}

int keeper_set_up(void **state)
{
    static struct keeper k;
    log_init("test", LOG_LEVEL_WARNING);
    struct err err = ERR_INIT;
    snprintf(path, sizeof path, "/tmp/evercert-keeper-XXXXXX");
    assert_non_null(mkdtemp(path));
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(fd >= 0);
    if (fd != PROCESS_STATE_FD) {
        assert_int_equal(dup2(fd, PROCESS_STATE_FD), PROCESS_STATE_FD);
        close(fd);
    }
    open_keeper(&k);
    if (secrets_prepare(&k, &err) < 0 || secrets_open(&k, &err) < 0)
        fail_msg("%s", err.text);
    struct keeper_account *a = NULL;
    accounts_configure(&k, &(struct msg_keeper_account){.account = DIRECTORY, .email = "ops@example.com"});
    assert_int_equal(accounts_configured(&k, DIRECTORY, &a, NULL), 0);
    assert_int_equal(accounts_make_key(&k, a, NULL), 0);
    *state = &k;
    return 0;
}

int keeper_tear_down(void **state)
{
    keeper_close(*state);
    close(PROCESS_STATE_FD);
    const char *slash = strrchr(path, '/');
    int base = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_int_equal(dir_remove(base, slash + 1, NULL), 0);
    close(base);
    return 0;
}

int keeper_restart(struct keeper *k, struct err *err)
{
    keeper_close(k);
    open_keeper(k);
    int r = secrets_prepare(k, err);
    return r < 0 ? r : secrets_open(k, err);
}

const char *keeper_file(struct arena *a, const char *name)
{
    struct buf text = buf_new(1024 * 1024);
    assert_int_equal(file_read(PROCESS_STATE_FD, name, 1024 * 1024, &text, NULL), 0);
    const char *copy = arena_dup(a, buf_str(&text));
    buf_free(&text);
    return copy;
}

void keeper_file_append(const char *name, const char *text)
{
    int fd = openat(PROCESS_STATE_FD, name, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
}

bool keeper_has(const char *name)
{
    return faccessat(PROCESS_STATE_FD, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

struct str keeper_permit(struct keeper *k, struct arena *a, const char *wish)
{
    struct buf permit = buf_new(MSG_WISH);
    struct err err = ERR_INIT;
    if (permit_make(k, str_c(wish), &permit, &err) != 0)
        fail_msg("%s", err.text);
    struct str copy = arena_str(a, buf_str(&permit));
    buf_free(&permit);
    return copy;
}

struct str keeper_ticket(
    struct keeper *k, struct arena *a, enum acme_request request, const char *name, uint32_t reason)
{
    struct buf ticket = buf_new(MSG_SMALL);
    assert_int_equal(ticket_make(k, request, name, reason, &ticket, NULL), 0);
    struct str copy = arena_str(a, buf_str(&ticket));
    buf_free(&ticket);
    return copy;
}

struct str keeper_sealed(
    struct keeper *k, struct arena *a, struct str permit, int64_t generation, struct str previous)
{
    struct buf sealed = buf_new(MSG_SMALL);
    struct wish w;
    struct err err = ERR_INIT;
    const struct msg_key_make m = {.permit = permit,
        .generation = generation,
        .previous = previous,
        .previous_generation = generation - 1};
    if (permit_wish(k, permit, 0, a, &w, &err) != 0 || sealed_key_make(k, &w, &m, a, &sealed, &err) != 0)
        fail_msg("%s", err.text);
    struct str copy = arena_str(a, buf_str(&sealed));
    buf_free(&sealed);
    return copy;
}

static const char *decoded(struct arena *a, const json_t *root, const char *member)
{
    struct buf text = buf_new(1024 * 1024);
    const char *value = json_string_value(json_object_get(root, member));
    assert_non_null(value);
    assert_int_equal(b64url_decode(&text, str_c(value)), 0);
    const char *copy = arena_dup(a, buf_str(&text));
    buf_free(&text);
    return copy;
}

struct jws_parts keeper_take_apart(struct arena *a, struct str jws)
{
    json_t *root = json_loadb(jws.p, jws.n, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    assert_int_equal(json_object_size(root), 3);
    struct jws_parts p = {decoded(a, root, "protected"), decoded(a, root, "payload")};
    json_decref(root);
    return p;
}

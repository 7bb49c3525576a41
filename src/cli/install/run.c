/*
 * An installation in its order: what is asked, what is changed, and how all of it is put back when something
 * fails. First only the answers to challenges are put in, then the certificate is got in the usual way, then
 * the site gets it.
 */
#include "cli/install/run.h"

#include "base/crash_point.h"
#include "cli/session.h"
#include "os/child.h"
#include "os/file.h"
#include "os/lock.h"
#include "processes/state_directory.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define JOURNAL "install.journal"
#define LOCK    "install.lock"

static volatile sig_atomic_t stopped_by;

static void on_signal(int sig)
{
    stopped_by = sig;
}

int install_stopped(void)
{
    return stopped_by;
}

void install_catch_signals(void)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        sigaction(signals[i], &action, NULL);
}

/* The state directory, held against another installation. */
struct held {
    int state, lock;
};

static void let_go(struct held *h)
{
    fd_close(&h->lock);
    fd_close(&h->state);
}

static int hold(const struct install *in, struct held *h, struct err *err)
{
    const char *state = in->i->globals->state;
    int r = state_directory_make(state, err);
    if (r == 0)
        r = dir_open(AT_FDCWD, state, &h->state, err);
    if (r == 0)
        r = lock_take(h->state, LOCK, &h->lock, NULL, err);
    if (r == ERR_LOCKED)
        return err_set(err, r, "another evercert install is at work in %s: wait until it is done", state);
    return r < 0 ? err_prefix(err, "%s", state) : 0;
}

/* ---- the server's commands ---- */

static bool under_systemd(const struct install *in, const char *systemctl, const char *unit)
{
    const char *const argv[] = {systemctl, "is-active", "--quiet", unit, NULL};
    return in->config == NULL && access("/run/systemd/system", F_OK) == 0 &&
           program_run(argv, NULL, NULL) == 0;
}

static void choose_reload(struct install *in)
{
    char systemctl[PATH_MAX];
    in->reload = install_argv(in, in->kind->reload);
    if (child_find_program("systemctl", PROGRAM_PATH, systemctl, NULL) < 0)
        return;
    for (size_t i = 0; in->kind->units[i] != NULL; i++) {
        if (!under_systemd(in, systemctl, in->kind->units[i]))
            continue;
        const char **argv = arena_array(in->a, 4, sizeof *argv);
        argv[0] = arena_dup_c(in->a, systemctl);
        argv[1] = "reload";
        argv[2] = in->kind->units[i];
        in->reload = argv;
        return;
    }
}

static int check_and_reload(const char *const *check, const char *const *reload, struct err *err)
{
    int r = program_run(check, NULL, err);
    if (r < 0)
        return err_prefix(err, "the server does not take the changed configuration");
    r = program_run(reload, NULL, err);
    return r < 0 ? err_prefix(err, "the server did not reload") : 0;
}

static int put_in_force(struct install *in, struct err *err)
{
    int r = check_and_reload(install_argv(in, in->kind->check), in->reload, err);
    if (r == 0 && stopped_by != 0)
        r = err_set(err, ERR_CANCELLED, "interrupted");
    return r;
}

/* ---- the journal ---- */

static int write_journal(const struct install *in, int state, struct err *err)
{
    struct buf text = buf_new(JOURNAL_MAX);
    journal_write(&in->changes, install_argv(in, in->kind->check), in->reload, &text);
    int r = buf_failed(&text) ? err_set(err, ERR_LIMIT, "what is changed cannot be written down first")
                              : file_replace(state, JOURNAL, 0600, buf_str(&text), err);
    buf_free(&text);
    return r < 0 ? err_prefix(err, "journal") : 0;
}

static void drop_journal(int state)
{
    if (unlinkat(state, JOURNAL, 0) == 0)
        (void)dir_sync(state, NULL);
}

/* Takes everything back, and makes the server forget it too. */
static int put_back(const struct changes *c, const char *const *check, const char *const *reload, int state)
{
    struct err err = ERR_INIT;
    int r = changes_undo(c, &err);
    if (r < 0) {
        say_error(
            "what was changed could not be put back: %s; the next evercert install or uninstall tries again",
            err.text);
        return r;
    }
    drop_journal(state);
    if ((r = check_and_reload(check, reload, &err)) < 0)
        say_error("the configuration is as it was before, but: %s", err.text);
    return r;
}

/* What an installation left that was ended in the middle. */
static int recover(struct install *in, int state, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new(JOURNAL_MAX);
    struct changes *c = arena_alloc(in->a, sizeof *c);
    const char *const *check = NULL, *const *reload = NULL;
    int r = file_read_secret(state, JOURNAL, JOURNAL_MAX, &text, err);
    if (r == ERR_NOT_FOUND)
        return 0;
    c->a = in->a;
    if (r == 0)
        r = journal_read(buf_str(&text), c, &check, &reload, err);
    if (r < 0)
        return err_prefix(
            err, "%s/" JOURNAL " of an installation that was interrupted", in->i->globals->state);
    install_say(in, "an installation was interrupted: putting back what it changed");
    changes_sweep(c);
    (void)put_back(c, check, reload, state);
    return faccessat(state, JOURNAL, F_OK, 0) == 0
               ? err_set(err, ERR_FAILED, "nothing is done until that is put right")
               : 0;
}

/* ---- install ---- */

static bool is_changed(const struct install *in)
{
    for (size_t i = 0; i < in->changes.n; i++)
        if (in->changes.list[i].kind != CHANGE_FOLDER)
            return true;
    return false;
}

static bool has_certificate(const struct install *in)
{
    return access(arena_printf(in->a, "%s/fullchain.pem", in->site.live), F_OK) == 0;
}

static void show(const struct install *in)
{
    struct buf text = buf_new(8 * (size_t)CHANGE_FILE_MAX);
    changes_show(&in->changes, &text);
    fwrite(buf_c(&text), 1, text.n, stdout);
    buf_free(&text);
}

static int make_webroot(const struct install *in, int state, struct err *err)
{
    int made ATTR_CLEANUP(fd_close) = -1;
    bool ours = in->site.webroot[0] != '\0' && !options_has(in->i->options, "webroot");
    return ours ? dir_make(state, "challenges", 0755, &made, err) : 0;
}

/* Until the CA can be asked. */
static int begin(struct install *in, int state, struct err *err)
{
    int r = make_webroot(in, state, err);
    if (r == 0)
        r = write_journal(in, state, err);
    crash_point(install_journal_written);
    if (r == 0)
        r = changes_make(&in->changes, false, err);
    if (r == 0)
        r = put_in_force(in, err);
    if (r == 0 && in->site.webroot[0] != '\0')
        r = install_wait_challenge(in, err);
    return r;
}

/* With the certificate. */
static int complete(struct install *in, struct err *err)
{
    int r = changes_make(&in->changes, true, err);
    if (r == 0)
        r = put_in_force(in, err);
    if (r == 0)
        r = install_wait_tls(in, err);
    if (r == 0 && in->site.redirect)
        r = install_wait_redirect(in, err);
    return r < 0 ? r : install_verify(in, err);
}

/* All of it; what fails is said here, and put back by the caller. */
static int carry_out(struct install *in, int state)
{
    struct err err = ERR_INIT;
    int status = EXIT_FAILED;
    bool issued = false;
    int r = begin(in, state, &err);
    if (r == 0 && (status = install_issue(in)) != EXIT_DONE)
        return status;
    if (r == 0) {
        issued = true;
        r = complete(in, &err);
    }
    if (r == 0)
        return EXIT_DONE;
    say_error("%s: %s", in->names[0], err.text);
    if (issued)
        say_note("the certificate %s is there and stays managed; evercert install tries the rest again, "
                 "evercert forget %s ends it",
            in->site.certificate, in->site.certificate);
    return r == ERR_CANCELLED && stopped_by != 0 ? 128 + stopped_by : EXIT_FAILED;
}

static int install_held(struct install *in, int state)
{
    int status = carry_out(in, state);
    if (status == EXIT_DONE) {
        crash_point(install_in_force);
        drop_journal(state);
        for (size_t i = 0; i < in->name_n; i++)
            install_say(in, "%s serves https://%s with %s%s", in->kind->word, in->names[i], in->site.live,
                in->site.redirect ? "; http leads there" : "");
        return EXIT_DONE;
    }
    if (faccessat(state, JOURNAL, F_OK, 0) == 0 &&
        put_back(&in->changes, install_argv(in, in->kind->check), in->reload, state) == 0)
        say_note("the configuration of %s is as it was before", in->kind->word);
    return status;
}

static int fail(const struct install *in, const struct err *err)
{
    say_error("%s", err->text);
    (void)in;
    return err->code == ERR_USAGE ? EXIT_USAGE : err->code == ERR_LOCKED ? EXIT_LOCKED : EXIT_FAILED;
}

static int dry_install(struct install *in)
{
    struct err err = ERR_INIT;
    if (in->kind->read(in, &err) < 0 || in->kind->plan(in, &err) < 0)
        return fail(in, &err);
    show(in);
    if (is_changed(in))
        install_say(in, "dry run: nothing was changed, and no certificate asked for (it would be in %s)",
            in->site.live);
    else
        install_say(in, "dry run: nothing would change");
    return EXIT_DONE;
}

int install_run(struct install *in)
{
    struct held held ATTR_CLEANUP(let_go) = {-1, -1};
    struct err err = ERR_INIT;
    if (options_has(in->i->options, "dry-run"))
        return dry_install(in);
    install_catch_signals();
    if (hold(in, &held, &err) < 0 || recover(in, held.state, &err) < 0 || in->kind->read(in, &err) < 0 ||
        in->kind->plan(in, &err) < 0 || changes_allowed(&in->changes, &err) < 0)
        return fail(in, &err);
    if (!is_changed(in) && has_certificate(in)) {
        install_say(in, "%s has the certificate already: nothing to do", in->names[0]);
        return EXIT_DONE;
    }
    if (in->stopped != NULL) {
        err_set(&err, ERR_FAILED, "%s: start it first", in->stopped);
        return fail(in, &err);
    }
    choose_reload(in);
    return install_held(in, held.state);
}

/* ---- uninstall ---- */

static int removed(struct install *in)
{
    install_say(in, "%s is as it was before evercert install", in->names[0]);
    if (in->old_certificate == NULL)
        return EXIT_DONE;
    if (options_has(in->i->options, "forget"))
        return install_forget(in, in->old_certificate);
    install_say(in,
        "the certificate %s stays managed, but nobody answers its challenges any more: evercert forget %s "
        "ends it",
        in->old_certificate, in->old_certificate);
    return EXIT_DONE;
}

/* What is taken away is gone for good: a server that does not run needs no reload. */
static void reload_after(const struct install *in)
{
    struct err err = ERR_INIT;
    if (in->stopped != NULL)
        say_note("%s, and reads its configuration when it starts", in->stopped);
    else if (program_run(in->reload, NULL, &err) < 0)
        say_note("%s did not reload (is it running?): %s", in->kind->word, err.text);
}

static int uninstall_held(struct install *in, int state)
{
    struct err err = ERR_INIT;
    int r = write_journal(in, state, &err);
    if (r == 0)
        r = changes_make(&in->changes, true, &err);
    if (r == 0)
        r = program_run(install_argv(in, in->kind->check), NULL, &err);
    if (r == 0) {
        drop_journal(state);
        reload_after(in);
        (void)rmdir(in->folder); /* others may have their files in it */
        return removed(in);
    }
    say_error("%s: %s", in->names[0], err.text);
    if (faccessat(state, JOURNAL, F_OK, 0) == 0 &&
        put_back(&in->changes, install_argv(in, in->kind->check), in->reload, state) == 0)
        say_note("the configuration of %s is as it was with the certificate", in->kind->word);
    return r == ERR_CANCELLED && stopped_by != 0 ? 128 + stopped_by : EXIT_FAILED;
}

int uninstall_run(struct install *in)
{
    struct held held ATTR_CLEANUP(let_go) = {-1, -1};
    struct err err = ERR_INIT;
    bool dry = options_has(in->i->options, "dry-run");
    in->removes = true;
    install_catch_signals();
    if (!dry && (hold(in, &held, &err) < 0 || recover(in, held.state, &err) < 0))
        return fail(in, &err);
    if (in->kind->read(in, &err) < 0 || in->kind->plan_removal(in, &err) < 0)
        return fail(in, &err);
    if (dry)
        show(in);
    if (!is_changed(in) || dry) {
        install_say(in,
            is_changed(in) ? "dry run: nothing was changed" : "%s: there is nothing of evercert install",
            in->names[0]);
        return EXIT_DONE;
    }
    if (changes_allowed(&in->changes, &err) < 0)
        return fail(in, &err);
    choose_reload(in);
    return uninstall_held(in, held.state);
}

/* The two commands from beginning to end. Each says its errors and returns the exit status. */
#ifndef EVERCERT_CLI_INSTALL_RUN_H
#define EVERCERT_CLI_INSTALL_RUN_H

#include "cli/install/install.h"

/* in: program, names, site (but webroot and live are of the state) and kind are filled. */
int install_run(struct install *in);
int uninstall_run(struct install *in);

/* The steps that other files do. */

/* SIGINT and the like are noted from here on, see install_stopped(). */
void install_catch_signals(void);
/* Issues the certificate as the operator's options say; returns the exit status. */
int install_issue(const struct install *in);
/* Adds the look at what the server serves to the certificate's deployment, and takes the first one now. */
int install_verify(const struct install *in, struct err *err);
/* As `evercert forget`; returns the exit status. */
int install_forget(const struct install *in, const char *certificate);

#endif

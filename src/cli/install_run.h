/* The two commands from beginning to end. Each says its errors and returns the exit status. */
#ifndef EVERCERT_CLI_INSTALL_RUN_H
#define EVERCERT_CLI_INSTALL_RUN_H

#include "cli/install.h"

/* in: program, names, site (but webroot and live are of the state) and kind are filled. */
int install_run(struct install *in);
int uninstall_run(struct install *in);

#endif

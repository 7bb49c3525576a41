/* From argv to a command. */
#ifndef EVERCERT_CLI_DISPATCH_H
#define EVERCERT_CLI_DISPATCH_H

/* Everything the program does; returns its exit status. */
int dispatch(int argc, char *const *argv);

#endif

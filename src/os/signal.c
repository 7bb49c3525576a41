#include "os/signal.h"

#include <signal.h>
#include <stddef.h>

void signal_ignore(int sig)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigemptyset(&ignore.sa_mask);
    /* Fails only for a number that is no signal. */
    (void)sigaction(sig, &ignore, NULL);
}

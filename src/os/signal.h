/* Signals that are not events: those are the loop's (libevent). */
#ifndef EVERCERT_OS_SIGNAL_H
#define EVERCERT_OS_SIGNAL_H

/* Ignores `sig` from here on, also in programs that are exec'd. */
void signal_ignore(int sig);

#endif

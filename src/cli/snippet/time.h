/* When a machine without a daemon looks for what is due: not when all others do. */
#ifndef EVERCERT_CLI_SNIPPET_TIME_H
#define EVERCERT_CLI_SNIPPET_TIME_H

/* minute 1 to 59, hour 1 to 11; the second time of the day is 12 hours later. */
struct snippet_minute {
    unsigned minute, hour;
};

/* By chance, but always the same for this host's name and that text. */
struct snippet_minute snippet_minute_of_host(const char *text);

#endif

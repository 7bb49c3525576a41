/* Where the files of DNS providers lie: those of the package, and the operator's, which win. */
#ifndef EVERCERT_PROCESSES_PROVIDER_DIRECTORIES_H
#define EVERCERT_PROCESSES_PROVIDER_DIRECTORIES_H

struct provider_directories {
    const char *shipped, *local; /* absolute; either may be missing on disk */
};

/* PREFIX/share/evercert/providers and /etc/evercert/providers. The environment may name others
 * (EVERCERT_PROVIDERS, EVERCERT_LOCAL_PROVIDERS), where nobody gains rights by it. Static storage. */
struct provider_directories provider_directories(void);

#endif

#include "base/crash_point.h"

#ifdef EVERCERT_CRASH_POINTS

#include "base/attr.h"
#include "base/str.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char variable[] = "EVERCERT_CRASH_POINT";

static const char *const names[] = {
#define CRASH_POINT_NAME(name, text) [CRASH_POINT_##name] = #name,
    CRASH_POINTS(CRASH_POINT_NAME)
#undef CRASH_POINT_NAME
};

/* What the environment says: at which one, and how often it is passed before. */
static struct {
    bool read, list;
    const char *name; /* NULL: at none */
    uint64_t left;
} armed;

/* The variable stays in the environment, for those that this process starts. */
static void read_environment(void)
{
    struct str name, times;
    const char *text = getenv(variable);
    armed.read = true;
    armed.list = text != NULL && strcmp(text, "list") == 0;
    if (text == NULL || armed.list)
        return;
    armed.left = 1;
    if (str_cut(str_c(text), ':', &name, &times) && !str_to_u64(times, UINT64_MAX, &armed.left))
        abort();
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_c(name, names[i]))
            armed.name = names[i];
    if (armed.name == NULL) {
        dprintf(STDERR_FILENO, "there is no crash point %s\n", text);
        abort();
    }
}

void crash_point_pass(enum crash_point p)
{
    if (!armed.read)
        read_environment();
    if (armed.list)
        dprintf(STDERR_FILENO, "crash point passed %s\n", names[p]);
    if (armed.name != names[p] || --armed.left > 0)
        return;
    armed.name = NULL;
    dprintf(STDERR_FILENO, "crash point %s\n", names[p]);
    raise(SIGSTOP);
}

void crash_points_over(void)
{
    unsetenv(variable);
    armed.name = NULL;
    armed.read = true;
}

#endif

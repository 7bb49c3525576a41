/* A million certificates over two years, with the real policy and a simulated clock and CA. */
#include "run.h"

#include "base/str.h"
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct options {
    uint64_t certificates, seed;
    const char *json;
    FILE *json_file;
};

static int usage(void)
{
    fprintf(stderr, "usage: simulate [--certificates=N] [--seed=N] [--json=FILE] [SCENARIO...]\n");
    for (size_t i = 0; i < scenario_n; i++)
        fprintf(stderr, "  %-12s %s\n", scenarios[i].name, scenarios[i].what);
    return 2;
}

/* True where `word` is "NAME=" and a number from 1 to `most`. */
static bool take_number(const char *word, const char *name, uint64_t most, uint64_t *out)
{
    size_t n = strlen(name);
    return strncmp(word, name, n) == 0 && str_to_u64(str_c(word + n), most, out) && *out > 0;
}

/* Runs one scenario: 0, 1 where it is not as it should be, 2 where it could not be run. */
static int run_one(const struct scenario *s, const struct options *o, bool first)
{
    static struct figures figures;
    struct complaints complaints;
    clock_t began = clock();
    if (!run(s, (uint32_t)o->certificates, (uint32_t)o->seed, &figures)) {
        fprintf(stderr, "simulate: error: no memory for %llu certificates\n",
            (unsigned long long)o->certificates);
        return 2;
    }
    figures.cpu_s = (double)(clock() - began) / CLOCKS_PER_SEC;
    report_text(&figures, stdout);
    if (o->json_file != NULL) {
        fputs(first ? "" : ",\n", o->json_file);
        report_json(&figures, o->json_file);
    }
    judge(&figures, &complaints);
    for (size_t i = 0; i < complaints.n; i++)
        printf("  WRONG: %s\n", complaints.texts[i]);
    fflush(stdout);
    return complaints.n > 0 ? 1 : 0;
}

static int run_all(char **names, size_t n, const struct options *o)
{
    int worst = 0;
    for (size_t i = 0; i < n; i++)
        if (scenario_find(names[i]) == NULL)
            return usage();
    for (size_t i = 0; i < (n > 0 ? n : scenario_n); i++) {
        int r = run_one(n > 0 ? scenario_find(names[i]) : &scenarios[i], o, i == 0);
        worst = r > worst ? r : worst;
    }
    return worst;
}

int main(int argc, char **argv)
{
    struct options o = {.certificates = MILLION, .seed = 1};
    int i = 1;
    for (; i < argc && strncmp(argv[i], "--", 2) == 0; i++) {
        if (strncmp(argv[i], "--json=", 7) == 0)
            o.json = argv[i] + 7;
        else if (!take_number(argv[i], "--certificates=", CERTS_MAX, &o.certificates) &&
                 !take_number(argv[i], "--seed=", UINT32_MAX, &o.seed))
            return usage();
    }
    if (o.json != NULL && (o.json_file = fopen(o.json, "w")) == NULL) {
        perror(o.json);
        return 2;
    }
    if (o.json_file != NULL)
        fputs("[", o.json_file);
    int r = run_all(argv + i, (size_t)(argc - i), &o);
    if (o.json_file == NULL)
        return r;
    fputs("]\n", o.json_file);
    if (fclose(o.json_file) != 0) {
        perror(o.json);
        return 2;
    }
    return r;
}

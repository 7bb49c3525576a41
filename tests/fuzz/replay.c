/*
 * Runs a fuzz target without libFuzzer, as a normal test: every file of the corpus folders given, as it is
 * and in a fixed set of mutations. The same inputs in the same order on every machine, so what fails here
 * fails everywhere; finding new inputs is script/fuzz's job.
 *
 * Each input is a heap block of exactly its size, so that one byte read too far is seen by AddressSanitizer.
 */
#include <dirent.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    /* Truncations are where decoders read too far; every length up to here, which covers headers and
     * records. */
    TRUNCATE_MAX = 4096,
    /* Single bits flipped, spread over the file; and mutations of several bytes. Few, for a target that
     * parses X.509 takes a millisecond an input under the sanitizers; script/fuzz is for more. */
    FLIPS_MAX = 512,
    MUTATIONS = 256,
    /* A seed above this is a mistake: mutations copy it thousands of times. */
    SEED_MAX = 1024 * 1024,
};

static size_t runs;

/* xorshift64: the same numbers everywhere, which rand() does not promise. */
static uint64_t next_random(uint64_t *state)
{
    uint64_t x = *state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return *state = x;
}

static void run(const uint8_t *data, size_t size)
{
    uint8_t *exact = malloc(size > 0 ? size : 1);
    if (exact == NULL)
        abort();
    memcpy(exact, data, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    runs++;
}

static void run_truncated(const uint8_t *data, size_t size)
{
    for (size_t n = 0; n < size && n < TRUNCATE_MAX; n++)
        run(data, n);
}

static void run_flipped(uint8_t *data, size_t size)
{
    size_t bits = size * 8;
    size_t step = bits / FLIPS_MAX + 1;
    for (size_t bit = 0; bit < bits; bit += step) {
        data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
        run(data, size);
        data[bit / 8] ^= (uint8_t)(1U << (bit % 8));
    }
}

/* One to four changes: a byte that decoders trip over, a piece removed, a piece said twice. `room` has space
 * for 2 * size. */
static void run_mutated(const uint8_t *data, size_t size, uint8_t *room, uint64_t *state)
{
    static const uint8_t awkward[] = {
        0x00, 0xff, 0x7f, 0x80, '\n', '\r', '"', '\\', '{', '[', ' ', '-', '%', ':', '0'};
    memcpy(room, data, size);
    size_t n = size;
    for (uint64_t left = 1 + next_random(state) % 4; left > 0 && n > 0; left--) {
        size_t at = next_random(state) % n;
        size_t length = 1 + next_random(state) % 16;
        if (length > n - at)
            length = n - at;
        switch (next_random(state) % 4) {
        case 0:
            room[at] = awkward[next_random(state) % sizeof awkward];
            break;
        case 1:
            room[at] = (uint8_t)next_random(state);
            break;
        case 2:
            memmove(room + at, room + at + length, n - at - length);
            n -= length;
            break;
        default:
            if (length <= 2 * size - n) {
                memmove(room + at + length, room + at, n - at);
                n += length;
            }
            break;
        }
    }
    run(room, n);
}

static int run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        return -1;
    }
    /* One byte more than allowed, to see that a seed is too large; twice the room, for pieces said twice. */
    uint8_t *data = malloc((size_t)SEED_MAX + 1), *room = malloc(2 * (size_t)SEED_MAX);
    if (data == NULL || room == NULL)
        abort();
    size_t size = fread(data, 1, (size_t)SEED_MAX + 1, file);
    int failed = ferror(file) || size > SEED_MAX ? -1 : 0;
    fclose(file);
    if (failed) {
        fprintf(stderr, "%s: cannot be read, or is larger than %d bytes\n", path, SEED_MAX);
    } else {
        run(data, size);
        run_truncated(data, size);
        run_flipped(data, size);
        uint64_t state = 0x9e3779b97f4a7c15U;
        for (int i = 0; size > 0 && i < MUTATIONS; i++)
            run_mutated(data, size, room, &state);
    }
    free(room);
    free(data);
    return failed;
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

/* Returns the number of seeds run, or -1. */
static int run_folder(const char *folder)
{
    struct dirent **list = NULL;
    int n = scandir(folder, &list, not_hidden, alphasort);
    if (n < 0) {
        fprintf(stderr, "%s: %s\n", folder, strerror(errno));
        return -1;
    }
    int seeds = 0;
    for (int i = 0; i < n; i++) {
        char path[4096];
        struct stat st;
        snprintf(path, sizeof path, "%s/%s", folder, list[i]->d_name);
        /* Said before it is run: after a crash the last line is the culprit. */
        printf("%s\n", path);
        fflush(stdout);
        if (seeds >= 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode))
            seeds = run_file(path) < 0 ? -1 : seeds + 1;
        free(list[i]);
    }
    free(list);
    return seeds;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        fprintf(stderr, "usage: %s CORPUS-FOLDER...\n", argv[0]);
        return 2;
    }
    /* No seed at all is a failure: a target whose corpus got lost would pass for ever. */
    for (int i = 1; i < argc; i++) {
        int seeds = run_folder(argv[i]);
        if (seeds <= 0) {
            fprintf(stderr, "%s: %s\n", argv[i], seeds == 0 ? "no seeds" : "not all seeds could be run");
            return 1;
        }
        printf("%s: %d seeds\n", argv[i], seeds);
    }
    printf("%zu inputs\n", runs);
    return 0;
}

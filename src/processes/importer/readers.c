#include "processes/importer/readers.h"

#include "base/attr.h"

#include <string.h>

#define READER_ROW(name, word, what, also) {word, what, also, read_##name},
static const struct {
    const char *word, *what, *also;
    int (*read)(struct found *f, struct err *err);
} readers[] = {READERS(READER_ROW)};
#undef READER_ROW

int readers_run(const char *word, struct found *f, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
        if (strcmp(readers[i].word, word) != 0)
            continue;
        f->format = readers[i].word;
        int r = readers[i].read(f, err);
        return r < 0 ? err_prefix(err, "%s is no %s", f->tree->path, readers[i].what) : 0;
    }
    return err_set(
        err, ERR_USAGE, "%s is no client whose state can be read; known are: %s", word, readers_words());
}

const char *readers_also(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(readers); i++)
        if (strcmp(readers[i].word, word) == 0 && readers[i].also[0] != '\0')
            return readers[i].also;
    return NULL;
}

const char *readers_words(void)
{
#define READER_WORD(name, word, what, also) " " word
    return &(READERS(READER_WORD))[1];
#undef READER_WORD
}

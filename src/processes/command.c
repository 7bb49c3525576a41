#include "processes/command.h"

#include "base/attr.h"

#include <string.h>

static const char *const verbs[] = {
#define VERB_TEXT(id, text) [id] = text,
    COMMAND_VERBS(VERB_TEXT)
#undef VERB_TEXT
};

const char *command_verb_text(uint32_t verb)
{
    return verb < VERB_END_ ? verbs[verb] : "?";
}

const char *command_option(const char *const *options, size_t n, const char *word)
{
    size_t length = strlen(word);
    for (size_t i = 0; i < n; i++)
        if (strncmp(options[i], word, length) == 0 && options[i][length] == '=')
            return options[i] + length + 1;
    return NULL;
}

/* RFC 5280 5.3.1; the reasons that only a CA can give (cACompromise, certificateHold, ...) are left out. */
static const struct {
    const char *text;
    uint32_t code;
} reasons[] = {
    {"unspecified", 0},
    {"keyCompromise", 1},
    {"affiliationChanged", 3},
    {"superseded", 4},
    {"cessationOfOperation", 5},
};

bool command_reason_parse(struct str text, uint32_t *out)
{
    for (size_t i = 0; i < ARRAY_LEN(reasons); i++)
        if (str_eq_nocase(text, str_c(reasons[i].text))) {
            *out = reasons[i].code;
            return true;
        }
    return false;
}

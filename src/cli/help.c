#include "cli/command_table.h"
#include "processes/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum { OPTION_COLUMN = 28 }; /* where the explanations of options begin */

static void print_option(const struct option_spec *s, FILE *out)
{
    int n = s->letter != 0 ? fprintf(out, "  -%c, --%s", s->letter, s->word)
                           : fprintf(out, "      --%s", s->word);
    if (s->kind != OPTION_FLAG)
        n += fprintf(out, " %s", s->value);
    if (n + 2 > OPTION_COLUMN) {
        fputc('\n', out);
        n = 0;
    }
    for (const char *line = s->help;; n = 0) {
        size_t length = strcspn(line, "\n");
        fprintf(out, "%*s%.*s\n", OPTION_COLUMN - n, "", (int)length, line);
        if (line[length] == '\0')
            return;
        line += length + 1;
    }
}

static void print_options(const char *title, const struct option_table *t, FILE *out)
{
    if (t->n == 0)
        return;
    fprintf(out, "\n%s:\n", title);
    for (size_t i = 0; i < t->n; i++)
        print_option(&t->specs[i], out);
}

static void print_summary(const struct command *c, FILE *out)
{
    fprintf(out, "  %-*s%s\n", OPTION_COLUMN - 2, c->words, c->summary);
}

void help_overview(FILE *out)
{
    fputs("usage: evercert [options] COMMAND [arguments]\n"
          "\n"
          "Gets TLS certificates from an ACME authority and renews them.\n"
          "\n"
          "commands:\n",
        out);
    for (const struct command *const *c = commands; *c != NULL; c++)
        print_summary(*c, out);
    print_options("options of every command", &global_options, out);
    fputs("\n"
          "The first certificate:   evercert issue -d example.com --email you@example.com --agree-tos\n"
          "More about a command:    evercert help COMMAND, evercert(8)\n",
        out);
}

void help_family(const char *family, FILE *out)
{
    fprintf(out, "usage: evercert %s COMMAND [options]\n\ncommands:\n", family);
    size_t n = strlen(family);
    for (const struct command *const *c = commands; *c != NULL; c++)
        if (strncmp((*c)->words, family, n) == 0 && (*c)->words[n] == ' ')
            print_summary(*c, out);
    fprintf(out, "\nMore about one:  evercert help %s COMMAND\n", family);
}

void help_command(const struct command *c, FILE *out)
{
    fprintf(out, "usage: evercert %s%s%s%s\n\n%s\n", c->words, c->options.n > 0 ? " [options]" : "",
        c->arguments[0] != '\0' ? " " : "", c->arguments, c->summary);
    if (c->text[0] != '\0')
        fprintf(out, "\n%s", c->text);
    print_options("options", &c->options, out);
    print_options("options of every command", &global_options, out);
}

int usage_error(const struct command *c, const char *fmt, ...)
{
    char text[ERR_TEXT_MAX];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (c != NULL)
        say_error("%s: %s; see: evercert %s --help", c->words, text, c->words);
    else
        say_error("%s; see: evercert --help", text);
    return EXIT_USAGE;
}

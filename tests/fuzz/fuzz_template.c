/* Templates: any text is rendered, or refused with one line that names the file; whatever it does, it ends,
 * and each line of output has its line of the template. */
#include "base/text.h"
#include "lua/template.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct pair labels[] = {{"web.host", "a.example"}, {"z", "$x;}"}};
static const struct pair env[] = {{"SECRET", "hunter22hunter22"}};
static const struct container_network networks[] = {
    {.name = "n", .ip = "10.0.0.2", .ip6 = "", .gateway = ""}};
static const struct container_port ports[] = {{80, "tcp", "", 0}};
static const struct container container = {.engine = "docker",
    .id = "aa",
    .name = "web",
    .image = "",
    .hostname = "",
    .project = "",
    .service_name = "",
    .state = "running",
    .health = "",
    .network_mode = "",
    .labels = labels,
    .label_n = ARRAY_LEN(labels),
    .env = env,
    .env_n = ARRAY_LEN(env),
    .networks = networks,
    .network_n = ARRAY_LEN(networks),
    .ports = ports,
    .port_n = ARRAY_LEN(ports)};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct container *const containers[] = {&container};
    static const char *const certificates[] = {"{\"name\": \"a.example\", \"domains\": [\"a.example\"], "
                                               "\"live\": \"/live/a.example\", \"state\": \"valid\"}"};
    static const struct template_model model = {containers, 1, certificates, 1, "{}"};
    struct buf out = buf_new(TEMPLATE_OUTPUT_MAX), lines = buf_new(4 * TEMPLATE_OUTPUT_MAX);
    struct err err = ERR_INIT;
    struct str text = {(const char *)data, size};
    uint32_t last = 1, line = 0;
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
        last += data[i] == '\n';
    if (template_render("/t/fuzz.tmpl", text, TEMPLATE_NGINX, &model, &out, &lines, &err) < 0) {
        if (strncmp(err.text, "/t/fuzz.tmpl:", 13) != 0 || !text_is_utf8(str_c(err.text)) || out.n != 0 ||
            lines.n != 0 || strstr(err.text, env[0].value) != NULL)
            abort();
    } else {
        for (size_t i = 0; i < out.n; i++)
            n += i == 0 || out.p[i - 1] == '\n';
        if (lines.n != n * sizeof line)
            abort();
        for (size_t i = 0; i < n; i++) {
            memcpy(&line, lines.p + i * sizeof line, sizeof line);
            if (line < 1 || line > last)
                abort();
        }
    }
    buf_free(&out);
    buf_free(&lines);
    return 0;
}

/* The value of `password_command` is a program that prints the secret. It runs at the first need,
 * after a refusal and on a reload. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/process.h"
#include "upstream/credential_source.h"

#define COMMAND_DEADLINE (10 * USEC_PER_SEC)
/* An access token lasts an hour as a rule, and its command does not say how long. */
#define TOKEN_LIFE (45 * 60 * USEC_PER_SEC)

struct source {
    struct source_owner owner;
    char **argv;
    bool prints_tokens;
    struct process_run *run;
};

static bool is_given(const struct upstream_config *cfg)
{
    return cfg->password_command.n > 0;
}

static void adopt(struct source *s, const struct strings *words)
{
    s->argv = mem_alloc((words->n + 1) * sizeof *s->argv);
    for (size_t i = 0; i < words->n; i++)
        s->argv[i] = mem_string(words->items[i]);
}

/* The arguments may hold a secret. */
static void forget(struct source *s)
{
    process_cancel(&s->run);
    for (size_t i = 0; s->argv[i]; i++) {
        secret_erase(s->argv[i], strlen(s->argv[i]));
        free(s->argv[i]);
    }
    free(s->argv);
    s->argv = NULL;
}

static struct source *make(const struct source_owner *owner, const struct upstream_config *cfg)
{
    struct source *s = NEW(struct source);
    s->owner = *owner;
    s->prints_tokens = cfg->oauth.flow == TOKEN_PRINTED;
    adopt(s, &cfg->password_command);
    return s;
}

static void on_output(void *ctx, struct secret *output, const struct err *err)
{
    struct source *s = ctx;
    s->run = NULL;
    s->owner.answered(s->owner.ctx, output, err);
}

static void ask(struct source *s)
{
    const struct io *io = s->owner.io;
    const struct process_order order = {.argv = s->argv, .deadline = COMMAND_DEADLINE};
    s->run = process_run(io->loop, io->offload, &order, on_output, s);
}

static bool refused(struct source *s)
{
    (void)s;
    return true;
}

static usec life(const struct source *s)
{
    return s->prints_tokens ? TOKEN_LIFE : INT64_MAX;
}

static bool same_command(const struct source *s, const struct strings *words)
{
    size_t i = 0;
    while (i < words->n && s->argv[i] && strcmp(s->argv[i], words->items[i]) == 0)
        i++;
    return !s->argv[i] && i == words->n;
}

static bool update(struct source *s, const struct upstream_config *cfg)
{
    if (same_command(s, &cfg->password_command))
        return false;
    forget(s);
    adopt(s, &cfg->password_command);
    return true;
}

static void source_free(struct source *s)
{
    forget(s);
    free(s);
}

const struct source_kind credential_command = {
    .key = "password_command",
    .is_given = is_given,
    .make = make,
    .ask = ask,
    .refused = refused,
    .life = life,
    .update = update,
    .free = source_free,
};

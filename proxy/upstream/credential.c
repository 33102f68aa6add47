#include "upstream/credential.h"

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/process.h"

#define COMMAND_DEADLINE (10 * USEC_PER_SEC)
/* of a command: every port of a race would run it anew */
#define FAILURE_REMEMBERED (10 * USEC_PER_SEC)

struct command {
    /* NULL: the secret stands in the configuration */
    char **argv;
    struct process_run *run;
    /* requests */
    struct link waiting;
    /* the secret it printed was refused, or is from before a reload: the next need asks again */
    bool stale;
    /* this refusal's one more AUTH was granted */
    bool second_chance;
    /* why it runs */
    bool after_refusal;
    usec failed_until;
    /* of the last failure */
    struct err err;
};

struct credential {
    const struct io *io;
    char *account, *user;
    /* a command's: the last it printed; NULL: none yet */
    struct secret *secret;
    struct command command;
    void (*fetched)(void *ctx, bool differs);
    void *fetched_ctx;
    usec first, longest;
    bool refused;
    /* the last wait; 0: none yet */
    usec wait;
    /* loop time */
    usec until;
};

/* ---- what it is made of ---- */

static void free_command(struct credential *c)
{
    for (size_t i = 0; c->command.argv && c->command.argv[i]; i++) {
        secret_erase(c->command.argv[i], strlen(c->command.argv[i]));
        free(c->command.argv[i]);
    }
    free(c->command.argv);
    c->command.argv = NULL;
}

static bool same_command(const struct credential *c, const struct strings *words)
{
    size_t i = 0;
    if (!c->command.argv)
        return words->n == 0;
    while (i < words->n && c->command.argv[i] && strcmp(c->command.argv[i], words->items[i]) == 0)
        i++;
    return !c->command.argv[i] && i == words->n;
}

static void adopt_command(struct credential *c, const struct strings *words)
{
    free_command(c);
    if (words->n == 0)
        return;
    c->command.argv = mem_alloc((words->n + 1) * sizeof *c->command.argv);
    for (size_t i = 0; i < words->n; i++)
        c->command.argv[i] = mem_string(words->items[i]);
}

static void adopt(struct credential *c, const struct upstream_config *cfg)
{
    free(c->user);
    c->user = mem_string(cfg->username ? cfg->username : "");
    c->first = cfg->retry_auth_first;
    c->longest = cfg->retry_auth_longest;
    if (cfg->password_command.n == 0) {
        secret_free(&c->secret);
        c->secret = secret_copy(cfg->password);
    }
}

static void forgive(struct credential *c)
{
    c->refused = false;
    c->wait = 0;
    c->until = 0;
}

struct credential *credential_new(const struct io *io, const struct upstream_config *cfg)
{
    struct credential *c = NEW(struct credential);
    c->io = io;
    c->account = mem_string(cfg->name ? cfg->name : "");
    link_init(&c->command.waiting);
    adopt(c, cfg);
    adopt_command(c, &cfg->password_command);
    return c;
}

void credential_free(struct credential **credential)
{
    struct credential *c = *credential;
    *credential = NULL;
    if (!c)
        return;
    process_cancel(&c->command.run);
    while (!link_is_alone(&c->command.waiting))
        link_remove(c->command.waiting.next);
    free_command(c);
    free(c->account);
    free(c->user);
    secret_free(&c->secret);
    free(c);
}

void credential_set_listener(struct credential *c, void (*fetched)(void *ctx, bool differs),
                             void *ctx)
{
    c->fetched = fetched;
    c->fetched_ctx = ctx;
}

/* ---- the command ---- */

static usec now_of(const struct credential *c)
{
    return loop_now(c->io->loop);
}

static void answer_all(struct credential *c)
{
    while (!link_is_alone(&c->command.waiting)) {
        struct credential_request *r =
            CONTAINER(c->command.waiting.next, struct credential_request, waiting);
        link_remove(&r->waiting);
        loop_defer(c->io->loop, &r->later);
    }
}

/* Keeps what was printed; true: it is another secret than before. */
static bool keep(struct credential *c, struct secret *output)
{
    bool differs = !secret_equal(c->secret, output);
    secret_free(&c->secret);
    c->secret = output;
    c->command.stale = false;
    c->command.err = (struct err){0};
    c->command.failed_until = 0;
    return differs;
}

/* What it printed last stays: after a refusal it is worth nothing, on a reload it may still be
 * right. */
static void remember_failure(struct credential *c, const struct err *err)
{
    c->command.err = *err;
    c->command.failed_until = now_of(c) + FAILURE_REMEMBERED;
    log_event(c->io->log, LOG_ERROR, "password_command failed", log_str("account", c->account),
              log_str("why", err->words));
}

static void on_output(void *ctx, struct secret *output, const struct err *err)
{
    struct credential *c = ctx;
    struct command *cmd = &c->command;
    bool after_refusal = cmd->after_refusal, asked_again = c->secret != NULL, differs = false;
    cmd->run = NULL;
    cmd->after_refusal = false;
    if (output)
        differs = keep(c, output);
    else
        remember_failure(c, err);
    if (after_refusal && !differs) {
        cmd->stale = true;
        cmd->second_chance = false;
    }
    if (differs)
        c->until = 0;
    answer_all(c);
    if (asked_again && c->fetched)
        c->fetched(c->fetched_ctx, differs);
}

static void fetch(struct credential *c)
{
    if (!c->command.run)
        c->command.run = process_run(c->io->loop, c->io->offload, c->command.argv, COMMAND_DEADLINE,
                                     on_output, c);
}

static void update_command(struct credential *c, const struct strings *words)
{
    bool was_fetched = c->secret != NULL;
    if (!same_command(c, words)) {
        process_cancel(&c->command.run);
        c->command.after_refusal = false;
        c->command.stale = was_fetched;
        adopt_command(c, words);
    }
    c->command.failed_until = 0;
    if (was_fetched || !link_is_alone(&c->command.waiting))
        fetch(c);
}

bool credential_update(struct credential *c, const struct upstream_config *cfg)
{
    bool had_command = c->command.argv != NULL, has_command = cfg->password_command.n > 0;
    bool changed =
        had_command != has_command || (!has_command && !secret_equal(c->secret, cfg->password));
    if (had_command != has_command)
        secret_free(&c->secret);
    adopt(c, cfg);
    if (has_command) {
        update_command(c, &cfg->password_command);
    } else if (had_command) {
        process_cancel(&c->command.run);
        c->command.after_refusal = false;
        free_command(c);
        answer_all(c);
    }
    if (changed)
        forgive(c);
    return changed;
}

/* ---- questions for the secret ---- */

static void answer(void *arg)
{
    struct credential_request *r = arg;
    const struct credential *c = r->credential;
    struct err err = c->command.err;
    bool usable = c->secret && !c->command.stale;
    if (!usable && err.kind == ERR_NONE)
        err_set(&err, ERR_NOT_FOUND, "no password is configured");
    r->answer(r->ctx, usable ? c->secret : NULL, usable ? NULL : &err);
}

void credential_request_init(struct credential_request *r)
{
    deferred_init(&r->later, answer, r);
    link_init(&r->waiting);
}

void credential_ask(struct credential *c, struct credential_request *r,
                    void (*fn)(void *ctx, const struct secret *secret, const struct err *err),
                    void *ctx)
{
    bool at_hand =
        !c->command.argv || (c->secret && !c->command.stale) || now_of(c) < c->command.failed_until;
    r->credential = c;
    r->answer = fn;
    r->ctx = ctx;
    if (at_hand && !c->command.run) {
        loop_defer(c->io->loop, &r->later);
        return;
    }
    list_push_back(&c->command.waiting, &r->waiting);
    fetch(c);
}

void credential_cancel(struct credential_request *r)
{
    deferred_cancel(&r->later);
    link_remove(&r->waiting);
}

const char *credential_user(const struct credential *c)
{
    return c->user;
}

/* ---- what the upstream thinks of it ---- */

/* The one more AUTH that a rotated password is given belongs to the same refusal: its wait is not
 * doubled. */
void credential_refused(struct credential *c)
{
    struct command *cmd = &c->command;
    if (!cmd->second_chance || !c->wait)
        c->wait = c->refused && c->wait ? c->wait * 2 : c->first;
    if (c->wait > c->longest)
        c->wait = c->longest;
    c->refused = true;
    c->until = now_of(c) + c->wait;
    if (!cmd->argv)
        return;
    if (cmd->second_chance) {
        cmd->second_chance = false;
        cmd->stale = true;
        return;
    }
    cmd->second_chance = cmd->after_refusal = true;
    fetch(c);
}

void credential_accepted(struct credential *c)
{
    forgive(c);
    c->command.second_chance = false;
}

void credential_inherit(struct credential *c, const struct credential *before)
{
    if (c->command.argv || before->command.argv || strcmp(c->user, before->user) != 0 ||
        !secret_equal(c->secret, before->secret))
        return;
    c->refused = before->refused;
    c->wait = before->wait;
    c->until = before->until;
}

usec credential_wait_left(const struct credential *c)
{
    usec left = c->until - loop_now(c->io->loop);
    return c->refused && left > 0 ? left : 0;
}

bool credential_is_refused(const struct credential *c)
{
    return c->refused;
}

bool credential_is_asked_again(const struct credential *c)
{
    return c->refused && c->command.run && c->command.after_refusal;
}

/* What an engine is asked: the order of the questions, their deadline, their end. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/engine_private.h"

void engine_question_free(struct engine_question *q)
{
    link_remove(&q->link);
    /* A sealed token only, but nobody needs it any more. */
    free(q->octets);
    free(q->words);
    free(q);
}

static struct engine_question *question_new(struct engine *e, const struct slice *words, size_t n,
                                            engine_answer_fn *answer, void *ctx)
{
    struct engine_question *q = NEW(struct engine_question);
    size_t octets = 0;
    for (size_t i = 0; i < n; i++)
        octets += words[i].len;
    *q = (struct engine_question){
        .engine = e, .answer = answer, .ctx = ctx, .nwords = n, .asked = engine_now(e)};
    link_init(&q->link);
    q->words = mem_alloc(n * sizeof *q->words);
    char *to = q->octets = mem_alloc(octets + 1);
    for (size_t i = 0; i < n; i++) {
        memcpy(to, words[i].data, words[i].len);
        q->words[i] = slice_make(to, words[i].len);
        to += words[i].len;
    }
    return q;
}

struct engine_question *engine_question_of(struct engine *e, const struct engine_call *call,
                                           engine_answer_fn *answer, void *ctx)
{
    size_t n = 3 + call->nkeys + call->nargs;
    struct slice *words = mem_alloc(n * sizeof *words);
    char nkeys[24];
    snprintf(nkeys, sizeof nkeys, "%zu", call->nkeys);
    words[0] = slice_of("EVALSHA");
    words[1] = slice_of(call->script->sha1);
    words[2] = slice_of(nkeys);
    for (size_t i = 0; i < call->nkeys; i++)
        words[3 + i] = call->keys[i];
    for (size_t i = 0; i < call->nargs; i++)
        words[3 + call->nkeys + i] = call->args[i];
    struct engine_question *q = question_new(e, words, n, answer, ctx);
    q->script = call->script;
    free(words);
    return q;
}

void engine_end_question(struct engine_question *q, enum engine_state outcome)
{
    struct engine *e = q->engine;
    link_remove(&q->link);
    q->outcome = outcome;
    list_push_back(&e->over, &q->link);
    loop_defer(e->io->loop, &e->deliver);
}

void engine_deliver(void *arg)
{
    struct engine *e = arg;
    while (!link_is_alone(&e->over)) {
        struct engine_question *q = CONTAINER(e->over.next, struct engine_question, link);
        engine_answer_fn *answer = q->answer;
        void *ctx = q->ctx;
        enum engine_state outcome = q->outcome;
        engine_question_free(q);
        if (answer)
            answer(ctx, outcome, NULL);
    }
}

void engine_forget_probe(struct engine *e)
{
    if (e->probing)
        e->probing->answer = NULL;
    e->probing = NULL;
}

void engine_end_questions(struct engine *e, enum engine_state outcome)
{
    engine_forget_probe(e);
    while (!link_is_alone(&e->asked))
        engine_end_question(CONTAINER(e->asked.next, struct engine_question, link), outcome);
    e->nasked = e->nresent = 0;
    timer_stop(e->deadline);
}

/* The first in the list is the oldest, unless some were sent once more. */
void engine_arm_deadline(struct engine *e)
{
    usec first = INT64_MAX;
    LIST_EACH (&e->asked, it) {
        const struct engine_question *q = CONTAINER(it, struct engine_question, link);
        first = q->asked < first ? q->asked : first;
        if (!e->nresent)
            break;
    }
    if (first == INT64_MAX)
        timer_stop(e->deadline);
    else
        timer_arm(e->deadline, first + e->settings.timeout - engine_now(e));
}

bool engine_send_question(struct engine *e, struct engine_question *q)
{
    if (e->nasked >= CAP_ENGINE_QUESTIONS || !engine_link_send(e->link, q->words, q->nwords))
        return false;
    list_push_back(&e->asked, &q->link);
    e->nresent += q->as_text;
    if (e->nasked++ == 0 || q->as_text)
        engine_arm_deadline(e);
    return true;
}

static struct engine_question *ask(struct engine *e, struct engine_question *q)
{
    if (e->state != ENGINE_UP)
        engine_end_question(q, e->state);
    else if (!engine_send_question(e, q))
        engine_end_question(q, ENGINE_AWAY);
    return q;
}

struct engine_question *engine_ask(struct engine *e, const struct engine_call *call,
                                   engine_answer_fn *answer, void *ctx)
{
    return ask(e, engine_question_of(e, call, answer, ctx));
}

struct engine_question *engine_command(struct engine *e, const struct slice *words, size_t n,
                                       engine_answer_fn *answer, void *ctx)
{
    return ask(e, question_new(e, words, n, answer, ctx));
}

void engine_cancel(struct engine_question **q)
{
    if (*q)
        (*q)->answer = NULL;
    *q = NULL;
}

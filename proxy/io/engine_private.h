/* Inside the engine: its questions (engine_ask.c), its channel (engine_hear.c), and its states
 * (engine.c). */
#ifndef IO_ENGINE_PRIVATE_H
#define IO_ENGINE_PRIVATE_H

#include "base/caps.h"
#include "base/list.h"
#include "io/engine.h"
#include "io/engine_link.h"
#include "io/loop.h"

/* The engine waits this long between the first two attempts to reach it, or to hear it. */
#define ENGINE_FIRST_PAUSE (100 * USEC_PER_MS)

struct engine_question {
    /* It is in `asked`, in the order of the replies, or in `over`. */
    struct link link;
    struct engine *engine;
    /* NULL means that nobody waits for the answer any more. */
    engine_answer_fn *answer;
    void *ctx;
    /* NULL means that it is a plain command. */
    const struct engine_script *script;
    /* The command: EVALSHA, the script's name, the number of keys, keys, arguments. */
    struct slice *words;
    char *octets;
    size_t nwords;
    usec asked;
    /* It was sent as text. */
    bool as_text;
    /* This is set once the question is over. */
    enum engine_state outcome;
};

struct engine {
    const struct io *io;
    struct engine_settings settings;
    struct engine_link_settings *places;
    /* These are the places' names as they are shown. */
    char **names;
    const struct engine_events *events;
    void *ctx;
    enum engine_state state;
    /* The owner has heard of the state. */
    bool told;
    size_t place;
    struct engine_link *link, *hearing;
    struct link asked, over;
    size_t nasked, nresent;
    /* The first deadline; the next attempt; the next probe; the next attempt to listen. */
    struct timer *deadline, *again, *probe, *listen;
    struct deferred deliver;
    struct engine_question *probing;
    usec pause, listen_pause, up_since, latency;
    bool pinged;
    /* A place was wrong in this round of attempts. It worked for a moment only. */
    bool wrong, flaps;
    char words[CAP_ENGINE_WORDS];
};

static inline usec engine_now(const struct engine *e)
{
    return loop_now(e->io->loop);
}

/* ---- questions ---- */

/* Gives a question that is in no list. */
struct engine_question *engine_question_of(struct engine *e, const struct engine_call *call,
                                           engine_answer_fn *answer, void *ctx);
void engine_question_free(struct engine_question *q);
/* Returns false if there are too many already. Then the question is in no list. */
bool engine_send_question(struct engine *e, struct engine_question *q) MUST_USE;
/* Its answer comes at the end of this turn. */
void engine_end_question(struct engine_question *q, enum engine_state outcome);
/* Ends all that were sent. */
void engine_end_questions(struct engine *e, enum engine_state outcome);
/* A probe that failed has said all by its failure: its answer is not called. */
void engine_forget_probe(struct engine *e);
void engine_arm_deadline(struct engine *e);
/* Calls the answers of those that are over. */
void engine_deliver(void *engine);

/* ---- the channel ---- */

/* Opens the second connection, at the place of the first one. */
void engine_hear(struct engine *e);
void engine_stop_hearing(struct engine *e);
/* Asks whether the channel is still there, and opens it again if that was not answered. */
void engine_check_hearing(struct engine *e);
/* The timer of a pause. */
void engine_hear_again(void *engine);

#endif

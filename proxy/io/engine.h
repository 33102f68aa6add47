/* The shared engine: Valkey or Redis, which several instances ask. One connection answers
 * questions, each a script that runs there as a whole; a second one hears this instance's channel.
 * Both are opened and opened again, with growing pauses, by the engine itself; what is asked
 * meanwhile is answered at once that nobody is there. The names are resolved by our resolver, and
 * the certificate is verified by our TLS, as with upstreams: the library that reads and writes the
 * protocol sees octets only.
 *
 * Questions are pipelined and answered in their order. One that was not answered within `timeout`
 * is answered ENGINE_AWAY, and so are all that wait behind it: the connection is closed, because a
 * late reply must not be taken for another's. The engine may have run such a script all the same,
 * so every question must be one that can be repeated.
 *
 * Callbacks come from the loop, never from inside a call that you made. */
#ifndef IO_ENGINE_H
#define IO_ENGINE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/secret.h"
#include "base/slice.h"
#include "base/units.h"
#include "io/engine_script.h"
#include "io/io.h"
#include "io/resp.h"
#include "io/tls_context.h"

struct engine;
struct engine_question;

enum engine_state {
    /* No engine answers in time. */
    ENGINE_AWAY,
    /* One answers and does not do what it is asked: a wrong password or ACL, READONLY, LOADING, out
     * of memory, a script that fails there. */
    ENGINE_WRONG,
    /* A script that writes has run since the connection was opened. */
    ENGINE_UP,
};

/* Is called once for each question that was not cancelled. Borrows value until it returns: NULL
 * unless state is ENGINE_UP. The question is over: its handle must not be used any more. */
typedef void engine_answer_fn(void *ctx, enum engine_state state, const struct engine_value *value);

struct engine_call {
    const struct engine_script *script;
    const struct slice *keys;
    size_t nkeys;
    const struct slice *args;
    size_t nargs;
};

struct engine_events {
    /* The state is another one than before. Borrows the words: why it is away or wrong, for the
     * log, and "" if it is up. The place is "host:port" or a path. */
    void (*changed)(void *ctx, enum engine_state state, const char *place, const char *words);
    /* The probe has run, when the engine came back and then at every `probe_every`. Borrows. May be
     * NULL. */
    void (*probed)(void *ctx, const struct engine_value *value);
    /* A message came on the channel. Borrows. May be NULL. */
    void (*heard)(void *ctx, struct slice message);
    /* The channel is heard (again): what was said before was missed. May be NULL. */
    void (*listening)(void *ctx);
};

struct engine_place {
    /* A name, an address literal, or, with port 0, the path of a socket of this machine. */
    const char *host;
    uint16_t port;
};

struct engine_settings {
    /* In the order in which they are tried. One that answers READONLY or nothing is passed over. */
    const struct engine_place *places;
    size_t nplaces;
    /* NULL means that the link is clear. Otherwise there is one context for each place. It is NULL
     * for a path. */
    struct tls_context *const *tls;
    /* NULL means the default user. */
    const char *username;
    /* NULL means that no AUTH is sent. */
    const struct secret *password;
    /* One question may take this long, counted from engine_ask. */
    usec timeout;
    /* The channel that the second connection hears. */
    const char *channel;
    /* The script that proves that the engine works: it must write. Only its pointers are kept. */
    struct engine_call probe;
    usec probe_every;
};

/* Keeps io, copies the settings but for the scripts, which must live as long, and takes references
 * of the contexts. Connects by itself; the state is ENGINE_AWAY until `changed` says otherwise.
 * Gives. */
struct engine *engine_new(const struct io *io, const struct engine_settings *settings,
                          const struct engine_events *events, void *ctx);
/* No callback comes any more, not even for questions that are under way; these are still asked. */
void engine_free(struct engine **e);

/* Asks. Copies keys and args. Gives a handle that is valid until the answer is called or the
 * question is cancelled. An engine that is not up is not asked: the answer comes in this turn. */
struct engine_question *engine_ask(struct engine *e, const struct engine_call *call,
                                   engine_answer_fn *answer, void *ctx);
/* Asks a plain command. What it refuses is a value of ENGINE_ERROR and says nothing about the
 * engine. */
struct engine_question *engine_command(struct engine *e, const struct slice *words, size_t n,
                                       engine_answer_fn *answer, void *ctx);
/* The answer is not called any more. The engine may run the script all the same. *q may be NULL. */
void engine_cancel(struct engine_question **q);

enum engine_state engine_state(const struct engine *e);
/* Borrows until the next change: why it is not up, "" if it is. */
const char *engine_words(const struct engine *e);
/* Borrows the place that it is, or was last, connected to. */
const char *engine_place(const struct engine *e);
/* How long the last answered question took, in microseconds; 0: none was. */
usec engine_latency(const struct engine *e);

#endif

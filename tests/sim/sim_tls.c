/* TLS as a fact: the round trips, the verdict and the mark on each byte are real, the mathematics
 * is not. A certificate is a few words. Messages: client HELLO, server FLIGHT (certificate), client
 * FINISHED; below TLS 1.3 the server's FINISHED too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/tls_self_signed.h"
#include "sim_net.h"
#include "sim_world.h"

enum { KEYS = 16, WIRE_HELLO = 517, WIRE_FLIGHT = 3200, WIRE_FINISHED = 80, WIRE_ALERT = 7 };

struct tls_context {
    unsigned refs;
    struct sim *sim;
    bool is_server, verify;
    /* what ca_file lists; NULL: "public" */
    char *authorities;
    char *name;
    uint8_t (*pins)[32];
    size_t npins;
    enum tls_version min;
    /* a server's: the names in its first cert_file */
    char *certificate;
    /* peers with a session to resume */
    char *keys[KEYS];
};

enum tls_state { NEW_CLIENT, WAIT_FLIGHT, WAIT_HELLO, WAIT_FINISHED, DONE, DEAD };

struct sim_tls {
    enum tls_state state;
    /* NULL: a scripted peer */
    struct tls_context *ctx;
    char *resume_key;
    struct sim_tls_server server;
    enum tls_version version;
    struct tls_facts facts;
};

static char *copy_or_null(const char *text)
{
    return text ? mem_string(text) : NULL;
}

static struct tls_context *context_new(bool is_server, enum tls_version min)
{
    struct tls_context *ctx = NEW(struct tls_context);
    ctx->refs = 1;
    ctx->sim = sim_current();
    ctx->is_server = is_server;
    ctx->min = min;
    if (ctx->sim)
        ctx->sim->living.contexts++;
    return ctx;
}

static const char *need_file(const char *path, struct err *err)
{
    const char *text = sim_file_text(sim_current(), path);
    if (!text)
        err_set(err, ERR_NOT_FOUND, "%s: no such file", path);
    return text;
}

static bool has_file(const char *path, enum tls_file which, enum tls_file *at_fault,
                     struct err *err)
{
    bool there = !path || need_file(path, err);
    if (!there && at_fault)
        *at_fault = which;
    return there;
}

struct tls_context *tls_context_client(const struct tls_client_settings *settings, struct err *err)
{
    if (!has_file(settings->ca_file, TLS_FILE_CA, settings->at_fault, err) ||
        !has_file(settings->cert_file, TLS_FILE_CERTIFICATE, settings->at_fault, err) ||
        !has_file(settings->key_file, TLS_FILE_KEY, settings->at_fault, err))
        return NULL;
    const char *authorities = settings->ca_file ? need_file(settings->ca_file, err) : NULL;
    struct tls_context *ctx = context_new(false, settings->min);
    ctx->verify = settings->verify;
    ctx->authorities = copy_or_null(authorities);
    ctx->name = copy_or_null(settings->name);
    if (settings->npins > 0)
        ctx->pins = (uint8_t(*)[32])(void *)mem_copy(settings->pins, settings->npins * 32);
    ctx->npins = settings->npins;
    return ctx;
}

struct tls_context *tls_context_server(const struct tls_server_settings *settings, struct err *err)
{
    char *pem = settings->cert_files[0]
                    ? NULL
                    : slice_string(slice_head(settings->pem, slice_find(settings->pem, '\n')));
    const char *names = pem ? pem : need_file(settings->cert_files[0], err);
    if (!names || (settings->key_files[0] && !need_file(settings->key_files[0], err)))
        return NULL;
    struct tls_context *ctx = context_new(true, settings->min);
    ctx->certificate = mem_string(names);
    free(pem);
    return ctx;
}

int tls_self_signed(const char *host, enum tls_kind kind, struct buf *certificate, struct buf *key,
                    struct err *err)
{
    (void)kind;
    if (buf_printf(certificate, "%s\n", host) && buf_printf(key, "key\n"))
        return 0;
    err_set(err, ERR_LIMIT, "it does not fit");
    return -1;
}

struct tls_context *tls_context_ref(struct tls_context *ctx)
{
    ctx->refs++;
    return ctx;
}

void tls_context_unref(struct tls_context **context)
{
    struct tls_context *ctx = *context;
    *context = NULL;
    if (!ctx || --ctx->refs > 0)
        return;
    if (ctx->sim && ctx->sim == sim_current())
        ctx->sim->living.contexts--;
    for (size_t i = 0; i < KEYS; i++)
        free(ctx->keys[i]);
    free(ctx->authorities);
    free(ctx->name);
    free(ctx->pins);
    free(ctx->certificate);
    free(ctx);
}

int64_t tls_context_expires(const struct tls_context *ctx)
{
    /* the simulator's certificates of our own have no end */
    (void)ctx;
    return 0;
}

static char **find_key(struct tls_context *ctx, const char *key)
{
    for (size_t i = 0; key && i < KEYS; i++)
        if (ctx->keys[i] && strcmp(ctx->keys[i], key) == 0)
            return &ctx->keys[i];
    return NULL;
}

static void remember_key(struct tls_context *ctx, const char *key)
{
    if (!key || find_key(ctx, key))
        return;
    free(ctx->keys[KEYS - 1]);
    memmove(&ctx->keys[1], &ctx->keys[0], (KEYS - 1) * sizeof ctx->keys[0]);
    ctx->keys[0] = mem_string(key);
}

void sim_tls_free(struct sim_tls **tls)
{
    if (!*tls)
        return;
    tls_context_unref(&(*tls)->ctx);
    free((*tls)->resume_key);
    free(*tls);
    *tls = NULL;
}

bool sim_tls_is_done(const struct sim_tls *tls)
{
    return tls && tls->state == DONE;
}

bool sim_end_is_sealed(const struct sim_end *e)
{
    return sim_tls_is_done(e->tls);
}

const struct tls_facts *sim_end_tls(const struct sim_end *e)
{
    return e->tls ? &e->tls->facts : NULL;
}

/* ---- the certificate ---- */

static bool word_matches(struct slice word, const char *name)
{
    if (word.len > 2 && word.data[0] == '*') {
        const char *dot = strchr(name, '.');
        return dot && slice_is_word(slice_from(word, 1), dot);
    }
    return slice_is_word(word, name);
}

static bool has_word(const char *words, const char *name)
{
    while (words && *words) {
        size_t n = strcspn(words, " \r\n");
        if (n > 0 && word_matches(slice_make(words, n), name))
            return true;
        words += n + (words[n] != '\0');
    }
    return false;
}

static enum tls_fault judge(const struct tls_context *ctx, const struct sim_certificate *cert)
{
    if (ctx->npins > 0) {
        for (size_t i = 0; i < ctx->npins; i++)
            if (memcmp(ctx->pins[i], cert->sha256, 32) == 0)
                return TLS_FAULT_NONE;
        return TLS_FAULT_PIN;
    }
    if (!has_word(ctx->authorities ? ctx->authorities : "public", cert->issuer))
        return TLS_FAULT_UNTRUSTED;
    if (cert->expired)
        return TLS_FAULT_EXPIRED;
    return ctx->name && has_word(cert->names, ctx->name) ? TLS_FAULT_NONE : TLS_FAULT_NAME;
}

static const char *const version_names[] = {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"};

static void learn(struct sim_end *e, const struct sim_hello *flight)
{
    static const char *const words[] = {"",
                                        "certificate is for other names",
                                        "certificate has expired",
                                        "issuer is not trusted",
                                        "no pin matches",
                                        ""};
    struct sim_tls *tls = e->tls;
    struct tls_facts *f = &tls->facts;
    const struct sim_certificate *cert = &flight->certificate;
    int64_t now = loop_wall_ms(e->conn->sim->loop) / 1000;
    tls->version = flight->version;
    snprintf(f->version, sizeof f->version, "%s", version_names[flight->version]);
    snprintf(f->cipher, sizeof f->cipher, "SIMULATED");
    snprintf(f->names, sizeof f->names, "%s", cert->names);
    snprintf(f->subject, sizeof f->subject, "CN=%.*s", (int)strcspn(cert->names, " "), cert->names);
    snprintf(f->issuer, sizeof f->issuer, "CN=%s", cert->issuer);
    for (size_t i = 0; i < 32; i++)
        snprintf(f->sha256 + 2 * i, 3, "%02x", cert->sha256[i]);
    f->not_before = now - 90 * 86400;
    f->not_after = cert->expired ? now - 86400 : now + 90 * 86400;
    if (!tls->ctx)
        return;
    f->lone = cert->alone;
    f->fault = judge(tls->ctx, cert);
    snprintf(f->fault_words, sizeof f->fault_words, "%s", words[f->fault]);
    f->verified = f->fault == TLS_FAULT_NONE && (tls->ctx->verify || tls->ctx->npins > 0);
}

/* ---- the steps ---- */

static enum transport_step fail(struct sim_end *e, enum err_kind kind, const char *words,
                                struct err *err)
{
    e->tls->state = DEAD;
    err_set(err, kind, "%s", words);
    return TRANSPORT_FAILED;
}

static enum transport_step done(struct sim_end *e)
{
    e->tls->state = DONE;
    if (e->tls->ctx && !e->tls->ctx->is_server)
        remember_key(e->tls->ctx, e->tls->resume_key);
    sim_say(e->conn->sim, "c%zu %s secured %s", e->conn->id,
            e->sends == SIM_UP ? "client" : "server", version_names[e->tls->version]);
    return TRANSPORT_DONE;
}

static enum transport_step client_begins(struct sim_end *e)
{
    struct sim_tls *tls = e->tls;
    struct sim_hello hello = {.oldest = tls->ctx ? tls->ctx->min : TLS_V1_0, .version = TLS_V1_3};
    hello.resume = tls->ctx && find_key(tls->ctx, tls->resume_key);
    tls->facts.resumed = hello.resume;
    sim_end_send_mark(e, SIM_HELLO, WIRE_HELLO, &hello);
    tls->state = WAIT_FLIGHT;
    return TRANSPORT_AGAIN;
}

static enum transport_step client_got_flight(struct sim_end *e, const struct sim_hello *flight,
                                             struct err *err)
{
    learn(e, flight);
    struct tls_context *ctx = e->tls->ctx;
    if (ctx && (ctx->verify || ctx->npins > 0) && !e->tls->facts.verified) {
        sim_end_send_mark(e, SIM_ALERT, WIRE_ALERT, NULL);
        return fail(e, ERR_CERTIFICATE, e->tls->facts.fault_words, err);
    }
    sim_end_send_mark(e, SIM_FINISHED, WIRE_FINISHED, NULL);
    if (flight->version == TLS_V1_3)
        return done(e);
    e->tls->state = WAIT_FINISHED;
    return TRANSPORT_AGAIN;
}

static enum transport_step server_got_hello(struct sim_end *e, const struct sim_hello *hello,
                                            struct err *err)
{
    struct sim_tls *tls = e->tls;
    const struct sim_tls_server *s = &tls->server;
    static const char babble[] = "454 4.7.0 TLS not available due to local problem\r\n";
    if (s->manner == SIM_TLS_SILENT)
        return TRANSPORT_AGAIN;
    if (s->manner == SIM_TLS_RESETS)
        sim_end_send_mark(e, SIM_RST, 0, NULL);
    if (s->manner == SIM_TLS_BABBLES)
        (void)!sim_end_write(e, babble, sizeof babble - 1, err);
    if (s->manner == SIM_TLS_RESETS || s->manner == SIM_TLS_BABBLES || s->manner == SIM_TLS_CLOSES)
        return fail(e, ERR_TLS, "as the script wants it", err);
    tls->version = hello->version < s->newest ? hello->version : s->newest;
    if (s->manner == SIM_TLS_ALERT || tls->version < hello->oldest || tls->version < s->oldest) {
        sim_end_send_mark(e, SIM_ALERT, WIRE_ALERT, NULL);
        return fail(e, ERR_TLS, "no common version", err);
    }
    struct sim_hello flight = {.version = tls->version, .certificate = s->certificate};
    snprintf(tls->facts.version, sizeof tls->facts.version, "%s", version_names[tls->version]);
    sim_end_send_mark(e, SIM_FLIGHT, WIRE_FLIGHT, &flight);
    tls->state = WAIT_FINISHED;
    return TRANSPORT_AGAIN;
}

static enum transport_step got_finished(struct sim_end *e)
{
    if (e->sends == SIM_DOWN && e->tls->version < TLS_V1_3)
        sim_end_send_mark(e, SIM_FINISHED, WIRE_FINISHED, NULL);
    return done(e);
}

static enum transport_step got_message(struct sim_end *e, struct err *err)
{
    struct sim_chunk *c = sim_end_front(e);
    enum sim_mark mark = c->mark;
    struct sim_hello hello = c->hello;
    enum tls_state state = e->tls->state;
    if (mark == SIM_FIN || mark == SIM_NOTIFY)
        return fail(e, ERR_CLOSED, "closed by peer in the TLS handshake", err);
    sim_end_drop_front(e);
    if (mark == SIM_ALERT)
        return fail(e, ERR_TLS, "TLS alert from peer: handshake failure", err);
    if (mark == SIM_FLIGHT && state == WAIT_FLIGHT)
        return client_got_flight(e, &hello, err);
    if (mark == SIM_HELLO && state == WAIT_HELLO)
        return server_got_hello(e, &hello, err);
    if (mark == SIM_FINISHED && state == WAIT_FINISHED)
        return got_finished(e);
    if (mark != SIM_CLEAR)
        return fail(e, ERR_TLS, "unexpected TLS message", err);
    enum transport_step step = fail(e, ERR_TLS, "the peer does not speak TLS", err);
    err->cause = ERR_CAUSE_NOT_TLS;
    return step;
}

enum transport_step sim_end_handshake(struct sim_end *e, struct err *err)
{
    if (e->tls->state == DONE)
        return TRANSPORT_DONE;
    if (e->tls->state == DEAD)
        return fail(e, ERR_TLS, "the handshake has failed", err);
    if (e->tls->state == NEW_CLIENT)
        return client_begins(e);
    if (sim_end_front(e))
        return got_message(e, err);
    return e->reset ? fail(e, ERR_RESET, "connection reset by peer in the TLS handshake", err)
                    : TRANSPORT_AGAIN;
}

void sim_end_tls_as_server(struct sim_end *e, const struct sim_tls_server *server)
{
    e->tls = NEW(struct sim_tls);
    e->tls->state = WAIT_HELLO;
    e->tls->server = *server;
}

void sim_end_tls_as_client(struct sim_end *e)
{
    e->tls = NEW(struct sim_tls);
    e->tls->state = NEW_CLIENT;
}

int sim_end_tls_with_context(struct sim_end *e, struct tls_context *ctx, bool as_server,
                             const char *resume_key, struct err *err)
{
    if (e->tls || ctx->is_server != as_server) {
        err_set(err, ERR_INVALID, "TLS cannot begin here");
        return -1;
    }
    struct sim_tls_server server = {.newest = TLS_V1_3,
                                    .oldest = ctx->min,
                                    .certificate = {.names = ctx->certificate, .issuer = "self"}};
    if (as_server)
        sim_end_tls_as_server(e, &server);
    else
        sim_end_tls_as_client(e);
    e->tls->ctx = tls_context_ref(ctx);
    e->tls->resume_key = copy_or_null(resume_key);
    return 0;
}

/* A session over HTTPS in the simulated world, and the scripted service that it asks: what its
 * tests share. */
#ifndef UPSTREAM_API_SESSION_WORLD_H
#define UPSTREAM_API_SESSION_WORLD_H

#include "upstream_world.h"

#include "base/caps.h"
#include "base/mem.h"
#include "io/gather.h"
#include "sim/sim_disk.h"
#include "sim/sim_http.h"
#include "upstream/api_session.h"
#include "upstream/credential.h"

/* ---- the service ---- */

struct service {
    struct sim *sim;
    struct sim_http_reply reply;
    /* The first answers, before `reply`. */
    struct sim_http_reply first[4];
    size_t nfirst, n;
    /* What the last request had. */
    char url[300], authorization[100];
    char *body;
    size_t len;
    /* Requests that wait for their answer, by their delay. */
    unsigned at_once, most_at_once;
    usec asked[16];
};

static inline struct sim_http_reply serve(void *ctx, const struct sim_http_mail *mail)
{
    struct service *v = ctx;
    snprintf(v->url, sizeof v->url, "%s", mail->url);
    v->authorization[0] = 0;
    for (const char *const *line = mail->headers; *line; line++)
        if (strncmp(*line, "Authorization: ", 15) == 0)
            snprintf(v->authorization, sizeof v->authorization, "%s", *line + 15);
    free(v->body);
    v->body = slice_string(mail->body);
    v->len = mail->body.len;
    if (v->n < 16)
        v->asked[v->n] = sim_now(v->sim);
    return v->n++ < v->nfirst ? v->first[v->n - 1] : v->reply;
}

/* ---- one message and its owner ---- */

struct mailer {
    struct world *w;
    struct carrier *c;
    bool mailed, went_ahead, gone;
    int accepted[8], codes[600];
    size_t answers;
    struct reply verdict;
    bool has_verdict, has_declined, has_lost;
    enum smtp_client_decline declined;
    char words[320];
    struct smtp_client_failure failure;
    int ready, proven, refused, strange;
    /* The rest of the body. */
    struct slice rest;
    bool ends;
};

struct world_of_api {
    struct world w;
    struct service v;
    struct config *config;
    struct credential *credential;
    struct api_desk *desk;
    struct gather_place *place;
    struct api_terms terms;
};

static inline void feed(struct mailer *m)
{
    m->rest = slice_from(m->rest, carrier_body(m->c, m->rest));
    if (!m->rest.len && m->ends)
        carrier_end_body(m->c);
}

static inline void on_ready(void *ctx)
{
    ((struct mailer *)ctx)->ready++;
}

static inline void on_mail(void *ctx, const struct reply *reply)
{
    struct mailer *m = ctx;
    assert_int_equal(reply->code, 250);
    m->mailed = true;
}

static inline void on_rcpt(void *ctx, size_t index, const struct reply *reply)
{
    struct mailer *m = ctx;
    assert_true(m->mailed);
    assert_int_equal(index, m->answers);
    m->codes[m->answers++] = reply->code;
}

static inline void on_go_ahead(void *ctx, const struct reply *refusal)
{
    struct mailer *m = ctx;
    assert_null(refusal);
    m->went_ahead = true;
    feed(m);
}

static inline void on_low(void *ctx)
{
    feed(ctx);
}

static inline void on_verdict(void *ctx, const struct reply *reply)
{
    struct mailer *m = ctx;
    assert_false(m->has_verdict || m->has_declined || m->has_lost);
    m->has_verdict = true;
    reply_copy(&m->verdict, reply);
}

static inline void on_declined(void *ctx, enum smtp_client_decline why, const char *words)
{
    struct mailer *m = ctx;
    assert_false(m->has_verdict || m->has_declined || m->has_lost);
    m->has_declined = true;
    m->declined = why;
    snprintf(m->words, sizeof m->words, "%s", words);
}

static inline void on_lost(void *ctx, const struct smtp_client_failure *failure)
{
    struct mailer *m = ctx;
    assert_false(m->has_verdict || m->has_declined || m->has_lost || m->gone);
    m->has_lost = true;
    m->failure = *failure;
    reply_copy(&m->verdict, failure->reply);
    m->c = NULL;
}

static const struct smtp_client_events client_events = {.ready = on_ready,
                                                        .mail_reply = on_mail,
                                                        .rcpt_reply = on_rcpt,
                                                        .go_ahead = on_go_ahead,
                                                        .low = on_low,
                                                        .verdict = on_verdict,
                                                        .declined = on_declined,
                                                        .lost = on_lost};

static inline void on_accepted(void *ctx)
{
    ((struct mailer *)ctx)->proven++;
}

static inline void on_refused(void *ctx, const char *words)
{
    ((struct mailer *)ctx)->refused++;
    assert_true(words[0]);
}

static inline void on_strange(void *ctx, const char *words)
{
    ((struct mailer *)ctx)->strange++;
    assert_true(words[0]);
}

static inline void on_gone(void *ctx)
{
    ((struct mailer *)ctx)->gone = true;
}

static const struct api_session_events session_events = {on_accepted, on_refused, on_strange,
                                                         on_gone};

static inline void begin_with(struct world_of_api *a, const char *service, const char *ini)
{
    struct err err;
    memset(a, 0, sizeof *a);
    world_begin(&a->w);
    struct io *io = sim_io(a->w.sim);
    io->http = http_new(io->loop, &err);
    struct disk *disk = disk_new(io->loop);
    struct disk_directory *dir;
    assert_int_equal(disk_directory_open(disk, "/spool", true, &dir, &err), 0);
    disk_directory_close(&dir);
    disk_free(&disk);
    io->gather = a->place = gather_place_new(io->loop, "/spool");
    a->v.sim = a->w.sim;
    a->v.reply.status = 202;
    sim_http_serve_mail(a->w.sim, serve, &a->v);
    a->config = sim_config(ini);
    a->credential = credential_new(io, &a->config->upstreams[0], NULL);
    a->desk = api_desk_new(io);
    a->terms = (struct api_terms){.io = io,
                                  .cfg = &a->config->upstreams[0],
                                  .service = api_service_named(slice_of(service)),
                                  .identity = "me@example.org",
                                  .credential = a->credential,
                                  .desk = a->desk};
}

static inline void begin(struct world_of_api *a, const char *service)
{
    begin_with(a, service, BASIC);
}

static inline void end(struct world_of_api *a)
{
    struct io *io = sim_io(a->w.sim);
    sim_run_for(a->w.sim, S);
    assert_int_equal(sim_living(a->w.sim).jobs, 0);
    assert_int_equal(sim_disk_count(a->w.sim, "/spool"), 0);
    api_desk_unref(&a->desk);
    credential_free(&a->credential);
    config_unref(&a->config);
    gather_place_unref(&a->place);
    sim_run_for(a->w.sim, S);
    http_free(&io->http);
    free(a->v.body);
    world_end(&a->w);
}

static inline void open_session(struct mailer *m, struct world_of_api *a)
{
    memset(m, 0, sizeof *m);
    m->w = &a->w;
    reply_init(&m->verdict);
    m->c = api_session_new(&a->terms, &session_events, m);
    assert_true(carrier_is_idle(m->c));
    carrier_set_owner(m->c, &client_events, m);
}

static inline void close_session(struct mailer *m)
{
    carrier_quit(&m->c);
    sim_run_for(m->w->sim, 0);
    assert_true(m->gone);
    reply_free(&m->verdict);
}

/* The first of a message on this session. to: NULL-terminated. */
static inline void say_envelope(struct mailer *m, const char *from, const char *const *to)
{
    m->mailed = m->went_ahead = m->has_verdict = m->has_declined = false;
    m->answers = 0;
    carrier_mail(m->c, &(struct smtp_client_mail){.from = slice_of(from)});
    for (; *to; to++)
        carrier_rcpt(m->c, slice_of(*to), slice_of(""), slice_of(""));
}

static inline void say_body(struct mailer *m, struct slice body)
{
    carrier_begin_body(m->c);
    m->rest = body;
    m->ends = true;
    assert_false(m->went_ahead);
}

static const char *const to_two[] = {"a@x.test", "b@x.test", NULL};
static const char plain[] = "From: me@example.org\r\nTo: a@x.test, b@x.test\r\n\r\nhello\r\n";

static inline bool is_over(void *ctx)
{
    const struct mailer *m = ctx;
    return m->has_verdict || m->has_declined || m->has_lost;
}

static inline void await(struct mailer *m)
{
    assert_true(sim_run_until(m->w->sim, is_over, m, 3600 * S));
    sim_run_for(m->w->sim, 0);
}

static inline void send_plain(struct mailer *m)
{
    say_envelope(m, "me@example.org", to_two);
    say_body(m, slice_of(plain));
    await(m);
}

static inline bool says(const struct reply *r, const char *words)
{
    char text[600];
    return strstr(reply_words(r, text, sizeof text), words) != NULL;
}

#define BY_COMMAND                                                                                 \
    "[upstream]\nhost = " HOST "\nusername = user\npassword_command = secret mail\nports = 587\n"

/* Octets of lines, which a message of this size has. */
static inline char *long_message(size_t size)
{
    static const char head[] = "To: a@x.test\r\n\r\n";
    char *text = mem_alloc(size + 1);
    memcpy(text, head, sizeof head - 1);
    for (size_t i = sizeof head - 1; i < size; i++)
        text[i] = i % 80 == 78 ? '\r' : i % 80 == 79 ? '\n' : (char)('a' + i / 80 % 26);
    return text;
}

#endif

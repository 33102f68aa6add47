/* Whole sessions: the unmodified relay in the simulated world, between a client and an upstream
 * that say whatever the input says. The input is a little program: octets and lines to either side,
 * ends of connections, time, an upstream that does as it should for once.
 *
 * For any input: nobody is told 2xx for a message, nor for a recipient of it, that no upstream said
 * 2xx to; nothing ends a message upstream before the client ended its own, and not more often;
 * nothing but commands of ours goes upstream as a command; replies to the client are replies;
 * memory stays bounded; at the end nothing is left. */
#include <sanitizer/allocator_interface.h>
#include <string.h>

#include "conversation.h"
#include "io/listener.h"
#include "relay/certificates.h"
#include "relay/relay.h"
#include "sim/sim_config.h"
#include "sim/sim_world.h"
#include "upstream/account.h"

enum {
    /* connections to the upstream that are followed; more are closed at once */
    UPSTREAMS = 6,
    /* octets of floods in a run: more than a replay copy */
    FLOOD = 1536 * 1024,
    FLOOD_PIECE = 16 * 1024,
    /* one replay copy (its buffer grows by doubling), one session, and */
    BOUND = 2 * 1024 * 1024,
    /* what the simulated network holds of each connection */
    BOUND_PER_CONNECTION = 384 * 1024,
};

/* Floods fill the sanitizer's quarantine of freed memory: a small one, so that the process stays
 * small. */
const char *__asan_default_options(void);
const char *__asan_default_options(void)
{
    return "quarantine_size_mb=16";
}

struct peer {
    struct world *w;
    struct sim_end *end;
    struct conversation talk;
    /* octets of the product that are in `talk` */
    uint64_t seen;
    /* octets of ours when a reply too many had been read: only a QUIT may follow; 0: none */
    size_t silent_from;
    bool is_client, is_deaf;
};

struct world {
    struct sim *sim;
    struct config *config;
    struct accounts *accounts;
    struct relay *relay;
    struct listener *listener;
    struct sim_listening *listening;
    struct peer client, upstreams[UPSTREAMS];
    /* What looks like ends of data in what a client said whose answers nobody hears any more, and
     * how far was looked. */
    size_t posthumous, looked;
    /* at: the upstream that the input speaks for */
    size_t nupstreams, at;
    /* what its EHLO reply says */
    unsigned offers;
    /* floods: large ones, beyond every cap; they take long */
    bool lf, floods, drained, shut;
    /* an upstream said yes in advance and left: what it was sent meanwhile nobody knows */
    bool blind;
    size_t flooded, before;
};

static const char *const configs[] = {
    "[upstream]\nhost = 10.0.0.1\nports = 587/plain\ntls = off\nauth = none\nacquire_timeout = "
    "5s\n",
    "[upstream]\nhost = 10.0.0.1\nports = 587\nusername = me\npassword = secret\ntls = "
    "encrypt\nplaintext_auth = yes\n",
    "[listen]\nline_endings = lf\n[upstream]\nhost = 10.0.0.1\nports = 587/plain 2525/plain\ntls = "
    "off\nauth = none\nmax_messages = "
    "2\nmax_connections = 1\n",
    "[listen]\nmax_message_size = 20K\n[upstream]\nhost = 10.0.0.1\nports = 587/plain\ntls = "
    "off\nusername = me\npassword = "
    "secret\nplaintext_auth = yes\n",
};

static const char *const client_says[32] = {
    "EHLO scanner\r\n",
    "HELO scanner\r\n",
    "MAIL FROM:<a@office.test>\r\n",
    "RCPT TO:<b@example.test>\r\n",
    "DATA\r\n",
    "Subject: x\r\n\r\nhello\r\n",
    ".\r\n",
    "\r\n.\r\n",
    "QUIT\r\n",
    "RSET\r\n",
    "NOOP\r\n",
    "MAIL FROM:<>\r\n",
    "RCPT TO:Alice <<c@example.test. >>;\r\n",
    "\n.\n",
    "\n.\r\n",
    "\r.\r",
    "..\r\n",
    "MAIL FROM:<a@office.test> SIZE=100 BODY=8BITMIME\r\n",
    "BDAT 10 LAST\r\n",
    "HELO\r\n",
    "STARTTLS\r\n",
    "AUTH PLAIN AAA=\r\n",
    "\r\r\n.\r\r\n",
    "MAIL FROM:<a@office.test>\r\nRCPT TO:<b@example.test>\r\nDATA\r\n",
    "Subject: y\r\n\r\n.\r\n",
    ".",
    "\r\n",
    "\n",
    "\r",
    "EHLO scanner\nMAIL FROM:<a@office.test>\n",
    "RCPT TO:<\xc3\xa4@example.test>\r\n",
    "MAIL FROM:<a@office.test> SMTPUTF8\r\n",
};

static const char *const upstream_says[32] = {
    "220 up ESMTP\r\n",
    "250 2.0.0 fine\r\n",
    "250-up\r\n250-PIPELINING\r\n250 CHUNKING\r\n",
    "354 go on\r\n",
    "221 bye\r\n",
    "235 2.7.0 welcome\r\n",
    "334 \r\n",
    "421 4.3.2 leaving\r\n",
    "450 4.2.1 busy\r\n",
    "550 5.1.1 unknown\r\n",
    "554 5.7.1 no\r\n",
    "552 5.3.4 too big\r\n",
    "500 5.5.1 what\r\n",
    "502 5.5.1 no\r\n",
    "503 5.5.1 bad sequence\r\n",
    "250-",
    "250-more\r\n",
    "250",
    "\r\n",
    "2",
    "535 5.7.8 no\r\n",
    "530 5.7.0 first\r\n",
    "555 5.5.4 no\r\n",
    "252 ok\r\n",
    "354-go\r\n354 on\r\n",
    "250 one\r\n250 two\r\n",
    "150 early\r\n",
    "999 what\r\n",
    "250-a\r\n550 b\r\n",
    "\n",
    "HTTP/1.1 400 Bad\r\n\r\n",
    "334 VXNlcm5hbWU6\r\n",
};

static void take(struct peer *p, const struct sim_chunk *c, uint64_t *at)
{
    size_t len = c->len - c->taken;
    if (c->mark > SIM_SEALED)
        return;
    size_t known = p->seen > *at ? (size_t)(p->seen - *at) : 0;
    if (known < len) {
        CHECK(buf_append(p->is_client ? &p->talk.told : &p->talk.said, c->data + c->taken + known,
                         len - known));
        p->seen = *at + len;
    }
    *at += len;
}

/* What the product handed to the network counts, read or under way: only so nothing seems to be
 * answered before it was said. */
static void observe(struct peer *p)
{
    if (!p->end)
        return;
    uint64_t at = p->end->read;
    LIST_EACH (&p->end->arrived, it)
        take(p, CONTAINER(it, struct sim_chunk, link), &at);
    LIST_EACH (&p->end->flying, it)
        take(p, CONTAINER(it, struct sim_chunk, link), &at);
}

/* Ends of data that the client has said. Once it is gone nobody hears whether a body was asked for:
 * then whatever looks like one. Nothing is said after that, so that each octet is looked at
 * once. */
static size_t client_ends(struct world *w)
{
    const struct conversation *c = &w->client.talk;
    const struct slice said = buf_view(&c->said);
    if (w->client.end)
        return c->nends;
    if (w->looked < c->read)
        w->looked = c->read;
    for (; w->looked + 1 < said.len; w->looked++)
        w->posthumous += said.data[w->looked] == '.' &&
                         (said.data[w->looked + 1] == '\r' || said.data[w->looked + 1] == '\n');
    return c->nends + w->posthumous;
}

/* A reply that no command asked for ends the session: it must never answer the next command. */
static void check_silence(struct peer *p)
{
    const struct conversation *c = &p->talk;
    bool at_rest = !c->in_body && !c->in_chunk && c->read == c->said.len && c->units > 1;
    if (p->silent_from)
        CHECK(slice_from(buf_view(&c->said), p->silent_from).len == 0 ||
              slice_starts(slice_from(buf_view(&c->said), p->silent_from), "QUIT\r\n"));
    else if (p->end && at_rest && c->replies > c->units &&
             sim_end_other(p->end)->read == c->told.len)
        p->silent_from = c->said.len;
}

static void judge(struct world *w)
{
    size_t ends = 0, taken = 0, served = 0;
    if (w->shut)
        return;
    observe(&w->client);
    conversation_follow(&w->client.talk, SIZE_MAX, w->lf);
    CHECK(!w->client.talk.broken);
    const size_t allowed = client_ends(w);
    for (size_t i = 0; i < w->nupstreams; i++) {
        struct conversation *up = &w->upstreams[i].talk;
        observe(&w->upstreams[i]);
        conversation_follow(up, allowed - ends, false);
        ends += up->nends - up->denied;
        taken += up->taken;
        served += up->served;
        CHECK(ends <= allowed);
        check_silence(&w->upstreams[i]);
    }
    CHECK(w->blind || (w->client.talk.taken <= taken && w->client.talk.served <= served));
}

static void hear(void *ctx)
{
    struct peer *p = ctx;
    char piece[4096];
    struct err err;
    if (!p->end)
        return;
    judge(p->w);
    if (p->is_deaf)
        return;
    if (sim_end_tls(p->end))
        sim_end_handshake(p->end, &err);
    while (sim_end_read(p->end, piece, sizeof piece, &err) > 0)
        continue;
}

static size_t speak(struct peer *p, const char *data, size_t n)
{
    struct err err;
    ssize_t sent = p->end ? sim_end_write(p->end, data, n, &err) : 0;
    if (sent > 0)
        CHECK(buf_append(p->is_client ? &p->talk.said : &p->talk.told, data, (size_t)sent));
    return sent > 0 ? (size_t)sent : 0;
}

static void on_upstream(void *ctx, struct sim_end *e)
{
    struct world *w = ctx;
    if (w->nupstreams == UPSTREAMS || w->shut) {
        sim_end_close(e);
        return;
    }
    w->at = w->nupstreams++;
    struct peer *p = &w->upstreams[w->at];
    *p = (struct peer){.w = w, .end = e};
    conversation_init(&p->talk, true);
    sim_end_set_owner(e, hear, p);
}

static void on_client(void *ctx, struct transport *t)
{
    struct world *w = ctx;
    relay_accept(w->relay, w->config->listens[0].name, t);
}

static struct addr place(const char *text)
{
    struct addr at;
    CHECK(addr_parse_with_port(slice_of(text), &at));
    return at;
}

static void begin(struct world *w, uint8_t kind, uint8_t offers)
{
    struct err err;
    const struct addr listener = place("127.0.0.1:25"), upstream = place("10.0.0.1:587");
    w->sim = sim_new(1);
    sim_be_verbose(w->sim, getenv("SIM_VERBOSE") != NULL);
    w->offers = offers;
    w->lf = kind % 4 == 2;
    w->floods = kind >> 5 == 7;
    sim_path(w->sim, "127.0.0.1:25")->latency = 100;
    sim_path_default(w->sim)->latency = USEC_PER_MS;
    if (kind & 4)
        sim_path_default(w->sim)->window = 2000;
    sim_path_default(w->sim)->shred = kind & 8;
    /* nobody changes a configuration: only the first run reads it */
    static struct config *read_once[4];
    if (!read_once[kind % 4])
        read_once[kind % 4] = sim_config(configs[kind % 4]);
    w->config = config_ref(read_once[kind % 4]);
    struct io *io = sim_io(w->sim);
    w->accounts = accounts_new(io, w->config, &err);
    struct certificates *certificates = certificates_new(w->config, NULL, io->log, &err);
    w->relay = relay_new(io, w->config, w->accounts, certificates);
    certificates_unref(&certificates);
    w->listener = listener_open(io->loop, &listener, on_client, w, &err);
    w->listening = sim_listen(w->sim, &upstream, on_upstream, w);
    w->client = (struct peer){.w = w, .is_client = true};
    conversation_init(&w->client.talk, false);
    w->client.end = sim_connect(w->sim, &listener, NULL, hear, &w->client);
    w->before = __sanitizer_get_current_allocated_bytes();
    sim_run_for(w->sim, USEC_PER_MS);
}

static size_t own_memory(const struct peer *p)
{
    return p->talk.said.size + p->talk.told.size + p->talk.replies * sizeof(int) +
           (p->talk.nrcpts + 3 * p->talk.nends) * sizeof(size_t);
}

static void check_memory(const struct world *w)
{
    size_t bound =
        w->before + BOUND + (1 + w->nupstreams) * BOUND_PER_CONNECTION + own_memory(&w->client);
    for (size_t i = 0; i < w->nupstreams; i++)
        bound += own_memory(&w->upstreams[i]);
    CHECK(__sanitizer_get_current_allocated_bytes() <= bound);
}

/* What a kind server would say to the oldest command that it has not answered; false: to none. */
static bool answer_kindly(struct world *w, struct peer *up)
{
    char ehlo[200];
    struct conversation *c = &up->talk;
    const char *reply = "250 2.0.0 fine\r\n";
    struct slice said = buf_view(&c->said);
    size_t start = c->read;
    if (!up->end || c->broken ||
        (c->units <= c->replies && c->replies > 0 &&
         (c->in_body || c->in_chunk || start >= said.len)))
        return false;
    if (c->replies == 0)
        reply = "220 up ESMTP\r\n";
    else if (c->units <= c->replies && slice_starts(slice_from(said, start), "DATA"))
        reply = "354 go on\r\n";
    else if (c->units <= c->replies)
        return false;
    else if (slice_starts(said, "EHLO") && (c->replies == 1 || c->replies == 3)) {
        bool sealed = sim_end_is_sealed(up->end);
        snprintf(ehlo, sizeof ehlo, "250-up\r\n%s%s%s%s%s%s%s250 HELP\r\n",
                 w->offers & 1 ? "250-PIPELINING\r\n" : "", w->offers & 2 ? "250-CHUNKING\r\n" : "",
                 w->offers & 4 ? "250-SIZE 30000\r\n" : "",
                 w->offers & 8 ? "250-8BITMIME\r\n250-SMTPUTF8\r\n" : "",
                 w->offers & 16 ? "250-DSN\r\n" : "", sealed ? "" : "250-STARTTLS\r\n",
                 w->offers & 32 ? "250-AUTH PLAIN LOGIN\r\n" : "250-AUTH LOGIN PLAIN CRAM-MD5\r\n");
        reply = ehlo;
        if (c->replies == 3 && !sealed)
            reply = "250 2.0.0 fine\r\n";
    } else if (said.len >= 10 && memcmp(said.data + said.len - 10, "STARTTLS\r\n", 10) == 0)
        reply = "220 2.0.0 go ahead\r\n";
    speak(up, reply, strlen(reply));
    if (reply[0] == '2' && reply[1] == '2' && c->replies > 0 && !sim_end_tls(up->end)) {
        static const struct sim_tls_server tls = {
            .certificate = {.names = "up.test", .issuer = "public"},
            .newest = TLS_V1_3,
            .oldest = TLS_V1_2};
        sim_end_tls_as_server(up->end, &tls);
    }
    sim_run_for(w->sim, 2 * USEC_PER_MS + USEC_PER_MS / 2);
    return true;
}

static void leave(struct peer *p, unsigned how)
{
    if (!p->end)
        return;
    judge(p->w);
    p->w->blind = p->w->blind || (!p->is_client && p->talk.replies > p->talk.units);
    if (how == 0) {
        sim_end_finish(p->end);
        return;
    }
    if (how == 1)
        sim_end_reset(p->end);
    if (how == 3)
        sim_end_cut(p->end);
    sim_end_close(p->end);
    p->end = NULL;
}

static void flood(struct world *w, struct peer *p, unsigned kind)
{
    static const char *const patterns[] = {
        "a", "line\r\n", ".", "\r\n", "250-x\r\n", "\0", "RCPT TO:<x@example.test>\r\n", "x\n.\n"};
    const char *pattern = patterns[kind % 8];
    size_t len = pattern[0] ? strlen(pattern) : 1;
    char piece[FLOOD_PIECE];
    for (size_t i = 0; i < sizeof piece; i++)
        piece[i] = pattern[i % len];
    for (unsigned i = 0; i < (w->floods && kind & 8 ? 96u : 1u) && w->flooded < FLOOD; i++) {
        w->flooded += speak(p, piece, sizeof piece);
        sim_run_for(w->sim, 3 * USEC_PER_MS);
    }
    check_memory(w);
}

static void control(struct world *w, struct peer *up, unsigned what)
{
    switch (what) {
    case 0:
    case 1:
    case 2:
    case 3: leave(&w->client, what); break;
    case 4:
    case 5:
    case 6:
    case 7:
        if (up)
            leave(up, what - 4);
        break;
    case 8:
        if (w->nupstreams)
            w->at = (w->at + 1) % w->nupstreams;
        break;
    case 9:
        w->client.is_deaf = !w->client.is_deaf;
        hear(&w->client);
        break;
    case 10:
        if (up) {
            up->is_deaf = !up->is_deaf;
            hear(up);
        }
        break;
    case 11: sim_network_change(w->sim); break;
    case 12:
    case 13: sim_listening_pause(w->listening, what == 12); break;
    case 14: w->offers ^= 2; break;
    default: w->offers ^= 1; break;
    }
}

/* Plays one instruction; returns how many octets of the input it was. */
static size_t play(struct world *w, const uint8_t *in, size_t n)
{
    static const usec spans[16] = {1,
                                   500,
                                   USEC_PER_MS,
                                   3 * USEC_PER_MS,
                                   10 * USEC_PER_MS,
                                   100 * USEC_PER_MS,
                                   600 * USEC_PER_MS,
                                   2 * USEC_PER_SEC,
                                   6 * USEC_PER_SEC,
                                   11 * USEC_PER_SEC,
                                   31 * USEC_PER_SEC,
                                   61 * USEC_PER_SEC,
                                   301 * USEC_PER_SEC,
                                   601 * USEC_PER_SEC,
                                   3700 * USEC_PER_SEC,
                                   0};
    struct peer *up = w->nupstreams ? &w->upstreams[w->at] : NULL;
    unsigned low = in[0] & 31;
    size_t rest = low + 1 < n - 1 ? low + 1 : n - 1;
    const char *text;
    switch (in[0] >> 5) {
    case 0: speak(&w->client, (const char *)in + 1, rest); return 1 + rest;
    case 1:
        if (up)
            speak(up, (const char *)in + 1, rest);
        return 1 + rest;
    case 2:
        text = client_says[low];
        speak(&w->client, text, strlen(text));
        sim_run_for(w->sim, 2 * USEC_PER_MS + USEC_PER_MS / 2);
        return 1;
    case 3:
        text = upstream_says[low];
        if (up)
            speak(up, text, strlen(text));
        sim_run_for(w->sim, 2 * USEC_PER_MS + USEC_PER_MS / 2);
        return 1;
    case 4: sim_run_for(w->sim, spans[low % 16]); return 1;
    case 5: control(w, up, low % 16); return 1;
    case 6: flood(w, low & 16 && up ? up : &w->client, low); return 1;
    default:
        for (unsigned i = 0; up && i <= low && answer_kindly(w, up); i++)
            up = &w->upstreams[w->at];
        return 1;
    }
}

static void is_drained(void *ctx)
{
    ((struct world *)ctx)->drained = true;
}

static bool has_drained(void *ctx)
{
    return ((const struct world *)ctx)->drained;
}

static void check_nothing_left(const struct world *w)
{
    const struct sim_living left = sim_living(w->sim);
    CHECK(left.timers == 0 && left.transports == 0 && left.queries == 0 && left.jobs == 0 &&
          left.processes == 0 && left.listeners == 0 && left.contexts == 0);
    CHECK(sim_conn_open_ends(w->sim) == 0);
}

static void finish(struct world *w, bool patiently)
{
    w->client.is_deaf = false;
    hear(&w->client);
    leave(&w->client, 2);
    /* else nobody answers any more, and the product's own deadlines end it */
    if (!patiently) {
        for (size_t i = 0; i < w->nupstreams; i++)
            leave(&w->upstreams[i], 2);
    }
    listener_close(&w->listener);
    relay_drain(w->relay, is_drained, w);
    CHECK(sim_run_until(w->sim, has_drained, w, 4 * 3600 * USEC_PER_SEC));
    check_memory(w);
    w->shut = true;
    relay_free(&w->relay);
    accounts_free(&w->accounts);
    config_unref(&w->config);
    sim_run_for(w->sim, 30 * USEC_PER_SEC);
    for (size_t i = 0; i < w->nupstreams; i++)
        leave(&w->upstreams[i], 2);
    sim_run_for(w->sim, USEC_PER_SEC);
    sim_listening_close(&w->listening);
    check_nothing_left(w);
    conversation_free(&w->client.talk);
    for (size_t i = 0; i < w->nupstreams; i++)
        conversation_free(&w->upstreams[i].talk);
    sim_free(&w->sim);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w;
    if (size < 3)
        return 0;
    w = (struct world){0};
    begin(&w, data[0], data[1]);
    for (size_t i = 2; i < size;)
        i += play(&w, data + i, size - i);
    finish(&w, data[0] & 16);
    return 0;
}

/* load: see README.md. Prints one line of JSON and ends. */
#include "bench/load.h"
#include "bench/bench.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>

static SSL_CTX *client_context(const char *ca)
{
    SSL_CTX *c = SSL_CTX_new(TLS_client_method());
    if (!c || SSL_CTX_load_verify_locations(c, ca, NULL) != 1)
        die("CA file %s: %s", ca, ERR_reason_error_string(ERR_get_error()));
    SSL_CTX_set_verify(c, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    return c;
}

/* "user:password" becomes the command. */
static void make_auth(struct load *l, const char *pair)
{
    unsigned char plain[256], coded[360];
    const char *colon = pair ? strchr(pair, ':') : NULL;
    if (!colon)
        return;
    int len = snprintf((char *)plain, sizeof plain, "%c%.*s%c%s", 0, (int)(colon - pair), pair, 0,
                       colon + 1);
    if (len < 0 || (size_t)len >= sizeof plain)
        die("--auth is too long");
    EVP_EncodeBlock(coded, plain, len);
    snprintf(l->auth, sizeof l->auth, "AUTH PLAIN %s\r\n", (char *)coded);
}

static enum load_tls tls_of(const char *word)
{
    if (strcmp(word, "starttls") == 0)
        return LOAD_STARTTLS;
    if (strcmp(word, "implicit") == 0)
        return LOAD_IMPLICIT;
    if (strcmp(word, "none") != 0)
        die("--tls: none, starttls or implicit");
    return LOAD_CLEAR;
}

static int smaller(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double percentile(const struct load *l, unsigned per_thousand)
{
    uint64_t n = l->counts.acked;
    return n == 0 ? 0 : (double)l->micros[(n - 1) * per_thousand / 1000] / 1000.0;
}

void load_report(struct load *l, uint64_t start_ns, bool timed_out)
{
    const struct load_counts *n = &l->counts;
    double seconds = n->acked ? (double)(n->last_ack_ns - start_ns) / 1e9 : 0;
    qsort(l->micros, n->acked, sizeof *l->micros, smaller);
    for (char *p = l->complaint; *p; p++)
        if (*p == '"' || *p == '\\' || (unsigned char)*p < 32 || (unsigned char)*p > 126)
            *p = '?';
    printf("{\"messages\":%ld,\"acked\":%" PRIu64 ",\"refused\":%" PRIu64 ",\"lost\":%" PRIu64
           ",\"connections\":%" PRIu64 ",\"handshakes\":%" PRIu64 ",\"bytes\":%" PRIu64
           ",\"digest\":\"%016" PRIx64 "\",\"start_ns\":%" PRIu64 ",\"last_ack_ns\":%" PRIu64
           ",\"seconds\":%.6f,\"rate\":%.3f,\"p50_ms\":%.3f,\"p90_ms\":%.3f,\"p99_ms\":%.3f,\"max_"
           "ms\":%.3f,"
           "\"timed_out\":%s,\"complaint\":\"%s\"}\n",
           l->messages, n->acked, n->refused, n->lost, n->connections, n->handshakes, n->bytes,
           n->digest, start_ns, n->last_ack_ns, seconds,
           seconds > 0 ? (double)n->acked / seconds : 0, percentile(l, 500), percentile(l, 900),
           percentile(l, 990), percentile(l, 1000), timed_out ? "true" : "false", l->complaint);
}

static bool run(struct load *l, uint64_t until_ns)
{
    struct epoll_event events[256];
    while (l->running > 0) {
        uint64_t now = now_ns();
        if (now >= until_ns)
            return false;
        int count = epoll_wait(l->epoll, events, 256, (int)((until_ns - now) / 1000000 + 1));
        for (int i = 0; i < count; i++)
            load_client_event(events[i].data.ptr, events[i].events);
    }
    return true;
}

static void configure(struct load *l, int argc, char **argv)
{
    static const char *const known[] = {
        "--to",      "--clients", "--messages", "--per-connection", "--size", "--recipients",
        "--senders", "--tls",     "--ca",       "--name",           "--auth", "--limit",
        "--spread",  NULL};
    args_check(argc, argv, known);
    l->to = endpoint(arg_text(argc, argv, "--to", NULL));
    l->messages = arg_number(argc, argv, "--messages", 1);
    l->clients = arg_number(argc, argv, "--clients", 1);
    l->per_connection = arg_number(argc, argv, "--per-connection", 1);
    l->recipients = arg_number(argc, argv, "--recipients", 1);
    l->senders = arg_number(argc, argv, "--senders", 1);
    l->size = (uint64_t)arg_number(argc, argv, "--size", 4096);
    l->spread = arg_number(argc, argv, "--spread", 0) != 0;
    l->name = arg_text(argc, argv, "--name", NULL);
    l->tls = tls_of(arg_text(argc, argv, "--tls", "none"));
    make_auth(l, arg_text(argc, argv, "--auth", NULL));
    if (l->tls != LOAD_CLEAR)
        l->context = client_context(arg_text(argc, argv, "--ca", ""));
    if (l->senders == 0 || l->clients == 0)
        die("--senders and --clients begin at 1");
}

int main(int argc, char **argv)
{
    static struct load l;
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    configure(&l, argc, argv);
    l.epoll = epoll_create1(EPOLL_CLOEXEC);
    message_maker_init(&l.maker, l.size);
    l.micros = must_alloc((size_t)(l.messages + 1) * sizeof *l.micros);
    struct load_client *clients = must_alloc((size_t)l.clients * sizeof *clients);
    uint64_t start = now_ns(),
             limit = (uint64_t)arg_number(argc, argv, "--limit", 120) * 1000000000u;
    l.running = l.clients;
    for (long i = 0; i < l.clients; i++) {
        clients[i] = (struct load_client){.load = &l, .index = (unsigned)i, .chan.fd = -1};
        load_client_start(&clients[i]);
    }
    bool done = run(&l, start + limit);
    load_report(&l, start, !done);
    for (long i = 0; i < l.clients; i++)
        if (!clients[i].finished)
            chan_close(&clients[i].chan);
    free(clients);
    free(l.micros);
    free(l.maker.filler);
    SSL_CTX_free(l.context);
    return done && l.counts.acked == (uint64_t)l.messages ? 0 : 1;
}

/* sink: see README.md. On stdin it takes the lines "counts" (prints them as one line of JSON) and
 * "reset"; it ends when stdin does. */
#include "bench/sink.h"
#include "bench/bench.h"

#include <errno.h>
#include <inttypes.h>
#include <openssl/err.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

struct listener {
    int fd;
    enum sink_kind kind;
};

static SSL_CTX *server_context(const char *cert, const char *key)
{
    SSL_CTX *c = SSL_CTX_new(TLS_server_method());
    if (!c || SSL_CTX_use_certificate_chain_file(c, cert) != 1 ||
        SSL_CTX_use_PrivateKey_file(c, key, SSL_FILETYPE_PEM) != 1)
        die("certificate %s, key %s: %s", cert, key, ERR_reason_error_string(ERR_get_error()));
    SSL_CTX_set_mode(c, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                            SSL_MODE_RELEASE_BUFFERS);
    SSL_CTX_set_session_id_context(c, (const unsigned char *)"sink", 4);
    return c;
}

static void print_counts(const struct sink *sink)
{
    const struct sink_counts *n = &sink->counts;
    printf("{\"connections\":%" PRIu64 ",\"handshakes\":%" PRIu64 ",\"resumed\":%" PRIu64
           ",\"auths\":%" PRIu64 ",\"auths_refused\":%" PRIu64 ",\"mails\":%" PRIu64
           ",\"recipients\":%" PRIu64 ",\"messages\":%" PRIu64 ",\"bytes\":%" PRIu64
           ",\"digest\":\"%016" PRIx64 "\",\"errors\":%" PRIu64 ",\"first_ns\":%" PRIu64
           ",\"last_ns\":%" PRIu64 ",\"open\":%ld}\n",
           n->connections, n->handshakes, n->resumed, n->auths, n->auths_refused, n->mails,
           n->recipients, n->messages, n->bytes, n->digest, n->errors, n->first_ns, n->last_ns,
           sink->open);
    fflush(stdout);
}

/* False when the driver is gone. */
static bool obey(struct sink *sink)
{
    char line[256];
    long got = read(STDIN_FILENO, line, sizeof line - 1);
    if (got <= 0)
        return got < 0 && errno == EINTR;
    line[got] = 0;
    for (char *word = strtok(line, "\n"); word; word = strtok(NULL, "\n")) {
        if (strcmp(word, "counts") == 0) {
            print_counts(sink);
        } else if (strcmp(word, "reset") == 0) {
            memset(&sink->counts, 0, sizeof sink->counts);
            print_counts(sink);
        }
    }
    return true;
}

static void open_listeners(const struct sink *sink, struct listener *listeners, int argc,
                           char **argv)
{
    static const char *const names[SINK_KINDS] = {"starttls", "implicit", "pipe", "plain"};
    for (int i = 0; i < SINK_KINDS; i++) {
        char option[16];
        uint16_t port;
        snprintf(option, sizeof option, "--%s", names[i]);
        listeners[i].fd = listen_on((uint16_t)arg_number(argc, argv, option, 0), &port);
        listeners[i].kind = (enum sink_kind)i;
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = &listeners[i]};
        if (epoll_ctl(sink->epoll, EPOLL_CTL_ADD, listeners[i].fd, &e) != 0)
            die("epoll_ctl: %s", strerror(errno));
        printf("%s\"%s\":%u%s", i ? "," : "{", names[i], port, i + 1 == SINK_KINDS ? "}\n" : "");
    }
    fflush(stdout);
}

static void run(struct sink *sink, struct listener *listeners)
{
    struct epoll_event events[256];
    for (;;) {
        int count = epoll_wait(sink->epoll, events, 256, -1);
        for (int i = 0; i < count; i++) {
            void *at = events[i].data.ptr;
            if (!at) {
                if (!obey(sink))
                    return;
            } else if ((struct listener *)at >= listeners &&
                       (struct listener *)at < listeners + SINK_KINDS) {
                struct listener *l = at;
                for (int fd = accept_one(l->fd), n = 0; fd >= 0;
                     fd = ++n < 16 ? accept_one(l->fd) : -1)
                    sink_session_start(sink, fd, l->kind);
            } else {
                sink_session_event(at);
            }
        }
    }
}

int main(int argc, char **argv)
{
    static const char *const known[] = {"--cert",     "--key",      "--password",
                                        "--chunking", "--starttls", "--implicit",
                                        "--pipe",     "--plain",    NULL};
    static struct listener listeners[SINK_KINDS];
    args_check(argc, argv, known);
    signal(SIGPIPE, SIG_IGN);
    raise_descriptor_limit();
    struct sink sink = {.epoll = epoll_create1(EPOLL_CLOEXEC),
                        .context = server_context(arg_text(argc, argv, "--cert", ""),
                                                  arg_text(argc, argv, "--key", "")),
                        .password = arg_text(argc, argv, "--password", "sesame"),
                        .chunking = arg_number(argc, argv, "--chunking", 1) != 0};
    struct epoll_event in = {.events = EPOLLIN};
    if (sink.epoll < 0 || epoll_ctl(sink.epoll, EPOLL_CTL_ADD, STDIN_FILENO, &in) != 0)
        die("epoll: %s", strerror(errno));
    open_listeners(&sink, listeners, argc, argv);
    run(&sink, listeners);
    SSL_CTX_free(sink.context);
    return 0;
}

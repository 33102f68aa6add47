/* For the test of io/http: a small HTTPS server in a process of its own, whose path says how it
 * behaves. */
#ifndef UNIT_IO_HTTP_SERVER_H
#define UNIT_IO_HTTP_SERVER_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/caps.h"
#include "io_tls_help.h"

/* A sanitizer's memory is not the program's. */
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#endif

enum { SEEN = 16 };

struct seen {
    int n;
    char requests[SEEN][4096];
    char peers[SEEN][64];
    /* Of the bodies under /stream: their octets, and their sum. */
    uint64_t octets, sum;
    /* The protocols that a client offered for the connection. */
    char protocols[64];
};

struct smtp_server {
    pid_t pid;
    uint16_t port;
    struct seen *seen;
};

static bool says(const char *request, const char *path)
{
    return strstr(request, path) != NULL;
}

static void put(SSL *ssl, int fd, const char *text, size_t n)
{
    if (ssl)
        SSL_write(ssl, text, (int)n);
    else if (write(fd, text, n) < 0)
        _exit(1);
}

static void put_text(SSL *ssl, int fd, const char *text)
{
    put(ssl, fd, text, strlen(text));
}

static void put_body(SSL *ssl, int fd, size_t size)
{
    char head[80];
    char *body = malloc(size);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", size);
    put_text(ssl, fd, head);
    memset(body, 'b', size);
    put(ssl, fd, body, size);
    free(body);
}

static void put_endless_header(SSL *ssl, int fd)
{
    put_text(ssl, fd, "HTTP/1.1 200 OK\r\n");
    for (int i = 0; i < 4000; i++)
        put_text(ssl, fd, "X-Filler: 0123456789012345678901234567890123456789\r\n");
}

static void behave(SSL *ssl, int fd, const char *request)
{
    if (says(request, "/never"))
        for (;;)
            pause();
    else if (says(request, "/redirect"))
        put_text(ssl, fd, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
    else if (says(request, "/fits"))
        put_body(ssl, fd, CAP_HTTP_ANSWER);
    else if (says(request, "/long"))
        put_body(ssl, fd, CAP_HTTP_ANSWER + 1);
    else if (says(request, "/header"))
        put_endless_header(ssl, fd);
    else if (says(request, "/busy"))
        put_text(ssl, fd,
                 "HTTP/1.1 429 Too Many Requests\r\nDate: Sun, 29 Nov 2026 08:00:00 "
                 "GMT\r\nRetry-After: Sun, 29 Nov 2026 08:01:30 "
                 "GMT\r\nx-ms-request-id: one\x01two\r\nContent-Length: 0\r\n\r\n");
    else if (says(request, "/rfc850"))
        put_text(ssl, fd,
                 "HTTP/1.1 200 OK\r\nDate: Sunday, 29-Nov-26 08:00:00 GMT\r\n"
                 "Retry-After: Sun Nov 29 08:02:00 2026\r\nContent-Length: 0\r\n\r\n");
    else if (says(request, "/undated"))
        put_text(ssl, fd,
                 "HTTP/1.1 200 OK\r\nDate: Sun, 29 Nov 2026 08:00:00 GMT+1\r\n"
                 "Content-Length: 0\r\n\r\n");
    else if (says(request, "/half"))
        put_text(ssl, fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf");
    else if (says(request, "/garbage"))
        put_text(ssl, fd, "220 mail.example.net ESMTP\r\n");
    else
        put_text(ssl, fd, "HTTP/1.1 200 OK\r\nRetry-After: 60\r\nContent-Length: 5\r\n\r\nhello");
}

/* ---- bodies of any length ---- */

/* Reads so many octets of the body, of which the request has the first. */
static bool sink(SSL *ssl, struct seen *seen, const char *first, size_t had, uint64_t octets)
{
    char chunk[16384];
    for (size_t i = 0; i < had; i++)
        seen->sum += (unsigned char)first[i];
    seen->octets += had;
    while (had < octets) {
        int n = SSL_read(ssl, chunk, sizeof chunk);
        if (n <= 0)
            return false;
        for (int i = 0; i < n; i++)
            seen->sum += (unsigned char)chunk[i];
        seen->octets += (uint64_t)n;
        had += (size_t)n;
    }
    return true;
}

/* The path says how far the body is read, and what comes then. */
static void behave_to_stream(SSL *ssl, struct seen *seen, char *request, size_t n)
{
    const char *body = strstr(request, "\r\n\r\n") + 4;
    uint64_t size = strtoull(strcasestr(request, "content-length:") + 15, NULL, 10);
    size_t had = n - (size_t)(body - request);
    if (says(request, "/stream-early")) {
        put_text(ssl, -1, "HTTP/1.1 413 Too Large\r\nContent-Length: 0\r\n\r\n");
        sink(ssl, seen, body, had, size);
        return;
    }
    if (!sink(ssl, seen, body, had, says(request, "/stream-cut") ? size / 2 : size))
        return;
    if (says(request, "/stream-half"))
        put_text(ssl, -1, "HTTP/1.1 200 OK\r\nrequest-id: 4712\r\nContent-Length: 100\r\n\r\nhalf");
    else if (says(request, "/stream-long"))
        put_body(ssl, -1, CAP_HTTP_ANSWER + 1);
    else if (says(request, "/stream-header"))
        put_endless_header(ssl, -1);
    else if (says(request, "/stream-meanwhile"))
        put_text(ssl, -1, "HTTP/1.1 102 Processing\r\n\r\n");
    else if (says(request, "/stream-kept"))
        put_text(ssl, -1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    else if (says(request, "/stream-whole"))
        put_text(ssl, -1,
                 "HTTP/1.1 202 Accepted\r\nrequest-id: 4711\r\nContent-Length: 0\r\n"
                 "Connection: close\r\n\r\n");
}

/* True: the head and the body that it announces are there. */
static bool is_whole(const char *request)
{
    const char *end = strstr(request, "\r\n\r\n"), *length = strcasestr(request, "content-length:");
    return end && strlen(end + 4) >= (length ? strtoul(length + 15, NULL, 10) : 0);
}

static bool is_stream(const char *request)
{
    return says(request, "/stream") && strstr(request, "\r\n\r\n");
}

/* Reads one request, or as much of it as comes before a body of any length. Returns its octets. */
static size_t read_request(SSL *ssl, int fd, char *request, size_t size)
{
    size_t n = 0;
    request[0] = 0;
    while (!is_whole(request) && !is_stream(request)) {
        ssize_t got = ssl ? SSL_read(ssl, request + n, (int)(size - n - 1))
                          : read(fd, request + n, size - n - 1);
        if (got <= 0)
            _exit(0);
        n += (size_t)got;
        request[n] = 0;
    }
    return n;
}

static void converse(struct seen *seen, SSL_CTX *ctx, int fd, const char *peer)
{
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    SSL *ssl = ctx ? SSL_new(ctx) : NULL;
    char request[4096];
    if (ssl && (SSL_set_fd(ssl, fd) != 1 || SSL_accept(ssl) != 1))
        _exit(0);
    do {
        size_t n = read_request(ssl, fd, request, sizeof request);
        int i = __atomic_fetch_add(&seen->n, 1, __ATOMIC_SEQ_CST);
        if (i < SEEN) {
            strcpy(seen->requests[i], request);
            strcpy(seen->peers[i], peer);
        }
        if (is_stream(request))
            behave_to_stream(ssl, seen, request, n);
        else
            behave(ssl, fd, request);
    } while (says(request, "/stream-kept"));
    if (ssl && !is_stream(request))
        SSL_shutdown(ssl);
    _exit(0);
}

static void serve(struct seen *seen, SSL_CTX *ctx, int listening)
{
    signal(SIGCHLD, SIG_IGN);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (;;) {
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        char peer[64];
        int fd = accept(listening, (struct sockaddr *)&from, &size);
        if (fd < 0)
            continue;
        inet_ntop(AF_INET, &from.sin_addr, peer, sizeof peer);
        if (fork() == 0)
            converse(seen, ctx, fd, peer);
        close(fd);
    }
}

/* Takes none of them. */
static int note_protocols(SSL *ssl, const unsigned char **out, unsigned char *out_len,
                          const unsigned char *in, unsigned in_len, void *arg)
{
    struct seen *seen = arg;
    (void)ssl;
    (void)out;
    (void)out_len;
    memcpy(seen->protocols, in, in_len < 63 ? in_len : 63);
    return SSL_TLSEXT_ERR_NOACK;
}

static SSL_CTX *server_context(const struct certificate *c, struct seen *seen)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = certify(c, key, false);
    assert_true(SSL_CTX_use_certificate(ctx, x) == 1 && SSL_CTX_use_PrivateKey(ctx, key) == 1);
    X509_free(x);
    EVP_PKEY_free(key);
    SSL_CTX_set_alpn_select_cb(ctx, note_protocols, seen);
    return ctx;
}

/* In a process group of its own, so that all its conversations end with it. c NULL: without TLS. */
static void server_start(struct smtp_server *s, const struct certificate *c)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof at;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    s->seen =
        mmap(NULL, sizeof *s->seen, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(s->seen != MAP_FAILED);
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 256), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&at, &size), 0);
    s->port = ntohs(at.sin_port);
    SSL_CTX *ctx = c ? server_context(c, s->seen) : NULL;
    fflush(NULL);
    s->pid = fork();
    if (s->pid == 0) {
        setpgid(0, 0);
        serve(s->seen, ctx, fd);
    }
    setpgid(s->pid, s->pid);
    SSL_CTX_free(ctx);
    close(fd);
}

static void server_stop(struct smtp_server *s)
{
    kill(-s->pid, SIGKILL);
    waitpid(s->pid, NULL, 0);
    munmap(s->seen, sizeof *s->seen);
}

static const struct certificate sound = {
    .names = "DNS:localhost,IP:127.0.0.1", .common_name = "token", .from = -1, .until = 1};

#endif

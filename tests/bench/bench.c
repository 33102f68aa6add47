#include "bench/bench.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

void die(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void *must_alloc(size_t size)
{
    void *memory = calloc(1, size);
    if (!memory)
        die("no memory for %zu bytes", size);
    return memory;
}

void *must_grow(void *old, size_t size)
{
    void *memory = realloc(old, size);
    if (!memory)
        die("no memory for %zu bytes", size);
    return memory;
}

const char *arg_text(int argc, char **argv, const char *name, const char *otherwise)
{
    for (int i = 1; i + 1 < argc; i += 2)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return otherwise;
}

long arg_number(int argc, char **argv, const char *name, long otherwise)
{
    const char *text = arg_text(argc, argv, name, NULL);
    if (!text)
        return otherwise;
    char *end;
    errno = 0;
    long value = strtol(text, &end, 10);
    if (errno || *end || end == text || value < 0)
        die("%s: \"%s\" is not a number", name, text);
    return value;
}

void args_check(int argc, char **argv, const char *const *names)
{
    if (argc % 2 == 0)
        die("arguments come in pairs: --name value");
    for (int i = 1; i < argc; i += 2) {
        const char *const *n = names;
        while (*n && strcmp(*n, argv[i]) != 0)
            n++;
        if (!*n)
            die("unknown argument %s", argv[i]);
    }
}

struct sockaddr_in endpoint(const char *text)
{
    struct sockaddr_in a = {.sin_family = AF_INET};
    char host[64];
    unsigned port;
    if (!text || sscanf(text, "%63[0-9.]:%u", host, &port) != 2 || port > 65535 ||
        inet_pton(AF_INET, host, &a.sin_addr) != 1)
        die("not an address with a port: %s", text ? text : "(none)");
    a.sin_port = htons((uint16_t)port);
    return a;
}

int listen_on(uint16_t port, uint16_t *port_r)
{
    struct sockaddr_in a = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof a;
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) != 0 ||
        bind(fd, (struct sockaddr *)&a, sizeof a) != 0 || listen(fd, 4096) != 0 ||
        getsockname(fd, (struct sockaddr *)&a, &len) != 0)
        die("cannot listen on 127.0.0.1:%u: %s", port, strerror(errno));
    *port_r = ntohs(a.sin_port);
    return fd;
}

static void no_nagle(int fd)
{
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

int accept_one(int listener)
{
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd >= 0)
        no_nagle(fd);
    else if (errno == EMFILE || errno == ENFILE)
        die("out of descriptors");
    return fd;
}

int connect_to(const struct sockaddr_in *to, unsigned source_index)
{
    int on = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        die("socket: %s", strerror(errno));
    no_nagle(fd);
    if (source_index) {
        struct sockaddr_in from = {.sin_family = AF_INET,
                                   .sin_addr.s_addr =
                                       htonl(INADDR_LOOPBACK + 1 + source_index % 250)};
        setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
        if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0)
            die("bind: %s", strerror(errno));
    }
    if (connect(fd, (const struct sockaddr *)to, sizeof *to) != 0 && errno != EINPROGRESS)
        die("connect: %s", strerror(errno));
    return fd;
}

void raise_descriptor_limit(void)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
        limit.rlim_cur = limit.rlim_max;
        setrlimit(RLIMIT_NOFILE, &limit);
    }
}

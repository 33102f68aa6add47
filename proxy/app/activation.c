#include "app/activation.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/mem.h"
#include "config/config.h"

enum { FIRST_PASSED = 3 };

/* Accepts digits only, because another program set the variable. */
static long number_of(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    if (!text || *text < '0' || *text > '9')
        return -1;
    long n = strtol(text, &end, 10);
    return *end ? -1 : n;
}

/* Takes the next name between colons. Where there is none it is "unknown", as systemd says
 * itself. */
static char *next_name(const char **names)
{
    size_t n = strcspn(*names, ":");
    char *name = n ? mem_copy(*names, n) : mem_string("unknown");
    *names += n;
    if (**names == ':')
        (*names)++;
    return name;
}

struct passed_sockets passed_sockets_take(void)
{
    struct passed_sockets sockets = {0};
    const char *names = getenv("LISTEN_FDNAMES");
    long n = number_of("LISTEN_PID") == (long)getpid() ? number_of("LISTEN_FDS") : 0;
    names = names ? names : "";
    for (int fd = FIRST_PASSED; fd < FIRST_PASSED + CAP_PASSED_SOCKETS && fd < FIRST_PASSED + n;
         fd++) {
        char *name = next_name(&names);
        if (fcntl(fd, F_SETFD, FD_CLOEXEC) != 0) {
            free(name);
            continue;
        }
        sockets.items = mem_resize(sockets.items, (sockets.n + 1) * sizeof *sockets.items);
        sockets.items[sockets.n++] = (struct passed_socket){fd, name};
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
    return sockets;
}

void passed_sockets_free(struct passed_sockets *sockets)
{
    for (size_t i = 0; i < sockets->n; i++) {
        close(sockets->items[i].fd);
        free(sockets->items[i].name);
    }
    free(sockets->items);
    *sockets = (struct passed_sockets){0};
}

static const struct listen_config *owner_by(const char *name, const struct config *config)
{
    for (size_t i = 0; i < config->nlistens; i++)
        for (size_t k = 0; k < config->listens[i].address.passed.n; k++)
            if (strcmp(config->listens[i].address.passed.items[k], name) == 0)
                return &config->listens[i];
    return NULL;
}

const struct listen_config *passed_socket_owner(const struct passed_socket *socket,
                                                const struct config *config)
{
    const struct listen_config *owner = owner_by(socket->name, config);
    return owner ? owner : owner_by("", config);
}

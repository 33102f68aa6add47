#include "app/listeners.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app/activation.h"
#include "app/port_holder.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/listener.h"
#include "relay/relay.h"

struct open_listener {
    struct link link;
    struct listeners *owner;
    /* The name of its section. */
    char *name;
    /* As configured. With port 0 the system chooses the port. */
    struct addr asked;
    /* NULL, or a socket that a service manager made, instead of `asked`. */
    const struct passed_socket *passed;
    struct listener *listener;
    bool wanted, fresh;
};

struct listeners {
    const struct io *io;
    struct relay *relay;
    struct link entries;
    struct passed_sockets passed;
};

struct listeners *listeners_new(const struct io *io)
{
    struct listeners *l = NEW(struct listeners);
    l->io = io;
    l->passed = passed_sockets_take();
    link_init(&l->entries);
    return l;
}

static void entry_free(struct open_listener *e)
{
    link_remove(&e->link);
    listener_close(&e->listener);
    free(e->name);
    free(e);
}

void listeners_free(struct listeners **listeners)
{
    if (!*listeners)
        return;
    LIST_EACH (&(*listeners)->entries, it)
        entry_free(CONTAINER(it, struct open_listener, link));
    passed_sockets_free(&(*listeners)->passed);
    free(*listeners);
    *listeners = NULL;
}

static void accepted(void *ctx, struct transport *t)
{
    struct open_listener *e = ctx;
    relay_accept(e->owner->relay, e->name, t);
}

static struct open_listener *find(struct listeners *l, const struct addr *asked)
{
    LIST_EACH (&l->entries, it) {
        struct open_listener *e = CONTAINER(it, struct open_listener, link);
        if (!e->passed && addr_equal(&e->asked, asked) && e->asked.port == asked->port &&
            !e->wanted)
            return e;
    }
    return NULL;
}

static struct open_listener *find_passed(struct listeners *l, const struct passed_socket *socket)
{
    LIST_EACH (&l->entries, it)
        if (CONTAINER(it, struct open_listener, link)->passed == socket)
            return CONTAINER(it, struct open_listener, link);
    return NULL;
}

const char *listeners_advice(const struct addr *at, const struct err *why)
{
    if (why->kind == ERR_PERMISSION && at->port < 1024)
        return ". A port below 1024 needs a right: start as root (the server gives root up), or "
               "`setcap cap_net_bind_service=+ep` on the program, or "
               "AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit";
    if (why->kind == ERR_UNREACHABLE)
        return ". This machine has no such address: `ip addr` shows those it has";
    return why->kind == ERR_IN_USE ? ". Another program listens there: `ss -ltnp` shows which" : "";
}

static void explain(const struct listen_config *config, const struct addr *at,
                    const struct err *why, struct err *err)
{
    char address[ADDR_TEXT], words[64];
    struct port_holder holder;
    addr_text_with_port(at, address);
    if (why->kind == ERR_IN_USE && port_holder_find(at, &holder) && holder.pid)
        err_set(err, why->kind, "[listen %s] address %s: %s. Another program listens there: %s",
                config->name, address, why->words, port_holder_words(&holder, words));
    else
        err_set(err, why->kind, "[listen %s] address %s: %s%s", config->name, address, why->words,
                listeners_advice(at, why));
}

static struct open_listener *entry_new(struct listeners *l)
{
    struct open_listener *e = NEW(struct open_listener);
    e->owner = l;
    e->wanted = e->fresh = true;
    link_init(&e->link);
    return e;
}

static void enlist(struct listeners *l, struct open_listener *e, const struct listen_config *config)
{
    char address[ADDR_TEXT];
    e->name = mem_string(config->name);
    list_push_back(&l->entries, &e->link);
    log_event(l->io->log, LOG_INFO, "listening", log_str("listener", e->name),
              log_str("address", addr_text_with_port(listener_address(e->listener), address)),
              log_str("socket", e->passed ? e->passed->name : "own"));
}

/* Returns 0 if it was opened, or skipped with a warning. */
static int open_entry(struct listeners *l, const struct listen_config *config,
                      const struct addr *at, struct err *err)
{
    struct open_listener *e = entry_new(l);
    struct err why = {0};
    char address[ADDR_TEXT];
    e->asked = *at;
    e->listener = listener_open(l->io->loop, at, accepted, e, &why);
    if (!e->listener) {
        free(e);
        if (config->address_is_default && at->family == ADDR_V6 && why.kind == ERR_UNREACHABLE) {
            log_say(l->io->log, LOG_WARN, "not listening on %s: this host has no IPv6 (%s)",
                    addr_text_with_port(at, address), why.words);
            return 0;
        }
        explain(config, at, &why, err);
        return -1;
    }
    enlist(l, e, config);
    return 0;
}

/* A copy of the socket listens for us. The socket itself is kept for a reload that wants it again.
 * Clients that come meanwhile wait in its queue. */
static int open_passed(struct listeners *l, const struct listen_config *config,
                       const struct passed_socket *socket, struct err *err)
{
    struct open_listener *e = entry_new(l);
    struct err why = {0};
    int fd = fcntl(socket->fd, F_DUPFD_CLOEXEC, 0);
    if (fd < 0)
        err_set_errno(&why, errno, "passed socket");
    else if (!(e->listener = listener_adopt(l->io->loop, fd, accepted, e, &why)))
        close(fd);
    if (!e->listener) {
        free(e);
        err_set(err, why.kind, "[listen %s] address systemd, socket %s: %s", config->name,
                socket->name, why.words);
        return -1;
    }
    e->passed = socket;
    enlist(l, e, config);
    return 0;
}

static void drop_unwanted(struct listeners *l, bool fresh_too)
{
    LIST_EACH (&l->entries, it) {
        struct open_listener *e = CONTAINER(it, struct open_listener, link);
        char address[ADDR_TEXT];
        if (fresh_too ? !e->fresh : e->wanted)
            continue;
        log_event(l->io->log, LOG_INFO, "no longer listening", log_str("listener", e->name),
                  log_str("address", addr_text_with_port(listener_address(e->listener), address)));
        entry_free(e);
    }
}

static const struct listen_config *section_of(const struct config *config, const struct addr *asked)
{
    for (size_t i = 0; i < config->nlistens; i++)
        for (size_t k = 0; k < config->listens[i].address.n; k++) {
            const struct addr *at = &config->listens[i].address.items[k];
            if (addr_equal(at, asked) && at->port == asked->port)
                return &config->listens[i];
        }
    return NULL;
}

/* Names may have moved between sections. An entry gets the name of the section that has its address
 * now. */
static void rename_entries(struct listeners *l, const struct config *config)
{
    LIST_EACH (&l->entries, it) {
        struct open_listener *e = CONTAINER(it, struct open_listener, link);
        const struct listen_config *section =
            e->passed ? passed_socket_owner(e->passed, config) : section_of(config, &e->asked);
        if (section && strcmp(e->name, section->name) != 0) {
            free(e->name);
            e->name = mem_string(section->name);
        }
    }
}

/* Returns whether a socket was passed for `systemd` or `systemd:NAME` of this section. */
static bool was_passed(const struct listeners *l, const struct config *config,
                       const struct listen_config *section, const char *name)
{
    for (size_t i = 0; i < l->passed.n; i++)
        if (*name ? strcmp(l->passed.items[i].name, name) == 0
                  : passed_socket_owner(&l->passed.items[i], config) == section)
            return true;
    return false;
}

static int check_passed(const struct listeners *l, const struct config *config, struct err *err)
{
    for (size_t i = 0; i < config->nlistens; i++)
        for (size_t k = 0; k < config->listens[i].address.passed.n; k++) {
            const struct listen_config *section = &config->listens[i];
            const char *name = section->address.passed.items[k];
            if (was_passed(l, config, section, name))
                continue;
            err_set(
                err, ERR_NOT_FOUND,
                "[listen %s] address systemd%s%s: no such socket was passed to this program. A "
                "systemd socket unit must have started it "
                "(`systemctl start smtp-detour.socket`), and its FileDescriptorName is the NAME",
                section->name, *name ? ":" : "", name);
            return -1;
        }
    return 0;
}

static int apply_passed(struct listeners *l, const struct config *config, struct err *err)
{
    for (size_t i = 0; i < l->passed.n; i++) {
        const struct passed_socket *socket = &l->passed.items[i];
        const struct listen_config *section = passed_socket_owner(socket, config);
        struct open_listener *known = find_passed(l, socket);
        if (!section)
            log_say(l->io->log, LOG_WARN,
                    "no [listen] uses the passed socket %s: none has address = systemd:%s",
                    socket->name, socket->name);
        else if (known)
            known->wanted = true;
        else if (open_passed(l, section, socket, err) != 0)
            return -1;
    }
    return 0;
}

static int apply_addresses(struct listeners *l, const struct config *config, struct err *err)
{
    for (size_t i = 0; i < config->nlistens; i++) {
        const struct listen_config *section = &config->listens[i];
        for (size_t k = 0; k < section->address.n; k++) {
            struct open_listener *known = find(l, &section->address.items[k]);
            if (known)
                known->wanted = true;
            else if (open_entry(l, section, &section->address.items[k], err) != 0)
                return -1;
        }
    }
    return 0;
}

int listeners_apply(struct listeners *l, const struct config *config, struct err *err)
{
    LIST_EACH (&l->entries, it)
        CONTAINER(it, struct open_listener, link)->wanted =
            CONTAINER(it, struct open_listener, link)->fresh = false;
    if (check_passed(l, config, err) != 0)
        return -1;
    if (apply_addresses(l, config, err) != 0 || apply_passed(l, config, err) != 0) {
        drop_unwanted(l, true);
        return -1;
    }
    drop_unwanted(l, false);
    rename_entries(l, config);
    return 0;
}

void listeners_set_relay(struct listeners *l, struct relay *relay)
{
    l->relay = relay;
}

size_t listeners_count(const struct listeners *l)
{
    size_t n = 0;
    LIST_EACH (&l->entries, it)
        n++;
    return n;
}

const struct addr *listeners_address(const struct listeners *l, size_t index)
{
    LIST_EACH (&l->entries, it)
        if (index-- == 0)
            return listener_address(CONTAINER(it, struct open_listener, link)->listener);
    return NULL;
}

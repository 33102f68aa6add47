#include "app/listeners.h"

#include <stdlib.h>
#include <string.h>

#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"
#include "io/listener.h"
#include "relay/relay.h"

struct entry {
    struct link link;
    struct listeners *owner;
    char *name;            /* of its section */
    struct addr asked;     /* as configured; port 0 finds its own */
    struct listener *listener;
    bool wanted, fresh;
};

struct listeners {
    const struct io *io;
    struct relay *relay;
    struct link entries;
};

struct listeners *listeners_new(const struct io *io)
{
    struct listeners *l = NEW(struct listeners);
    l->io = io;
    link_init(&l->entries);
    return l;
}

static void entry_free(struct entry *e)
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
    LIST_EACH(&(*listeners)->entries, it)
        entry_free(CONTAINER(it, struct entry, link));
    free(*listeners);
    *listeners = NULL;
}

static void accepted(void *ctx, struct transport *t)
{
    struct entry *e = ctx;
    relay_accept(e->owner->relay, e->name, t);
}

static struct entry *find(struct listeners *l, const struct addr *asked)
{
    LIST_EACH(&l->entries, it) {
        struct entry *e = CONTAINER(it, struct entry, link);
        if (addr_equal(&e->asked, asked) && e->asked.port == asked->port && !e->wanted)
            return e;
    }
    return NULL;
}

const char *listeners_advice(const struct addr *at, const struct err *why)
{
    if (why->kind == ERR_PERMISSION && at->port < 1024)
        return ". A port below 1024 needs a right: start as root (the server gives root up), or "
               "`setcap cap_net_bind_service=+ep` on the program, or AmbientCapabilities=CAP_NET_BIND_SERVICE in a systemd unit";
    return strstr(why->words, "in use") ? ". Another program listens there: `ss -ltnp` shows which" : "";
}

static void explain(const struct listen_config *config, const struct addr *at, const struct err *why, struct err *err)
{
    char address[ADDR_TEXT];
    err_set(err, why->kind, "[listen %s] address %s: %s%s", config->name, addr_text_with_port(at, address), why->words,
            listeners_advice(at, why));
}

/* 0: opened, or skipped with a warning. */
static int open_entry(struct listeners *l, const struct listen_config *config, const struct addr *at, struct err *err)
{
    struct entry *e = NEW(struct entry);
    struct err why = {0};
    char address[ADDR_TEXT];
    e->owner = l;
    e->asked = *at;
    e->wanted = e->fresh = true;
    link_init(&e->link);
    e->listener = listener_open(l->io->loop, at, accepted, e, &why);
    if (!e->listener) {
        free(e);
        if (config->address_is_default && at->family == ADDR_V6 && why.kind == ERR_UNREACHABLE) {
            log_say(l->io->log, LOG_WARN, "not listening on %s: this host has no IPv6 (%s)", addr_text_with_port(at, address), why.words);
            return 0;
        }
        explain(config, at, &why, err);
        return -1;
    }
    e->name = mem_string(config->name);
    list_push_back(&l->entries, &e->link);
    log_event(l->io->log, LOG_INFO, "listening", log_str("listener", e->name),
              log_str("address", addr_text_with_port(listener_address(e->listener), address)));
    return 0;
}

static void drop_unwanted(struct listeners *l, bool fresh_too)
{
    LIST_EACH(&l->entries, it) {
        struct entry *e = CONTAINER(it, struct entry, link);
        char address[ADDR_TEXT];
        if (fresh_too ? !e->fresh : e->wanted)
            continue;
        log_event(l->io->log, LOG_INFO, "no longer listening", log_str("listener", e->name),
                  log_str("address", addr_text_with_port(listener_address(e->listener), address)));
        entry_free(e);
    }
}

/* Names may have moved between sections: an entry follows the section that has its address now. */
static void rename_entries(struct listeners *l, const struct config *config)
{
    LIST_EACH(&l->entries, it) {
        struct entry *e = CONTAINER(it, struct entry, link);
        for (size_t i = 0; i < config->nlistens; i++)
            for (size_t k = 0; k < config->listens[i].address.n; k++) {
                const struct addr *at = &config->listens[i].address.items[k];
                if (addr_equal(at, &e->asked) && at->port == e->asked.port && strcmp(e->name, config->listens[i].name) != 0) {
                    free(e->name);
                    e->name = mem_string(config->listens[i].name);
                }
            }
    }
}

int listeners_apply(struct listeners *l, const struct config *config, struct err *err)
{
    LIST_EACH(&l->entries, it)
        CONTAINER(it, struct entry, link)->wanted = CONTAINER(it, struct entry, link)->fresh = false;
    for (size_t i = 0; i < config->nlistens; i++) {
        const struct listen_config *section = &config->listens[i];
        for (size_t k = 0; k < section->address.n; k++) {
            struct entry *known = find(l, &section->address.items[k]);
            if (known) {
                known->wanted = true;
                continue;
            }
            if (open_entry(l, section, &section->address.items[k], err) != 0) {
                drop_unwanted(l, true);
                return -1;
            }
        }
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
    LIST_EACH(&l->entries, it)
        n++;
    return n;
}

const struct addr *listeners_address(const struct listeners *l, size_t index)
{
    LIST_EACH(&l->entries, it)
        if (index-- == 0)
            return listener_address(CONTAINER(it, struct entry, link)->listener);
    return NULL;
}

/* Who may send through this machine, and the addresses on which it listens for them. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/setup_allow.h"
#include "app/setup_state.h"
#include "app/status.h"
#include "base/caps.h"
#include "base/mem.h"
#include "base/units.h"

#define LOOPBACK_NETWORKS "127.0.0.0/8 ::1/128"
enum { LIST_TEXT = 2000 };

static void add(char *list, const char *item)
{
    size_t len = strlen(list);
    snprintf(list + len, LIST_TEXT - len, "%s%s", len ? " " : "", item);
}

/* Adds an address with the port that is free there, and says where it is not 25. */
static void add_listener(char *list, struct addr at, bool *moved)
{
    char holder[64], text[ADDR_TEXT];
    at.port = listen_port_find(&at, holder);
    add(list, addr_text_with_port(&at, text));
    if (!holder[0])
        return;
    *moved = true;
    printf("Port 25 of this machine is held by %s, so smtp-detour will listen on %s.\n", holder,
           text);
}

/* The addresses of loopback, and those of this machine that lie in one of the networks. Returns
 * how many of the latter there are. */
static size_t listen_for(const struct network *networks, size_t n, char *list, bool *moved)
{
    struct neighbours around[NEIGHBOURS_MOST];
    size_t found = neighbours_find(around), beyond = 0;
    struct addr loopback;
    list[0] = 0;
    *moved = false;
    if (addr_parse(slice_of("127.0.0.1"), &loopback))
        add_listener(list, loopback, moved);
    if (loopback_has_v6() && addr_parse(slice_of("::1"), &loopback))
        add_listener(list, loopback, moved);
    for (size_t i = 0; i < found; i++)
        for (size_t k = 0; k < n; k++)
            if (network_contains(&networks[k], &around[i].here)) {
                add_listener(list, around[i].here, moved);
                beyond++;
                break;
            }
    return beyond;
}

/* Reads a list of networks; false: it is none. Loopback is no network beyond this machine. */
static bool parse_networks(const char *text, struct network *out, size_t most, size_t *n_r)
{
    char *copy = mem_string(text), *rest = NULL;
    bool ok = true;
    *n_r = 0;
    for (char *w = strtok_r(copy, " ,", &rest); ok && w; w = strtok_r(NULL, " ,", &rest)) {
        ok = *n_r < most && network_parse(slice_of(w), &out[*n_r]);
        if (ok && !addr_is_loopback(&out[*n_r].base))
            ++*n_r;
    }
    free(copy);
    return ok;
}

/* The defaults are not written; nobody else is let in without being asked for. */
static int take(struct setup *s, const char *networks_text)
{
    struct network networks[NEIGHBOURS_MOST];
    char list[LIST_TEXT], allow[LIST_TEXT] = LOOPBACK_NETWORKS;
    size_t n;
    bool moved;
    if (!parse_networks(networks_text, networks, NEIGHBOURS_MOST, &n))
        return setup_fail(EXIT_USAGE, "\"%s\" is no list of networks, such as 192.168.1.0/24",
                          networks_text);
    size_t beyond = s->given_listen ? n : listen_for(networks, n, list, &moved);
    if (n && !beyond)
        return setup_fail(EXIT_USAGE,
                          "this machine has no address in %s: say with --listen where it listens "
                          "for them",
                          networks_text);
    for (size_t i = 0; i < n; i++) {
        char text[ADDR_TEXT];
        add(allow, network_text(&networks[i], text));
    }
    if (s->given_listen)
        s->listen = mem_string(s->given_listen);
    else if (n || moved)
        s->listen = mem_string(list);
    if (n)
        s->allow = mem_string(allow);
    return EXIT_FINE;
}

static void show_choices(const struct neighbours *around, size_t n)
{
    printf("\nWho may send through it, without a password?\n"
           "  0  programs on this machine\n");
    for (size_t i = 0; i < n; i++) {
        char network[ADDR_TEXT], here[ADDR_TEXT];
        printf("  %zu  those, and the network %s (%s, where this machine is %s)\n", i + 1,
               network_text(&around[i].network, network), around[i].interface,
               addr_text(&around[i].here, here));
    }
}

/* A number of the list, or networks as in `allow`. */
static int ask_for_clients(struct setup *s)
{
    struct neighbours around[NEIGHBOURS_MOST];
    size_t n = neighbours_find(around);
    show_choices(around, n);
    for (;;) {
        char network[ADDR_TEXT] = "", *end;
        char *answer = ask_line(s->ask, "A number, or networks such as 192.168.1.0/24", "0");
        if (!answer)
            return setup_ended();
        unsigned long number = strtoul(answer, &end, 10);
        if (!*end && number > 0 && number <= n)
            network_text(&around[number - 1].network, network);
        bool is_number = !*end, is_good = number <= n;
        int status = is_number && !is_good ? EXIT_USAGE : take(s, is_number ? network : answer);
        if (is_number && !is_good)
            printf("There is no %s in the list.\n", answer);
        free(answer);
        if (status != EXIT_USAGE)
            return status;
    }
}

int setup_choose_clients(struct setup *s)
{
    if (s->given_allow)
        return take(s, s->given_allow);
    if (s->yes || s->given_listen)
        return take(s, "");
    return ask_for_clients(s);
}

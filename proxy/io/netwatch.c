#include "io/netwatch.h"

#ifdef __linux__

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/loop_ev.h"

enum { READS_PER_TURN = 32 };

/* The time from the first change of a burst until it is reported. */
static const usec patience = 2 * USEC_PER_SEC;

/* An address of this machine or a default route: the parts of what counts as "the network". A
 * refreshed lifetime announces a place that we know already. */
struct net_place {
    /* RTM_NEWADDR or RTM_NEWROUTE. */
    uint8_t kind;
    uint8_t family;
    /* The address, or the gateway. */
    uint8_t bytes[16];
    /* A route uses this local address. */
    uint8_t source[16];
    uint32_t interface;
    uint32_t priority;
};

/* At the start it learns what there is, which is no change. */
enum inventory { LISTING_ADDRESSES, LISTING_ROUTES, LISTED };

struct netwatch {
    struct loop *loop;
    ev_io watcher;
    int fd;
    enum inventory inventory;
    struct timer *burst;
    void (*changed)(void *ctx);
    void *ctx;
    struct net_place places[CAP_NETWATCH_PLACES];
    size_t nplaces;
};

static bool ask_for(struct netwatch *w, uint16_t type)
{
    struct {
        struct nlmsghdr header;
        struct rtgenmsg body;
    } request;
    memset(&request, 0, sizeof request);
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.body);
    request.header.nlmsg_type = type;
    request.header.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
    request.body.rtgen_family = AF_UNSPEC;
    return send(w->fd, &request, request.header.nlmsg_len, MSG_NOSIGNAL) ==
           (ssize_t)request.header.nlmsg_len;
}

/* Bridges and pairs of containers come and go and do not matter to us. */
static bool is_container_device(uint32_t interface)
{
    static const char *const prefixes[] = {"lo",    "veth", "docker", "br-",
                                           "virbr", "cni",  "podman", "lxc"};
    char name[IF_NAMESIZE];
    if (!if_indextoname(interface, name))
        return false;
    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
            return true;
    return false;
}

static void take_attributes(struct net_place *place, const struct rtattr *a, size_t left,
                            unsigned bytes_type, unsigned second_type)
{
    for (; left >= sizeof *a && a->rta_len >= sizeof *a && a->rta_len <= left;
         left -= RTA_ALIGN(a->rta_len) < left ? RTA_ALIGN(a->rta_len) : left,
         a = (const void *)((const char *)a + RTA_ALIGN(a->rta_len))) {
        size_t len = a->rta_len - RTA_LENGTH(0);
        const void *data = (const char *)a + RTA_LENGTH(0);
        if ((a->rta_type == bytes_type || a->rta_type == second_type) && len <= sizeof place->bytes)
            memcpy(place->bytes, data, len);
        else if (place->kind == RTM_NEWROUTE && a->rta_type == RTA_PREFSRC &&
                 len <= sizeof place->source)
            memcpy(place->source, data, len);
        else if (place->kind == RTM_NEWROUTE && a->rta_type == RTA_OIF && len == 4)
            memcpy(&place->interface, data, 4);
        else if (place->kind == RTM_NEWROUTE && a->rta_type == RTA_PRIORITY && len == 4)
            memcpy(&place->priority, data, 4);
    }
}

static bool place_of_address(const struct nlmsghdr *h, struct net_place *place)
{
    const struct ifaddrmsg *m = NLMSG_DATA(h);
    if (h->nlmsg_len < NLMSG_LENGTH(sizeof *m))
        return false;
    place->kind = RTM_NEWADDR;
    place->family = m->ifa_family;
    place->interface = m->ifa_index;
    take_attributes(place, (const void *)((const char *)m + NLMSG_ALIGN(sizeof *m)),
                    h->nlmsg_len - NLMSG_SPACE(sizeof *m), IFA_ADDRESS, IFA_ADDRESS);
    return true;
}

static bool place_of_route(const struct nlmsghdr *h, struct net_place *place)
{
    const struct rtmsg *m = NLMSG_DATA(h);
    if (h->nlmsg_len < NLMSG_LENGTH(sizeof *m) || m->rtm_dst_len != 0 ||
        m->rtm_table != RT_TABLE_MAIN || m->rtm_type != RTN_UNICAST)
        return false;
    place->kind = RTM_NEWROUTE;
    place->family = m->rtm_family;
    take_attributes(place, (const void *)((const char *)m + NLMSG_ALIGN(sizeof *m)),
                    h->nlmsg_len - NLMSG_SPACE(sizeof *m), RTA_GATEWAY, RTA_GATEWAY);
    return true;
}

static void drop_place(struct netwatch *w, size_t at)
{
    w->nplaces--;
    memmove(&w->places[at], &w->places[at + 1], (w->nplaces - at) * sizeof w->places[at]);
}

/* Returns true if this is a change. A full table forgets the oldest place, whose next announcement
 * is one false alarm. */
static bool take_in(struct netwatch *w, const struct net_place *place, bool gone)
{
    size_t at = 0;
    while (at < w->nplaces && memcmp(&w->places[at], place, sizeof *place) != 0)
        at++;
    bool known = at < w->nplaces;
    if (known == !gone)
        return false;
    if (known || w->nplaces == CAP_NETWATCH_PLACES)
        drop_place(w, known ? at : 0);
    if (!gone)
        w->places[w->nplaces++] = *place;
    return true;
}

/* The kernel does not announce the end of a route that another one replaces. */
static void forget_replaced(struct netwatch *w, const struct net_place *by)
{
    for (size_t i = w->nplaces; i-- > 0;) {
        const struct net_place *p = &w->places[i];
        if (p->kind == RTM_NEWROUTE && p->family == by->family && p->priority == by->priority &&
            memcmp(p, by, sizeof *p) != 0)
            drop_place(w, i);
    }
}

static void note_change(struct netwatch *w)
{
    if (w->inventory == LISTED && !timer_is_armed(w->burst))
        timer_arm(w->burst, patience);
}

/* The kernel does not report IPv4 routes that vanish because their interface went down. */
static void take_link(struct netwatch *w, const struct nlmsghdr *h)
{
    const struct ifinfomsg *m = NLMSG_DATA(h);
    if (h->nlmsg_len < NLMSG_LENGTH(sizeof *m) ||
        (h->nlmsg_type == RTM_NEWLINK && (m->ifi_flags & IFF_UP)))
        return;
    for (size_t i = w->nplaces; i-- > 0;)
        if (w->places[i].kind == RTM_NEWROUTE && w->places[i].interface == (uint32_t)m->ifi_index) {
            drop_place(w, i);
            note_change(w);
        }
}

static void take_message(struct netwatch *w, const struct nlmsghdr *h)
{
    struct net_place place;
    bool usable = false, gone = h->nlmsg_type == RTM_DELADDR || h->nlmsg_type == RTM_DELROUTE;
    /* Clears the padding, too, because places are compared as bytes. */
    memset(&place, 0, sizeof place);
    if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR) {
        if (w->inventory == LISTING_ADDRESSES)
            w->inventory = ask_for(w, RTM_GETROUTE) ? LISTING_ROUTES : LISTED;
        else
            w->inventory = LISTED;
        return;
    }
    if (h->nlmsg_type == RTM_NEWLINK || h->nlmsg_type == RTM_DELLINK)
        take_link(w, h);
    else if (h->nlmsg_type == RTM_NEWADDR || h->nlmsg_type == RTM_DELADDR)
        usable = place_of_address(h, &place);
    else if (h->nlmsg_type == RTM_NEWROUTE || h->nlmsg_type == RTM_DELROUTE)
        usable = place_of_route(h, &place);
    if (usable && h->nlmsg_type == RTM_NEWROUTE && (h->nlmsg_flags & NLM_F_REPLACE))
        forget_replaced(w, &place);
    if (usable && (gone || !is_container_device(place.interface)) && take_in(w, &place, gone))
        note_change(w);
}

static void on_news(struct ev_loop *ev, ev_io *watcher, int events)
{
    struct netwatch *w = CONTAINER(watcher, struct netwatch, watcher);
    union {
        /* It is here for the alignment. */
        struct nlmsghdr header;
        char bytes[16384];
    } news;
    (void)ev;
    (void)events;
    for (int i = 0; i < READS_PER_TURN; i++) {
        ssize_t n = recv(w->fd, &news, sizeof news, 0);
        /* The kernel had to drop messages. */
        if (n < 0 && errno == ENOBUFS) {
            note_change(w);
            continue;
        }
        if (n <= 0)
            return;
        size_t left = (size_t)n;
        for (const struct nlmsghdr *h = &news.header;
             left >= sizeof *h && h->nlmsg_len >= sizeof *h && h->nlmsg_len <= left;) {
            take_message(w, h);
            size_t step = NLMSG_ALIGN(h->nlmsg_len);
            if (step >= left)
                break;
            left -= step;
            h = (const void *)((const char *)h + step);
        }
    }
}

static void on_burst(void *arg)
{
    struct netwatch *w = arg;
    w->changed(w->ctx);
}

struct netwatch *netwatch_new(struct loop *loop, void (*changed)(void *ctx), void *ctx)
{
    struct sockaddr_nl at = {.nl_family = AF_NETLINK,
                             .nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR |
                                          RTMGRP_IPV4_ROUTE | RTMGRP_IPV6_ROUTE};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return NULL;
    if (bind(fd, (struct sockaddr *)&at, sizeof at) < 0) {
        close(fd);
        return NULL;
    }
    struct netwatch *w = NEW(struct netwatch);
    w->loop = loop;
    w->fd = fd;
    w->changed = changed;
    w->ctx = ctx;
    w->burst = timer_new(loop, on_burst, w);
    w->inventory = ask_for(w, RTM_GETADDR) ? LISTING_ADDRESSES : LISTED;
    ev_io_init(&w->watcher, on_news, fd, EV_READ);
    ev_io_start(loop_ev(loop), &w->watcher);
    return w;
}

void netwatch_free(struct netwatch **watch)
{
    struct netwatch *w = *watch;
    *watch = NULL;
    if (!w)
        return;
    ev_io_stop(loop_ev(w->loop), &w->watcher);
    timer_free(&w->burst);
    close(w->fd);
    loop_free_later(w->loop, w, free);
}

#else

struct netwatch *netwatch_new(struct loop *loop, void (*changed)(void *ctx), void *ctx)
{
    (void)loop;
    (void)changed;
    (void)ctx;
    return NULL;
}

void netwatch_free(struct netwatch **watch)
{
    *watch = NULL;
}

#endif

#include "app/cluster_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "app/check.h"
#include "app/privileges.h"
#include "app/quiet.h"
#include "app/status.h"
#include "app/world.h"
#include "base/mem.h"
#include "io/loop.h"
#include "upstream/cluster.h"
#include "upstream/slots.h"

/* Long enough for TLS over a slow line; an engine of use answers a thousand times sooner. */
#define PATIENCE (5 * USEC_PER_SEC)

struct status {
    struct config *config;
    struct io io;
    struct cluster *cluster;
    struct timer *timer;
    /* Something was heard of it. */
    bool looked;
    /* The account whose sessions are asked for, and the question. */
    size_t account;
    struct slots_look look;
};

/* ---- status ---- */

static void print_age(usec age)
{
    long long s = age / USEC_PER_SEC;
    if (s < 120)
        printf("%llds", s);
    else if (s < 7200)
        printf("%lldm", s / 60);
    else if (s < 172800)
        printf("%lldh", s / 3600);
    else
        printf("%lldd", s / 86400);
}

static void print_instances(const struct status *s, const struct cluster_view *v)
{
    printf("engine %s: works, an answer takes %.1f ms\n", v->place,
           (double)v->latency / USEC_PER_MS);
    if (!v->nshown)
        printf("no instance is there\n");
    for (size_t i = 0; i < v->nshown; i++) {
        const struct cluster_instance *one = &v->shown[i];
        printf("instance %s: since ", one->name);
        print_age(one->age);
        printf("%s%s\n",
               strcmp(one->name, s->config->cluster.instance) == 0 ? ", by this configuration" : "",
               one->other_key ? "; it has ANOTHER key_file, and shares nothing" : "");
    }
}

static void ask_next(struct status *s);

static void on_slots(void *ctx, const struct slots_view *view)
{
    struct status *s = ctx;
    const struct upstream_config *u = &s->config->upstreams[s->account++];
    if (view && view->cap < CAP_CLUSTER_SESSIONS)
        printf("account %s: %u of %u sessions are in use, %u instance%s for one\n", u->name,
               view->all, view->cap, view->waiting, view->waiting == 1 ? " waits" : "s wait");
    else if (view)
        printf("account %s: no instance has it\n", u->name);
    ask_next(s);
}

static void ask_next(struct status *s)
{
    char id[CLUSTER_ID];
    const struct upstream_config *u = &s->config->upstreams[s->account];
    while (s->account < s->config->nupstreams && !u->shared)
        u = &s->config->upstreams[++s->account];
    if (s->account == s->config->nupstreams) {
        loop_stop(s->io.loop);
        return;
    }
    cluster_id(s->cluster, u->host, u->username ? u->username : "", id);
    slots_look(s->cluster, id, &s->look);
}

static void on_looked(void *ctx)
{
    struct status *s = ctx;
    struct cluster_view v;
    cluster_view(s->cluster, &v);
    /* It is up before it was asked who is there. */
    if (s->looked || !v.up || !v.heard)
        return;
    s->looked = true;
    print_instances(s, &v);
    ask_next(s);
}

static void on_late(void *arg)
{
    struct status *s = arg;
    loop_stop(s->io.loop);
}

/* Returns an exit status. */
static int look(struct status *s, const char *command)
{
    struct err err;
    struct cluster_view v;
    s->cluster = cluster_new_looking(&s->io, s->config, on_looked, s, &err);
    if (!s->cluster) {
        fprintf(stderr, "smtp-detour %s: %s\n", command, err.words);
        return EXIT_BAD_CONFIG;
    }
    s->look = (struct slots_look){.answer = on_slots, .ctx = s};
    s->timer = timer_new(s->io.loop, on_late, s);
    timer_arm(s->timer, PATIENCE);
    loop_run(s->io.loop);
    cluster_view(s->cluster, &v);
    if (!s->looked)
        printf("engine %s: %s\n", v.place[0] ? v.place : s->config->cluster.engine.items[0].host,
               v.words[0] ? v.words : "it does not answer");
    timer_free(&s->timer);
    cluster_unref(&s->cluster);
    return s->looked ? EXIT_FINE : EXIT_ANSWER_BAD;
}

int cluster_status(struct config *config, const char *command)
{
    struct status s = {.config = config};
    struct err err;
    if (world_open(&s.io, LOG_ERROR, false, quiet_sink(), &err) != 0) {
        fprintf(stderr, "smtp-detour %s: %s\n", command, err.words);
        return EXIT_SYSTEM;
    }
    int status = look(&s, command);
    world_close(&s.io);
    return status;
}

static int status_main(const char *config_file)
{
    int status = EXIT_ANSWER_BAD;
    struct err err;
    struct config *config = load_config_or_complain(config_file);
    if (!config)
        return EXIT_BAD_CONFIG;
    if (!config->cluster.is_on)
        fprintf(stderr, "smtp-detour cluster: %s has no [cluster]: this instance is alone.\n",
                config_file);
    else if (identity_assume_for_commands(config, &err) != 0)
        fprintf(stderr, "smtp-detour cluster: %s\n", err.words);
    else
        status = cluster_status(config, "cluster");
    config_unref(&config);
    return status;
}

/* ---- a new key ---- */

static int key_main(void)
{
    uint8_t octets[CLUSTER_KEY];
    char text[CLUSTER_KEY_TEXT];
    if (getrandom(octets, sizeof octets, 0) != (ssize_t)sizeof octets) {
        fprintf(stderr, "smtp-detour cluster: random octets: %s\n", strerror(errno));
        return EXIT_SYSTEM;
    }
    cluster_key_write(octets, text);
    bool good = puts(text) >= 0 && fflush(stdout) == 0;
    secret_erase(octets, sizeof octets);
    secret_erase(text, sizeof text);
    return good ? EXIT_FINE : EXIT_SYSTEM;
}

int cluster_command_main(const char *config_file, int argc, char **argv)
{
    if (argc == 1 && strcmp(argv[0], "key") == 0)
        return key_main();
    if (argc == 1 && strcmp(argv[0], "status") == 0)
        return status_main(config_file);
    fprintf(stderr, "usage: smtp-detour cluster [-c FILE] key | status\n");
    return EXIT_USAGE;
}

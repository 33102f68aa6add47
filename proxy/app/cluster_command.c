#include "app/cluster_command.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "app/check.h"
#include "app/cluster_look.h"
#include "app/privileges.h"
#include "app/quiet.h"
#include "app/status.h"
#include "app/world.h"

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

static void print_look(const struct cluster_look *look, const char *own_name)
{
    char advice[CLUSTER_ADVICE];
    if (look->works)
        printf("engine %s: works, an answer takes %.1f ms\n", look->place,
               (double)look->latency / USEC_PER_MS);
    else
        printf("engine %s: %s\n", look->place, look->words);
    if (look->works && !look->nshown)
        printf("no instance is there\n");
    for (size_t i = 0; i < look->nshown; i++) {
        const struct cluster_instance *one = &look->shown[i];
        printf("instance %s: since ", one->name);
        print_age(one->age);
        printf("%s%s\n", strcmp(one->name, own_name) == 0 ? ", by this configuration" : "",
               one->other_key ? ", with another key_file" : "");
    }
    for (size_t i = 0; i < look->naccounts; i++) {
        const struct cluster_account *a = &look->accounts[i];
        if (a->unused)
            printf("account %s: no instance has it\n", a->name);
        else
            printf("account %s: %u of %u sessions are in use, %u instance%s for one\n", a->name,
                   a->slots.all, a->slots.cap, a->slots.waiting,
                   a->slots.waiting == 1 ? " waits" : "s wait");
    }
    for (size_t i = 0; cluster_look_advice(look, i, advice); i++)
        printf("%s\n", advice);
}

static int complain(int status, const struct err *err)
{
    fprintf(stderr, "smtp-detour cluster: %s\n", err->words);
    return status;
}

static int show_status(struct config *config)
{
    struct io io = {0};
    struct cluster_look seen;
    struct err err;
    if (identity_assume_for_commands(config, &err) != 0)
        return complain(EXIT_SYSTEM, &err);
    if (world_open(&io, LOG_ERROR, false, quiet_sink(), &err) != 0)
        return complain(EXIT_SYSTEM, &err);
    int status = EXIT_ANSWER_BAD;
    if (cluster_look(&io, config, &seen, &err) != 0) {
        status = complain(EXIT_BAD_CONFIG, &err);
    } else {
        print_look(&seen, config->cluster.instance);
        status = seen.works ? EXIT_FINE : EXIT_ANSWER_BAD;
    }
    cluster_look_free(&seen);
    world_close(&io);
    return status;
}

static int status_main(const char *config_file)
{
    int status = EXIT_ANSWER_BAD;
    struct config *config = load_config_or_complain(config_file);
    if (!config)
        return EXIT_BAD_CONFIG;
    if (!config->cluster.is_on)
        fprintf(stderr, "smtp-detour cluster: %s has no [cluster]: this instance is alone.\n",
                config_file);
    else
        status = show_status(config);
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

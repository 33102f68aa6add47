#include "app/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/check.h"
#include "app/doctor_print.h"
#include "app/doctor_verdict.h"
#include "app/mail_trial.h"
#include "app/privileges.h"
#include "app/quiet.h"
#include "app/status.h"
#include "app/world.h"
#include "base/mem.h"
#include "io/loop.h"

struct doctor {
    /* The account is NULL if a host is given. */
    const char *account, *host;
    bool json, verbose;
    struct config *config;
    struct io io;
    struct checkup **checkups;
    size_t n, left;
};

static void on_done(void *ctx)
{
    struct doctor *d = ctx;
    if (--d->left == 0)
        loop_stop(d->io.loop);
}

static bool parse_arguments(struct doctor *d, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            d->json = true;
        else if (strcmp(argv[i], "-v") == 0)
            d->verbose = true;
        else if (strcmp(argv[i], "--host") == 0 && i + 1 < argc && !d->host)
            d->host = argv[++i];
        else if (argv[i][0] != '-' && !d->account)
            d->account = argv[i];
        else
            return false;
    }
    return !(d->host && d->account) && !(d->json && d->verbose);
}

/* Begins with all accounts at once, so that a bad network costs one connect_timeout and not one for
 * each. */
static int begin(struct doctor *d)
{
    struct err err = {0};
    char place[CONFIG_PLACE];
    if (d->account && !find_account_or_complain(d->config, "doctor", d->account))
        return EXIT_USAGE;
    d->checkups = mem_alloc(d->config->nupstreams * sizeof *d->checkups);
    for (size_t i = 0; i < d->config->nupstreams; i++) {
        const struct upstream_config *cfg = &d->config->upstreams[i];
        if (d->account && strcmp(cfg->name, d->account) != 0)
            continue;
        struct checkup *c = checkup_new(&d->io, d->config, cfg, &mail_trial, on_done, d, &err);
        if (!c) {
            if (!d->host)
                fprintf(stderr, "%s: [upstream %s]: ",
                        config_place(d->config, cfg->line, place, sizeof place), cfg->name);
            fprintf(stderr, "%s\n", err.words);
            return EXIT_BAD_CONFIG;
        }
        d->checkups[d->n++] = c;
        d->left++;
    }
    return EXIT_FINE;
}

static int tell(struct doctor *d)
{
    int status = EXIT_FINE;
    struct doctor_spool spool = {.is_on = false};
    struct cluster_look cluster = {.is_on = false};
    struct err err;
    struct doctor_screen screen = {.config = d->host ? NULL : d->config,
                                   .now_s = loop_wall_ms(d->io.loop) / 1000,
                                   .verbose = d->verbose};
    for (size_t i = 0; i < d->n; i++) {
        if (!d->json)
            doctor_print(d->checkups[i], &screen);
        if (!doctor_works(d->checkups[i]))
            status = EXIT_ANSWER_BAD;
    }
    if (!d->host)
        doctor_spool_look(d->config, loop_wall_ms(d->io.loop), &spool);
    if (!d->host && cluster_look(&d->io, d->config, &cluster, &err) != 0) {
        fprintf(stderr, "smtp-detour doctor: %s\n", err.words);
        status = EXIT_BAD_CONFIG;
    }
    if (d->json) {
        doctor_print_json(d->checkups, d->n, screen.config, &spool, &cluster);
    } else {
        doctor_print_spool(&spool);
        doctor_print_cluster(&cluster);
    }
    cluster_look_free(&cluster);
    return status;
}

int doctor_main(const char *config_file, int argc, char **argv)
{
    struct doctor d = {0};
    struct err err = {0};
    if (!parse_arguments(&d, argc, argv)) {
        fprintf(stderr, "usage: smtp-detour doctor [-c FILE] [-v | --json] "
                        "[ACCOUNT | --host HOST]\n");
        return EXIT_USAGE;
    }
    d.config = d.host ? config_for_host(d.host) : load_config_or_complain(config_file);
    if (!d.config && d.host)
        fprintf(stderr, "smtp-detour doctor: \"%s\" is no host name, nor an address.\n", d.host);
    if (!d.config)
        return d.host ? EXIT_USAGE : EXIT_BAD_CONFIG;
    if (world_open(&d.io, LOG_ERROR, false, quiet_sink(), &err) != 0) {
        fprintf(stderr, "smtp-detour: %s\n", err.words);
        config_unref(&d.config);
        return EXIT_SYSTEM;
    }
    int status = begin(&d);
    if (status == EXIT_FINE && identity_assume_for_commands(d.config, &err) != 0) {
        fprintf(stderr, "smtp-detour: %s\n", err.words);
        status = EXIT_SYSTEM;
    }
    if (status == EXIT_FINE) {
        loop_run(d.io.loop);
        status = tell(&d);
    }
    for (size_t i = 0; i < d.n; i++)
        checkup_free(&d.checkups[i]);
    free(d.checkups);
    world_close(&d.io);
    config_unref(&d.config);
    return status;
}

#include "app/doctor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/check.h"
#include "app/doctor_print.h"
#include "app/privileges.h"
#include "app/quiet.h"
#include "app/status.h"
#include "app/world.h"
#include "base/mem.h"
#include "io/loop.h"

struct doctor {
    const char *config_file, *account;
    bool json;
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
        else if (argv[i][0] != '-' && !d->account)
            d->account = argv[i];
        else
            return false;
    }
    return true;
}

/* All accounts at once: a bad network costs one connect_timeout, not one each. */
static int begin(struct doctor *d)
{
    struct err err = {0};
    if (d->account && !find_account_or_complain(d->config, "doctor", d->account))
        return EXIT_USAGE;
    d->checkups = mem_alloc(d->config->nupstreams * sizeof *d->checkups);
    for (size_t i = 0; i < d->config->nupstreams; i++) {
        const struct upstream_config *cfg = &d->config->upstreams[i];
        if (d->account && strcmp(cfg->name, d->account) != 0)
            continue;
        struct checkup *c = checkup_new(&d->io, d->config, cfg, on_done, d, &err);
        if (!c) {
            fprintf(stderr, "%s:%d: [upstream %s]: %s\n", d->config_file, cfg->line, cfg->name,
                    err.words);
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
    for (size_t i = 0; i < d->n; i++) {
        if (!d->json)
            doctor_print(d->checkups[i], d->config_file, loop_wall_ms(d->io.loop) / 1000);
        if (!doctor_works(d->checkups[i]))
            status = EXIT_ANSWER_BAD;
    }
    if (d->json)
        doctor_print_json(d->checkups, d->n);
    return status;
}

int doctor_main(const char *config_file, int argc, char **argv)
{
    struct doctor d = {.config_file = config_file};
    struct err err = {0};
    if (!parse_arguments(&d, argc, argv)) {
        fprintf(stderr, "usage: smtp-detour doctor [-c FILE] [--json] [ACCOUNT]\n");
        return EXIT_USAGE;
    }
    d.config = load_config_or_complain(config_file);
    if (!d.config)
        return EXIT_BAD_CONFIG;
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

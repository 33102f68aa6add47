#include "app/check.h"

#include <stdio.h>
#include <string.h>

#include "app/check_machine.h"
#include "app/check_route.h"
#include "app/privileges.h"
#include "app/status.h"
#include "io/log_outlet.h"
#include "relay/certificates.h"
#include "upstream/settings.h"

static struct config *load_or_complain(const char *config_file, bool print)
{
    struct config_report report = {0};
    /* This comes before the first secret is read. */
    privileges_lock_down();
    struct config *config = print ? config_load_printing(config_file, &report, stdout)
                                  : config_load(config_file, &report);
    for (size_t i = 0; i < report.n; i++)
        fprintf(stderr, "%s%s\n", log_outlet_priority(report.is_warning[i] ? LOG_WARN : LOG_ERROR),
                report.lines[i]);
    config_report_free(&report);
    return config;
}

const struct upstream_config *find_account_or_complain(const struct config *config,
                                                       const char *subcommand, const char *name)
{
    for (size_t i = 0; i < config->nupstreams; i++)
        if (strcmp(config->upstreams[i].name, name) == 0)
            return &config->upstreams[i];
    char place[CONFIG_PLACE];
    fprintf(stderr, "smtp-detour %s: %s has no account %s. There is:", subcommand,
            config_place(config, 0, place, sizeof place), name);
    for (size_t i = 0; i < config->nupstreams; i++)
        fprintf(stderr, " %s", config->upstreams[i].name);
    fprintf(stderr, "\n");
    return NULL;
}

struct config *load_config_or_complain(const char *config_file)
{
    return load_or_complain(config_file, false);
}

/* The trust and the certificate of each account that names files of its own. */
static bool accounts_are_usable(const struct config *config)
{
    bool usable = true;
    for (size_t i = 0; i < config->nupstreams; i++) {
        const struct upstream_config *u = &config->upstreams[i];
        struct tls_context *tls = NULL;
        struct err err = {0};
        char place[CONFIG_PLACE];
        if ((u->tls_ca || u->tls_cert) && settings_tls(u, NULL, &tls, &err) != 0) {
            fprintf(stderr, "%s: %s\n", config_place(config, u->line, place, sizeof place),
                    err.words);
            usable = false;
        }
        tls_context_unref(&tls);
    }
    return usable;
}

static bool listeners_are_usable(const struct config *config)
{
    bool usable = true;
    for (size_t i = 0; i < config->nlistens; i++) {
        const struct listen_config *l = &config->listens[i];
        struct err err = {0};
        char place[CONFIG_PLACE];
        if (certificates_try(l, &err) != 0) {
            fprintf(stderr, "%s: [listen %s] tls_cert: %s\n",
                    config_place(config, l->line, place, sizeof place), l->name, err.words);
            usable = false;
        }
    }
    return usable;
}

static void warn_about_identity(const struct config *config)
{
    struct identity identity;
    struct err err;
    char place[CONFIG_PLACE];
    const char *words = identity_find(&config->server, &identity, &err) == 0
                            ? identity_warning(&config->server, &identity)
                            : NULL;
    if (words)
        fprintf(stderr, "%s: warning: [server] user: %s\n",
                config_place(config, 0, place, sizeof place), words);
}

struct route_case {
    const char *from, *client;
    bool route, print;
};

static bool parse_arguments(struct route_case *q, int argc, char **argv)
{
    for (int i = 0; i < argc; i++) {
        if (strcmp(argv[i], "--print") == 0)
            q->print = true;
        else if (strcmp(argv[i], "--route") == 0 && i + 1 < argc && !q->route) {
            q->route = true;
            q->from = argv[++i];
            if (i + 1 < argc && argv[i + 1][0] != '-')
                q->client = argv[++i];
        } else
            return false;
    }
    return !(q->print && q->route);
}

int check_main(const char *config_file, int argc, char **argv)
{
    struct route_case q = {0};
    if (!parse_arguments(&q, argc, argv)) {
        fprintf(stderr, "usage: smtp-detour check [-c FILE] [--route FROM [CLIENT] | --print]\n");
        return EXIT_USAGE;
    }
    struct config *config = load_or_complain(config_file, q.print);
    if (!config)
        return EXIT_BAD_CONFIG;
    if (q.route) {
        int status = check_route(config, q.from, q.client);
        config_unref(&config);
        return status;
    }
    warn_about_identity(config);
    check_machine(config);
    /* Only a look into the files shows whether these can be used. */
    bool accounts = accounts_are_usable(config), listeners = listeners_are_usable(config);
    if (!accounts || !listeners) {
        config_unref(&config);
        return EXIT_BAD_CONFIG;
    }
    if (!q.print)
        printf("%s: fine, %zu account%s\n", config_file, config->nupstreams,
               config->nupstreams == 1 ? "" : "s");
    config_unref(&config);
    return EXIT_FINE;
}

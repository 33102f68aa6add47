/* For the files of setup only: what is known so far. */
#ifndef APP_SETUP_STATE_H
#define APP_SETUP_STATE_H

#include "app/setup_ask.h"
#include "config/presets.h"
#include "io/io.h"

struct setup {
    const char *config_file;
    /* As given on the command line; NULL: not given. */
    const char *given_address, *given_host, *given_provider, *given_user, *given_password_file;
    const char *given_listen, *given_allow, *given_to;
    bool yes;
    /* There is a person to ask. */
    bool has_terminal;
    struct io io;
    struct ask *ask;
    /* What became of it. Owned; NULL: not yet, or not needed. */
    char *address, *provider, *host, *ports, *username, *listen, *allow, *to;
    /* The preset, if provider is not NULL. */
    struct preset_choice choice;
    /* Which ports its domain names, and the name to log in with; owned. */
    struct port service_ports[2];
    size_t nservice_ports;
    char *service_username;
    struct secret *secret;
    /* Where the secret is, or will be. */
    char *secret_path;
    bool secret_is_there;
};

/* Prints "smtp-detour setup: WORDS" on standard error, and returns the status. */
int setup_fail(int status, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* The dialog was ended by the person: says that nothing was written. Returns the status. */
int setup_ended(void);
/* Whether the question that no option answers may be asked; else complains of the option. */
bool setup_may_ask(const struct setup *s, const char *option);

/* Finds the service that the address belongs to, and says where that is known from
 * (setup_find.c). */
int setup_find_service(struct setup *s);
/* Tries every port without a login, shows what the network does to each, and proposes `ports`
 * (setup_network.c). */
int setup_try_ports(struct setup *s);
/* Asks for the secret and logs in with it. */
int setup_log_in(struct setup *s);
/* Chooses who may send, and where this machine listens for them (setup_listen.c). */
int setup_choose_clients(struct setup *s);
/* Sends the test mail through a server of the new configuration (setup_trial.c). */
int setup_send_test(const struct setup *s);

#endif

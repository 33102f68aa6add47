/* Doctor's opinion of one account: a verdict in a few sentences, and what to change where. The same
 * for the terminal and for `--json`. */
#ifndef APP_DOCTOR_VERDICT_H
#define APP_DOCTOR_VERDICT_H

#include <stdbool.h>
#include <stddef.h>

#include "upstream/checkup.h"

enum { ADVICE_MOST = 24, ADVICE_LENGTH = 700 };

struct opinion {
    char verdict[3000];
    /* Empty: nothing has to be changed. */
    char advice[ADVICE_MOST][ADVICE_LENGTH];
    /* Where in a piece of advice the line begins that is to be copied into proxy.ini. 0 if it holds
     * none. */
    size_t line_at[ADVICE_MOST];
    size_t nadvice;
};

/* Whether some configured port works; of a host without an account, whether one leads to the
 * login. */
bool doctor_works(const struct checkup *c);

/* The configuration is NULL for a host without one. Borrows both. */
void doctor_judge(const struct checkup *c, const struct config *config, struct opinion *o_r);

/* Writes what `ports` should say, such as "587 2525 465/implicit", or "" if the present line is as
 * good as any. Working ports that are configured keep their place. */
void doctor_ports_line(const struct checkup *c, char *out, size_t size);

/* Writes the port as it stands in `ports`, such as "465" or "2525/implicit". */
void doctor_port_text(const struct port *port, char out[24]);

/* Adds the pieces of advice to the opinion (doctor_advice.c). */
void doctor_advise(const struct checkup *c, const struct config *config, struct opinion *o);

#endif

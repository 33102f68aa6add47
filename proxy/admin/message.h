/* One message that ended, as the page shows it. Texts are cleaned (admin/text.h). */
#ifndef ADMIN_MESSAGE_H
#define ADMIN_MESSAGE_H

#include <stdint.h>

#include "base/addr.h"
#include "base/units.h"

enum admin_result { ADMIN_DELIVERED, ADMIN_REFUSED, ADMIN_DEFERRED, ADMIN_SPOOLED, ADMIN_LOST_LINK, ADMIN_RESULTS };

const char *admin_result_label(enum admin_result r); /* "lost_link", for metrics and JSON */
const char *admin_result_words(enum admin_result r); /* "lost link", for people */

struct admin_message {
    int64_t wall_ms; /* when it ended */
    enum admin_result result;
    char id[16];
    char from[160], to[160]; /* to: the first recipient; "" none */
    uint64_t nrcpt, size;
    char client[ADDR_TEXT], listener[64], account[64]; /* account "": none was found */
    uint16_t port;                                     /* 0: there was no session */
    char tls[12];                                      /* "": clear or none */
    int status;
    char reply[320];
    usec delay;
};

#endif

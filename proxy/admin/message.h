/* One message that ended, as the page shows it. Texts are cleaned (admin/text.h). */
#ifndef ADMIN_MESSAGE_H
#define ADMIN_MESSAGE_H

#include <stdint.h>

#include "base/addr.h"
#include "base/units.h"

enum admin_result {
    ADMIN_DELIVERED,
    ADMIN_REFUSED,
    ADMIN_DEFERRED,
    ADMIN_SPOOLED,
    ADMIN_LOST_LINK,
    ADMIN_RESULTS
};

/* "lost_link", for metrics and JSON */
const char *admin_result_label(enum admin_result r);
/* "lost link", for people */
const char *admin_result_words(enum admin_result r);

struct admin_message {
    /* when it ended */
    int64_t wall_ms;
    enum admin_result result;
    char id[16];
    /* to: the first recipient; "" none */
    char from[160], to[160];
    uint64_t nrcpt, size;
    /* account "": none was found */
    char client[ADDR_TEXT], listener[64], account[64];
    /* 0: there was no session */
    uint16_t port;
    /* "": clear or none */
    char tls[12];
    int status;
    char reply[320];
    usec delay;
};

#endif

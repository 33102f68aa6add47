/* Who takes in messages of another spool: the server that has the configured one, else its files
 * under their lock. Both hear the same octets (control_request.h). */
#ifndef APP_ADOPTER_H
#define APP_ADOPTER_H

#include "app/control_client.h"
#include "base/err.h"
#include "config/config.h"

struct adopter;

/* Gives. NULL: ERR_IN_USE: another process has the spool, and does not answer. */
struct adopter *adopter_open(const struct config *config, struct err *err) MUST_USE;
/* *adopter may be NULL. */
void adopter_close(struct adopter **adopter);

/* One message: begin, give its octets, end. */
void adopter_begin(struct adopter *adopter, const struct control_offer *offer);
/* Returns false if the adopter takes no more octets. */
bool adopter_give(struct adopter *adopter, struct slice octets) MUST_USE;
/* A message that is not whole is not taken in. Returns the answer, lent until the next message. */
const struct control_hearing *adopter_end(struct adopter *adopter, bool is_whole);

#endif

/* Whether a port takes mail from and to the account's own address, as doctor and setup ask: a
 * delivery over the session of the checkup. It goes as far as the recipient's answer and is reset,
 * so that nothing is sent. */
#ifndef APP_MAIL_TRIAL_H
#define APP_MAIL_TRIAL_H

#include "upstream/checkup.h"

extern const struct checkup_trial mail_trial;

#endif

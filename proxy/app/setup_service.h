/* Which service an address belongs to, as far as that is built in. */
#ifndef APP_SETUP_SERVICE_H
#define APP_SETUP_SERVICE_H

#include "base/slice.h"

/* The name of a preset ("gmail") for a domain of mail; NULL: it is none of those that are known.
 * Case is ignored. */
const char *service_of_domain(struct slice domain);
/* The same for the host that takes a domain's mail (MX), in lower case. */
const char *service_of_mx(const char *host);

#endif

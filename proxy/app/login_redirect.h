/* Where a browser ends its login: a page on a port of loopback that exists for one login only
 * (RFC 8252 7.3). It knows neither TLS nor HTTP beyond one request of a line and a head. */
#ifndef APP_LOGIN_REDIRECT_H
#define APP_LOGIN_REDIRECT_H

#include <stdint.h>

#include "base/err.h"
#include "base/slice.h"
#include "io/loop.h"

struct redirect;

/* The address that a browser came with, from its "/" on. 0: it belongs to this login; -1 with err,
 * whose words the browser shows. Called on the loop. */
typedef int redirect_fn(void *ctx, struct slice address, struct err *err);

/* Listens on a free port, the same of 127.0.0.1 and [::1]: a browser takes either for localhost.
 * A machine without IPv6 has the first alone. Gives; NULL with err. */
struct redirect *redirect_open(struct loop *loop, redirect_fn *fn, void *ctx,
                               struct err *err) MUST_USE;
uint16_t redirect_port(const struct redirect *r);
/* What was answered still leaves. NULL is fine. */
void redirect_close(struct redirect **redirect);

#endif

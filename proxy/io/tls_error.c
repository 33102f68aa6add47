#include <openssl/err.h>

#include "io/tls_internal.h"

unsigned long tls_error_peek(void)
{
    return ERR_peek_error();
}

void tls_error(struct err *err, enum err_kind kind, const char *doing)
{
    unsigned long code = tls_error_peek();
    if (code && ERR_SYSTEM_ERROR(code)) {
        err_set_errno(err, ERR_GET_REASON(code), doing);
    } else {
        const char *reason = code ? ERR_reason_error_string(code) : NULL;
        err_set(err, kind, "%s: %s", doing, reason ? reason : "no reason given");
    }
    ERR_clear_error();
}

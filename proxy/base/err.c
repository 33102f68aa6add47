#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
    va_list args;
    e->kind = kind;
    e->cause = ERR_CAUSE_OTHER;
    va_start(args, fmt);
    vsnprintf(e->words, sizeof e->words, fmt, args);
    va_end(args);
}

static enum err_kind kind_of(int number)
{
    switch (number) {
    case ECONNREFUSED: return ERR_REFUSED;
    case ENETUNREACH:
    case EHOSTUNREACH:
    case ENETDOWN:
    case EADDRNOTAVAIL:
    case EAFNOSUPPORT: return ERR_UNREACHABLE;
    case ETIMEDOUT: return ERR_TIMEOUT;
    case ECONNRESET:
    case ECONNABORTED:
    case EPIPE: return ERR_RESET;
    case ENOENT:
    case ENOTDIR: return ERR_NOT_FOUND;
    case EACCES:
    case EPERM: return ERR_PERMISSION;
    case EADDRINUSE:
    case EWOULDBLOCK: return ERR_IN_USE;
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return ERR_FULL;
    case EEXIST: return ERR_EXISTS;
    default: return ERR_SYSTEM;
    }
}

void err_set_errno(struct err *e, int number, const char *doing)
{
    char buffer[128];
    const char *words = "unknown error";
#if defined(__GLIBC__) && defined(_GNU_SOURCE)
    words = strerror_r(number, buffer, sizeof buffer);
#else
    if (strerror_r(number, buffer, sizeof buffer) == 0)
        words = buffer;
#endif
    err_set(e, kind_of(number), "%s: %s", doing, words);
}

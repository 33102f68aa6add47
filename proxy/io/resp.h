/* The protocol of Valkey and Redis (RESP 2), without I/O: octets in, values out. hiredis reads and
 * writes it. It allocates nothing of a reply itself: the values are made here, under our caps. */
#ifndef IO_RESP_H
#define IO_RESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/buf.h"
#include "base/slice.h"

/* One value of a reply. */
struct engine_value {
    enum {
        ENGINE_NIL,
        ENGINE_INTEGER,
        ENGINE_TEXT,
        ENGINE_ARRAY,
        /* The field `text` says why. */
        ENGINE_ERROR,
    } kind;
    /* Of ENGINE_INTEGER. */
    int64_t number;
    /* Of ENGINE_TEXT and ENGINE_ERROR. A NUL stands behind it. */
    struct slice text;
    /* Of ENGINE_ARRAY: n values, none of which is an array. NULL if n is 0. */
    struct engine_value *items;
    size_t n;
};

struct resp;

enum resp_step {
    /* A whole value is there. */
    RESP_VALUE,
    /* More octets are needed. */
    RESP_MORE,
    /* It is no RESP, or larger than our caps, or nested. Nothing more is read. */
    RESP_BAD,
};

struct resp *resp_new(void);
/* *r may be NULL. */
void resp_free(struct resp **r);
/* Copies. Returns false if more octets are kept than one reply may have; then the peer is bad, too.
 * Call resp_next until it wants more before the next octets. */
bool resp_feed(struct resp *r, struct slice octets) MUST_USE;
/* Borrows the value until the next call. */
enum resp_step resp_next(struct resp *r, const struct engine_value **value_r);
/* Borrows: what is bad, after RESP_BAD. */
const char *resp_fault(const struct resp *r);

/* Appends a command of n words. Returns false beyond the cap. */
bool resp_command(struct buf *out, const struct slice *words, size_t n) MUST_USE;

#endif

#include "base/secret.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct secret {
    size_t len;
    char bytes[];
};

struct secret *secret_new(struct slice bytes)
{
    struct secret *s = mem_alloc(sizeof *s + bytes.len + 1);
    s->len = bytes.len;
    if (bytes.len)
        memcpy(s->bytes, bytes.data, bytes.len);
    return s;
}

struct secret *secret_copy(const struct secret *s)
{
    return s ? secret_new(secret_reveal(s)) : NULL;
}

void secret_free(struct secret **s)
{
    if (!*s)
        return;
    secret_erase((*s)->bytes, (*s)->len);
    free(*s);
    *s = NULL;
}

struct slice secret_reveal(const struct secret *s)
{
    return slice_make(s->bytes, s->len);
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
    if (!a || !b)
        return a == b;
    if (a->len != b->len)
        return false;
    unsigned char differs = 0;
    for (size_t i = 0; i < a->len; i++)
        differs |= (unsigned char)(a->bytes[i] ^ b->bytes[i]);
    return differs == 0;
}

/* The function memset is called through a volatile pointer, so that no compiler can prove the call
 * useless and remove it. */
static void *(*const volatile overwrite)(void *, int, size_t) = memset;

void secret_erase(void *bytes, size_t n)
{
    if (n)
        overwrite(bytes, 0, n);
}

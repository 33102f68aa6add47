/* Memory that is either there or ends the process. caps.h bounds every size that is asked for, so a
 * failure here means that the machine is out of memory. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* Gives n zeroed bytes. */
void *mem_alloc(size_t n) __attribute__((malloc, returns_nonnull));
/* Takes p and gives the new block. New bytes are not zeroed. */
void *mem_resize(void *p, size_t n) __attribute__((returns_nonnull));
/* Gives a copy of n bytes and a NUL. */
char *mem_copy(const void *p, size_t n) __attribute__((returns_nonnull));
/* Gives a copy of a C string. */
char *mem_string(const char *text) __attribute__((returns_nonnull));

#define NEW(type) ((type *)mem_alloc(sizeof(type)))

#endif

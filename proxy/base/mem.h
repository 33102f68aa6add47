/* Memory that is either there or ends the process: all sizes asked for are bounded by caps.h, so a
 * failure here means the machine is out of memory. */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* zeroed; gives */
void *mem_alloc(size_t n) __attribute__((malloc, returns_nonnull));
/* takes p, gives the new block; new bytes are not zeroed */
void *mem_resize(void *p, size_t n) __attribute__((returns_nonnull));
/* gives n bytes and a NUL */
char *mem_copy(const void *p, size_t n) __attribute__((returns_nonnull));
/* gives a copy of a C string */
char *mem_string(const char *text) __attribute__((returns_nonnull));

#define NEW(type) ((type *)mem_alloc(sizeof(type)))

#endif

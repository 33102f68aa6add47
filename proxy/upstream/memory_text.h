/* The memory file's text. Lines of words; an unknown line or one that makes no sense is skipped:
 *
 *   smtp-detour upstreams 1
 *   account NAME HOST            (blanks, percent signs and controls as %XX)
 *   works 2525 starttls
 *   ehlo size=35882577 dsn smtputf8 chunking 8bitmime
 *   bdat 587 0123456789abcdef proven
 *   address 192.0.2.1 */
#ifndef UPSTREAM_MEMORY_TEXT_H
#define UPSTREAM_MEMORY_TEXT_H

#include "upstream/memory.h"

struct memory_entry {
    char *account, *host;
    struct memory_record record;
};

void memory_entry_free(struct memory_entry *e);
/* Gives at most CAP_MEMORY_ENTRIES entries, and none for another version. */
void memory_parse(struct slice text, struct memory_entry **entries_r, size_t *n_r);
bool memory_print(const struct memory_entry *entries, size_t n, struct buf *out) MUST_USE;

#endif

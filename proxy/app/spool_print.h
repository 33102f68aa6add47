/* What `spool list` and `spool show` write: the words of strangers pass in it as text_clean leaves
 * them, but for the message itself. */
#ifndef APP_SPOOL_PRINT_H
#define APP_SPOOL_PRINT_H

#include <stdbool.h>
#include <stddef.h>

#include "app/control_request.h"
#include "app/spool_file.h"

/* The answer to `list`, kept until it is whole: a reader that pauses must not keep the server
 * waiting. */
struct spool_listing {
    struct control_entry *entries;
    size_t n, room;
};

void spool_listing_add(struct spool_listing *l, const struct control_entry *entry);
void spool_listing_free(struct spool_listing *l);
/* Sender and recipients come from the files in the directory. */
void spool_listing_print(const struct spool_listing *l, const char *directory, bool json);
/* Envelope and history. */
void spool_print_file(const struct spool_file *f);

#endif

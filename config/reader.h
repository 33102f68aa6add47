/* The lines of an INI file, one by one. inih splits them into name and value; what inih would pass
 * over in silence (a line that is too long, indented where no list is, or without "=", a section
 * header that is empty) is told here instead, with its line. */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

#include "base/slice.h"

/* What a key may look like in the file. */
enum key_shape {
    /* There is no such key in the section, or nobody knows the section: told when its pair
     * comes. */
    SHAPE_UNKNOWN,
    SHAPE_ONE_LINE,
    /* One line, without a comment behind it. */
    SHAPE_SECRET,
    /* Indented lines below it continue it. */
    SHAPE_LIST,
    /* The same, and its items hold a "=". */
    SHAPE_LIST_OF_PAIRS,
};

struct reader_events {
    /* What stands between the brackets, trimmed. */
    void (*header)(void *ctx, int line, struct slice title);
    /* An unreadable header: nobody knows what the next keys belong to. */
    void (*lost)(void *ctx);
    /* Of a key in the section of the last header. */
    enum key_shape (*shape)(void *ctx, struct slice name);
    /* A key with its whole value, trimmed, the lines of a list joined by blanks; `line` is its
     * first. Both texts are borrowed. */
    void (*pair)(void *ctx, int line, const char *name, const char *value);
    /* name: the key, where it is known and may be shown. */
    void (*wrong)(void *ctx, int line, struct slice name, const char *words);
};

/* Borrows the text. All copies of it that are made here or by inih are wiped. */
void reader_run(struct slice text, const struct reader_events *events, void *ctx);

#endif

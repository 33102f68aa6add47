/* Reads an INI file line by line. inih splits lines into name and value. What inih would ignore in
 * silence is reported here with its line: a line that is too long, indented where no list is, or
 * without "=", and an empty or repeated section header. */
#ifndef CONFIG_READER_H
#define CONFIG_READER_H

#include "base/slice.h"

/* The shape says how a key may be written in the file. */
enum key_shape {
    /* The section has no such key, or the section is unknown. It is reported when its pair
     * comes. */
    SHAPE_UNKNOWN,
    SHAPE_ONE_LINE,
    /* One line without a comment behind it. */
    SHAPE_SECRET,
    /* Indented lines below it continue it. */
    SHAPE_LIST,
    /* A list like SHAPE_LIST whose items hold a "=". */
    SHAPE_LIST_OF_PAIRS,
};

struct reader_events {
    /* The trimmed text between the brackets. */
    void (*header)(void *ctx, int line, struct slice title);
    /* The header could not be parsed, so it is unknown to which section the next keys belong. */
    void (*lost)(void *ctx);
    /* Returns the shape of a key in the section of the last header. */
    enum key_shape (*shape)(void *ctx, struct slice name);
    /* A key with its whole value, trimmed. The lines of a list are joined by blanks, and `line` is
     * the first. Both texts are borrowed. */
    void (*pair)(void *ctx, int line, const char *name, const char *value);
    /* The name is the key, if it is known and may be shown. */
    void (*wrong)(void *ctx, int line, struct slice name, const char *words);
};

/* Borrows the text. All copies of it that are made here or by inih are wiped. */
void reader_run(struct slice text, const struct reader_events *events, void *ctx);

#endif

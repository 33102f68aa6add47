/* Questions to the person at the terminal. An ending signal (Ctrl-C), or the end of the input, ends
 * the dialog: from then on every question is refused, and the terminal is as it was before. */
#ifndef APP_SETUP_ASK_H
#define APP_SETUP_ASK_H

#include <stdbool.h>

#include "base/secret.h"
#include "io/loop.h"

struct ask;

/* Takes the ending signals, which signals_hold has held. Gives. */
struct ask *ask_open(struct loop *loop);
void ask_close(struct ask **ask);
/* The person wants no more. */
bool ask_is_over(const struct ask *ask);

/* Prints "question [usual]: " and waits for a line, without blanks at its ends; an empty line means
 * the usual. `usual` may be NULL: then an empty line is asked again. Gives; NULL: it is over. */
char *ask_line(struct ask *ask, const char *question, const char *usual);
/* The same for a secret: nothing of it is shown, and no blank is taken away. */
struct secret *ask_secret(struct ask *ask, const char *question);

#endif

/* What doctor says: a table that fits 80 columns, what each port did in a sentence, a verdict, and
 * what to change where. */
#ifndef APP_DOCTOR_PRINT_H
#define APP_DOCTOR_PRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "upstream/checkup.h"

/* some configured port works */
bool doctor_works(const struct checkup *c);
void doctor_print(const struct checkup *c, const char *config_file, int64_t now_s);
/* {"accounts":[{"name","host","works","ports":[…]}]} on one line. */
void doctor_print_json(struct checkup *const *checkups, size_t n);

#endif

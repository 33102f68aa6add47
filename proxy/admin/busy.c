#include "admin/busy.h"

void busy_note(struct busy *b, usec now, usec worked)
{
    b->marks[b->next].when = now;
    b->marks[b->next].worked = worked;
    b->next = (b->next + 1) % BUSY_MARKS;
    if (b->n < BUSY_MARKS)
        b->n++;
}

double busy_ratio(const struct busy *b)
{
    if (b->n < 2)
        return 0;
    unsigned newest = (b->next + BUSY_MARKS - 1) % BUSY_MARKS,
             oldest = (b->next + BUSY_MARKS - b->n) % BUSY_MARKS;
    usec passed = b->marks[newest].when - b->marks[oldest].when,
         worked = b->marks[newest].worked - b->marks[oldest].worked;
    if (passed <= 0 || worked <= 0)
        return 0;
    /* A long turn before the oldest mark may have been counted after it. */
    return worked < passed ? (double)worked / (double)passed : 1;
}

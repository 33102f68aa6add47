#include "relay/tickets.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void tickets_free(struct tickets *ts)
{
    free(ts->items);
    *ts = (struct tickets){0};
}

/* Drops tickets at the front that have their answer, so that the list does not grow while one of
 * many waits long. */
static void close_up(struct tickets *ts)
{
    size_t answered = 0;
    while (answered < ts->n && !ts->items[answered])
        answered++;
    memmove(ts->items, ts->items + answered, (ts->n - answered) * sizeof *ts->items);
    ts->first += answered;
    ts->n -= answered;
}

void tickets_add(struct tickets *ts, struct smtp_server_command *cmd)
{
    if (ts->n == ts->room) {
        if (ts->n)
            close_up(ts);
        if (ts->n * 2 >= ts->room) {
            ts->room = ts->room ? ts->room * 2 : 4;
            ts->items = mem_resize(ts->items, ts->room * sizeof *ts->items);
        }
    }
    ts->items[ts->n++] = cmd;
}

struct smtp_server_command *tickets_take(struct tickets *ts, size_t index)
{
    assert(index >= ts->first && index - ts->first < ts->n);
    struct smtp_server_command *cmd = ts->items[index - ts->first];
    assert(cmd);
    ts->items[index - ts->first] = NULL;
    return cmd;
}

struct smtp_server_command *tickets_take_any(struct tickets *ts)
{
    if (ts->n)
        close_up(ts);
    return ts->n ? tickets_take(ts, ts->first) : NULL;
}

size_t tickets_first(struct tickets *ts)
{
    close_up(ts);
    assert(ts->n);
    return ts->first;
}

bool tickets_wait(const struct tickets *ts)
{
    for (size_t i = 0; i < ts->n; i++)
        if (ts->items[i])
            return true;
    return false;
}

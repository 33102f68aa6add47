#include "relay/recipients.h"

#include <stdlib.h>

#include "base/mem.h"

void recipients_free(struct recipients *rs)
{
    for (size_t i = 0; i < rs->n; i++) {
        free(rs->items[i].to);
        free(rs->items[i].notify);
        free(rs->items[i].orcpt);
    }
    free(rs->items);
    free(rs->asked);
    *rs = (struct recipients){0};
}

void recipients_add(struct recipients *rs, const struct address *to, const struct rcpt_params *params, struct server_command *cmd)
{
    if (rs->n == rs->room) {
        rs->room = rs->room ? rs->room * 2 : 4;
        rs->items = mem_resize(rs->items, rs->room * sizeof *rs->items);
    }
    rs->items[rs->n++] = (struct recipient){
        .to = slice_string(to->text),
        .notify = slice_string(params->notify),
        .orcpt = slice_string(params->orcpt),
        .has_utf8 = to->has_utf8,
        .cmd = cmd,
    };
}

void recipients_restart(struct recipients *rs)
{
    rs->cursor = rs->nasked = 0;
}

bool recipients_any_to_ask(const struct recipients *rs)
{
    for (size_t i = rs->cursor; i < rs->n; i++)
        if (rs->items[i].told != TOLD_REFUSED)
            return true;
    return false;
}

struct recipient *recipients_next(struct recipients *rs)
{
    while (rs->cursor < rs->n) {
        struct recipient *r = &rs->items[rs->cursor++];
        if (r->told != TOLD_REFUSED)
            return r;
    }
    return NULL;
}

void recipients_asked(struct recipients *rs, const struct recipient *r)
{
    if (rs->nasked == rs->asked_room) {
        rs->asked_room = rs->asked_room ? rs->asked_room * 2 : 4;
        rs->asked = mem_resize(rs->asked, rs->asked_room * sizeof *rs->asked);
    }
    rs->asked[rs->nasked++] = (size_t)(r - rs->items);
}

struct recipient *recipients_of_answer(struct recipients *rs, size_t index)
{
    return index < rs->nasked ? &rs->items[rs->asked[index]] : NULL;
}

enum comparison recipients_compare(const struct recipient *r, const struct reply *reply)
{
    if (r->told != TOLD_ACCEPTED)
        return COMPARE_FIRST;
    return reply_is(reply, 2) ? COMPARE_SAME : COMPARE_CHANGED;
}

struct server_command *recipients_tell(struct recipients *rs, struct recipient *r, bool accepted)
{
    struct server_command *cmd = r->cmd;
    r->cmd = NULL;
    r->told = accepted ? TOLD_ACCEPTED : TOLD_REFUSED;
    if (accepted)
        rs->accepted++;
    else
        rs->refused++;
    return cmd;
}

struct recipient *recipients_waiting(struct recipients *rs)
{
    for (size_t i = 0; i < rs->n; i++)
        if (rs->items[i].cmd)
            return &rs->items[i];
    return NULL;
}

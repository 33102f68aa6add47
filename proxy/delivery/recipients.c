#include "delivery/recipients.h"

#include <stdlib.h>

#include "base/mem.h"

static void free_texts(struct recipient *r)
{
    free(r->to);
    free(r->notify);
    free(r->orcpt);
}

void recipients_free(struct recipients *rs)
{
    for (size_t i = 0; i < rs->n; i++)
        free_texts(&rs->items[i]);
    free(rs->items);
    free(rs->asked);
    *rs = (struct recipients){0};
}

enum { WORTH_LOOKING = 64 };

/* Drops refused recipients, except those whose reply on this session is still due. */
static void forget_refused(struct recipients *rs)
{
    size_t *place = mem_alloc(rs->n * sizeof *place), kept = 0, cursor = rs->cursor,
           over = rs->answered - rs->dropped;
    for (size_t i = over; i < rs->nasked; i++)
        place[rs->asked[i]] = 1;
    for (size_t i = 0; i < rs->n; i++) {
        bool stays = place[i] || rs->items[i].told != TOLD_REFUSED;
        place[i] = kept;
        if (stays)
            rs->items[kept++] = rs->items[i];
        else if (i < rs->cursor)
            cursor--;
        if (!stays)
            free_texts(&rs->items[i]);
    }
    for (size_t i = over; i < rs->nasked; i++)
        rs->asked[i - over] = place[rs->asked[i]];
    rs->nasked -= over;
    rs->dropped += over;
    rs->cursor = cursor;
    rs->n = kept;
    free(place);
}

struct recipient *recipients_add(struct recipients *rs, const struct address *to,
                                 const struct rcpt_params *params)
{
    bool is_full = rs->n == rs->room;
    if (is_full && rs->n >= WORTH_LOOKING)
        forget_refused(rs);
    /* If few were dropped, the list grows. Otherwise a list full of accepted ones would be searched
     * each time. */
    if (is_full && rs->n * 2 >= rs->room) {
        rs->room = rs->room ? rs->room * 2 : 4;
        rs->items = mem_resize(rs->items, rs->room * sizeof *rs->items);
    }
    struct recipient *r = &rs->items[rs->n++];
    *r = (struct recipient){
        .to = slice_string(to->text),
        .notify = params->notify.len ? slice_string(params->notify) : NULL,
        .orcpt = params->orcpt.len ? slice_string(params->orcpt) : NULL,
        .index = rs->accepted + rs->refused + rs->waiting,
        .has_utf8 = to->has_utf8,
    };
    rs->waiting++;
    return r;
}

void recipients_restart(struct recipients *rs)
{
    rs->cursor = rs->nasked = rs->answered = rs->dropped = 0;
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
    if (index < rs->dropped || index - rs->dropped >= rs->nasked)
        return NULL;
    rs->answered = index + 1;
    return &rs->items[rs->asked[index - rs->dropped]];
}

enum comparison recipients_compare(const struct recipient *r, const struct reply *reply)
{
    if (r->told != TOLD_ACCEPTED)
        return COMPARE_FIRST;
    return reply_is(reply, 2) ? COMPARE_SAME : COMPARE_CHANGED;
}

void recipients_tell(struct recipients *rs, struct recipient *r, bool accepted)
{
    rs->waiting--;
    r->told = accepted ? TOLD_ACCEPTED : TOLD_REFUSED;
    if (accepted)
        rs->accepted++;
    else
        rs->refused++;
}

bool recipients_promised_utf8(const struct recipients *rs)
{
    for (size_t i = 0; rs->accepted && i < rs->n; i++)
        if (rs->items[i].has_utf8 && rs->items[i].told == TOLD_ACCEPTED)
            return true;
    return false;
}

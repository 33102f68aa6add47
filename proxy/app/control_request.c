#include "app/control_request.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "spool/words.h"

static const struct {
    const char *name;
    enum { TAKES_ID, TAKES_ACCOUNT, TAKES_SECONDS, TAKES_OFFER } takes;
} verbs[] = {
    [CONTROL_LIST] = {"list", TAKES_ACCOUNT},
    [CONTROL_RETRY] = {"retry", TAKES_ID},
    [CONTROL_RETRY_WAITING] = {"retry-waiting", TAKES_ACCOUNT},
    [CONTROL_RETRY_FAILED] = {"retry-failed", TAKES_ACCOUNT},
    [CONTROL_REMOVE] = {"remove", TAKES_ID},
    [CONTROL_DRAIN] = {"drain", TAKES_SECONDS},
    [CONTROL_TAKE] = {"take", TAKES_OFFER},
};
enum { VERBS = sizeof verbs / sizeof verbs[0] };

const char *control_verb_name(enum control_verb verb)
{
    return verbs[verb].name;
}

void control_request_free(struct control_request *r)
{
    free(r->account);
    r->account = NULL;
}

static bool read_id(struct slice *line, char id[SPOOL_ID_SIZE])
{
    struct slice word = words_next(line);
    if (word.len == 0 || word.len >= SPOOL_ID_SIZE || memchr(word.data, 0, word.len))
        return false;
    memcpy(id, word.data, word.len);
    id[word.len] = '\0';
    return spool_id_is_valid(id);
}

static bool read_offer(struct slice *line, struct control_offer *o)
{
    return words_number(words_next(line), &o->now) && words_number(words_next(line), &o->log) &&
           words_number(words_next(line), &o->head) && words_number(words_next(line), &o->body) &&
           o->now <= INT64_MAX && o->log <= CAP_SPOOL_LOG && o->head <= CAP_SPOOL_HEAD &&
           o->body <= INT64_MAX;
}

static bool read_argument(struct slice *line, size_t verb, struct control_request *r)
{
    if (verbs[verb].takes == TAKES_ID)
        return read_id(line, r->id);
    if (verbs[verb].takes == TAKES_SECONDS)
        return words_number(words_next(line), &r->seconds) && r->seconds <= CONTROL_DRAIN_SECONDS;
    if (verbs[verb].takes == TAKES_OFFER)
        return read_offer(line, &r->offer);
    if (line->len == 0)
        return true;
    r->account = words_value(words_next(line));
    return r->account != NULL;
}

bool control_request_read(struct slice line, struct control_request *r_r)
{
    struct slice verb = words_next(&line);
    struct control_request r = {0};
    size_t i = 0;
    while (i < VERBS && !slice_is(verb, verbs[i].name))
        i++;
    if (i == VERBS)
        return false;
    r.verb = (enum control_verb)i;
    if (!read_argument(&line, i, &r) || line.len) {
        control_request_free(&r);
        return false;
    }
    *r_r = r;
    return true;
}

bool control_request_write(struct buf *out, const struct control_request *r)
{
    return buf_printf(out, "%s", verbs[r->verb].name) &&
           (verbs[r->verb].takes != TAKES_ID || words_add(out, r->id)) &&
           (verbs[r->verb].takes != TAKES_SECONDS || buf_printf(out, " %" PRIu64, r->seconds)) &&
           (verbs[r->verb].takes != TAKES_OFFER ||
            buf_printf(out, " %" PRIu64 " %" PRIu64 " %" PRIu64 " %" PRIu64, r->offer.now,
                       r->offer.log, r->offer.head, r->offer.body)) &&
           (!r->account || words_add(out, r->account)) && buf_append(out, "\n", 1);
}

/* ---- answers ---- */

void control_answer_free(struct control_answer *a)
{
    free(a->words);
    free(a->entry.state);
    free(a->entry.account);
    free(a->entry.reason);
    *a = (struct control_answer){0};
}

static bool read_seconds(struct slice word, int64_t *out_r)
{
    uint64_t n;
    if (!words_number(word, &n) || n > INT64_MAX)
        return false;
    *out_r = (int64_t)n;
    return true;
}

static bool read_next(struct slice word, int64_t *out_r)
{
    *out_r = CONTROL_NO_NEXT;
    return slice_is(word, "-") || read_seconds(word, out_r);
}

static bool read_entry(struct slice line, struct control_entry *e)
{
    if (!read_id(&line, e->id))
        return false;
    e->state = words_value(words_next(&line));
    if (!e->state || !read_seconds(words_next(&line), &e->age) ||
        !words_number(words_next(&line), &e->size) || !words_number(words_next(&line), &e->tries) ||
        !read_next(words_next(&line), &e->next))
        return false;
    e->account = words_value(words_next(&line));
    e->reason = words_value(words_next(&line));
    return e->account && e->reason && line.len == 0;
}

static bool read_end(struct slice line, struct control_answer *a)
{
    uint64_t status;
    if (!words_number(words_next(&line), &status) || status > 255)
        return false;
    a->is_end = true;
    a->status = (unsigned)status;
    a->words = words_value(words_next(&line));
    return a->words && line.len == 0;
}

bool control_answer_read(struct slice line, struct control_answer *a_r)
{
    struct slice kind = words_next(&line);
    *a_r = (struct control_answer){0};
    if (slice_is(kind, "end") ? read_end(line, a_r)
                              : slice_is(kind, "entry") && read_entry(line, &a_r->entry))
        return true;
    control_answer_free(a_r);
    return false;
}

bool control_entry_write(struct buf *out, const struct control_entry *e)
{
    char next[24] = "-";
    if (e->next != CONTROL_NO_NEXT)
        snprintf(next, sizeof next, "%" PRId64, e->next);
    return buf_printf(out, "entry %s", e->id) && words_add(out, e->state) &&
           buf_printf(out, " %" PRId64 " %" PRIu64 " %" PRIu64 " %s", e->age, e->size, e->tries,
                      next) &&
           words_add(out, e->account) && words_add(out, e->reason) && buf_append(out, "\n", 1);
}

bool control_end_write(struct buf *out, unsigned status, const char *words)
{
    return buf_printf(out, "end %u", status) && words_add(out, words) && buf_append(out, "\n", 1);
}

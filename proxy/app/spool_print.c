#include "app/spool_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "admin/text.h"
#include "base/caps.h"
#include "base/mem.h"

/* What text_clean makes of an octet takes up to three. */
enum { CLEAN_SIZE = 3 * CAP_ADDRESS + 1, SPAN_SIZE = 32 };

void spool_listing_add(struct spool_listing *l, const struct control_entry *entry)
{
    if (l->n == l->room) {
        size_t room = l->room ? 2 * l->room : 64;
        struct control_entry *more = mem_alloc(room * sizeof *more);
        if (l->n)
            memcpy(more, l->entries, l->n * sizeof *more);
        free(l->entries);
        l->entries = more;
        l->room = room;
    }
    struct control_entry *kept = &l->entries[l->n++];
    *kept = *entry;
    kept->state = mem_string(entry->state);
    kept->account = mem_string(entry->account);
    kept->reason = mem_string(entry->reason);
}

void spool_listing_free(struct spool_listing *l)
{
    for (size_t i = 0; i < l->n; i++) {
        free(l->entries[i].state);
        free(l->entries[i].account);
        free(l->entries[i].reason);
    }
    free(l->entries);
    *l = (struct spool_listing){0};
}

/* The two largest units: "2d 3h", "5m 10s". */
static const char *span(int64_t seconds, char out[SPAN_SIZE])
{
    static const struct {
        int64_t seconds;
        char name;
    } units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
    size_t i = 0;
    while (i < 3 && seconds < units[i].seconds)
        i++;
    int64_t more = i < 3 ? seconds % units[i].seconds / units[i + 1].seconds : 0;
    if (more)
        snprintf(out, SPAN_SIZE, "%" PRId64 "%c %" PRId64 "%c", seconds / units[i].seconds,
                 units[i].name, more, units[i + 1].name);
    else
        snprintf(out, SPAN_SIZE, "%" PRId64 "%c", seconds / units[i].seconds, units[i].name);
    return out;
}

static const char *clean(const char *text, char out[CLEAN_SIZE])
{
    text_clean(out, CLEAN_SIZE, slice_of(text));
    return out;
}

/* It has still to be served, or was given up. */
static bool is_left(const struct spool_file *f, size_t i)
{
    return f->history.recipients[i].fate != FATE_SERVED;
}

/* Of the last try where the server knows it, else as it was written down. */
static const char *reason_of(const struct control_entry *e, const struct spool_file *f,
                             char room[HISTORY_REASON])
{
    return e->reason[0] ? e->reason : spool_file_reason(f, room);
}

/* ---- list ---- */

static void print_one(const struct control_entry *e, const struct spool_file *f)
{
    char words[CLEAN_SIZE], age[SPAN_SIZE], next[SPAN_SIZE], room[HISTORY_REASON];
    printf("%s  %s  %s  %" PRIu64 " octets  %" PRIu64 " %s  ", e->id, e->state, span(e->age, age),
           e->size, e->tries, e->tries == 1 ? "try" : "tries");
    if (e->next > 0)
        printf("next in %s  ", span(e->next, next));
    printf("account %s\n", clean(e->account, words));
    printf("    from <%s>\n", clean(f->envelope.sender, words));
    for (size_t i = 0; i < f->envelope.nrecipients; i++)
        if (is_left(f, i))
            printf("    to <%s>\n", clean(f->envelope.recipients[i].address, words));
    if (reason_of(e, f, room)[0])
        printf("    %s\n", clean(reason_of(e, f, room), words));
}

static json_t *text_json(const char *text)
{
    char words[CLEAN_SIZE];
    return json_string(clean(text, words));
}

static void print_json(const struct control_entry *e, const struct spool_file *f)
{
    char room[HISTORY_REASON];
    json_t *to = json_array();
    for (size_t i = 0; i < f->envelope.nrecipients; i++)
        if (is_left(f, i))
            json_array_append_new(to, text_json(f->envelope.recipients[i].address));
    json_t *o =
        json_pack("{s:s, s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:s, s:o}", "id", e->id, "age",
                  (json_int_t)e->age, "size", (json_int_t)e->size, "tries", (json_int_t)e->tries,
                  "next", e->next == CONTROL_NO_NEXT ? json_null() : json_integer(e->next),
                  "account", text_json(e->account), "sender", text_json(f->envelope.sender),
                  "recipients", to, "state", e->state, "reason", text_json(reason_of(e, f, room)));
    json_dumpf(o, stdout, JSON_COMPACT);
    json_decref(o);
}

void spool_listing_print(const struct spool_listing *l, const char *directory, bool json)
{
    size_t printed = 0, failed = 0;
    uint64_t octets = 0;
    if (json)
        printf("[");
    for (size_t i = 0; i < l->n; i++) {
        struct spool_file f;
        struct err err;
        /* It was sent in the meantime, or is damaged: the server says so in its log. */
        if (spool_file_open(directory, l->entries[i].id, &f, &err) != 0)
            continue;
        if (json)
            printf(printed ? ",\n" : "\n");
        (json ? print_json : print_one)(&l->entries[i], &f);
        octets += l->entries[i].size;
        failed += f.is_failed;
        printed++;
        spool_file_close(&f);
    }
    if (json)
        printf("\n]\n");
    else if (!printed)
        printf("Mail queue is empty\n");
    else
        printf("%zu message%s, %" PRIu64 " octets, %zu failed\n", printed, printed == 1 ? "" : "s",
               octets, failed);
}

/* ---- show ---- */

static void print_line(const char *name, const char *value)
{
    char words[CLEAN_SIZE];
    if (value[0])
        printf("%s: %s\n", name, clean(value, words));
}

static const char *fate_name(enum fate fate)
{
    static const char *const names[] = {[FATE_WAITING] = "waits",
                                        [FATE_PUT_OFF] = "put off",
                                        [FATE_REFUSED] = "refused",
                                        [FATE_SERVED] = "served",
                                        [FATE_FAILED] = "given up"};
    return names[fate];
}

void spool_print_file(const struct spool_file *f)
{
    const struct spool_envelope *e = &f->envelope;
    char words[CLEAN_SIZE];
    print_line("id", e->id);
    printf("place: %s\n", f->is_failed ? "failed" : "queue");
    print_line("account", e->account);
    print_line("listener", e->listener);
    print_line("client", e->client);
    print_line("login", e->login);
    print_line("destination", e->destination);
    print_line("date", e->date);
    print_line("message-id", e->message_id);
    print_line("kept because", e->reason);
    printf("octets: %" PRIu64 "\ntries: %u, without an answer: %u, bounces: %u\n", f->body,
           f->history.tries, history_unknown(&f->history), f->history.bounces);
    printf("from: <%s>\n", clean(e->sender, words));
    for (size_t i = 0; i < e->nrecipients; i++) {
        const struct history_recipient *r = &f->history.recipients[i];
        printf("to: <%s> %s", clean(e->recipients[i].address, words), fate_name(r->fate));
        if (r->code)
            printf(" %u", r->code);
        if (r->words && r->words[0])
            printf(" %s", clean(r->words, words));
        printf("\n");
    }
}

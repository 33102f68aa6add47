#include "mail/rewrite.h"

#include <stdlib.h>

#include "base/caps.h"
#include "wire/address.h"
#include "wire/mailbox.h"

static void flush(struct rewrite *r)
{
    if (r->run.len)
        r->put(r->ctx, r->run);
    r->run = slice_of("");
}

static void emit(struct rewrite *r, struct slice octets)
{
    flush(r);
    if (!octets.len)
        return;
    r->mid_line = octets.data[octets.len - 1] != '\n';
    r->put(r->ctx, octets);
}

/* Passes n > 0 octets of the current call. */
static void pass(struct rewrite *r, const char *at, size_t n)
{
    if (!r->run.len)
        r->run.data = at;
    r->run.len += n;
    r->mid_line = at[n - 1] != '\n';
}

static void emit_held(struct rewrite *r)
{
    emit(r, buf_view(&r->held));
    buf_clear(&r->held);
}

/* ------------------------------------------------------------------ From and Sender */

static bool is_blank(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.data[i] > ' ')
            return false;
    return true;
}

/* Writes the mailboxes of the original as a valid list: as it came if it is one, else each mailbox
 * that has an address. */
static void list_mailboxes(struct buf *list, struct slice value)
{
    enum { LINE = 500 };
    struct mailbox m;
    struct buf one;
    size_t line = 0;
    if (mailbox_count_valid(value)) {
        bool fits = buf_append_slice(list, value);
        /* It is part of what was held under the same cap. */
        (void)fits;
        return;
    }
    buf_init(&one, CAP_HEADER_LINE);
    for (size_t at = 0; mailbox_next(value, &at, &m);) {
        struct address a;
        struct slice rest;
        buf_clear(&one);
        if (!address_parse_path(m.address, &a, &rest) || rest.len || !a.domain.len)
            continue;
        bool folds = list->len - line > LINE;
        line = folds ? list->len : line;
        /* The part that does not fit any more is in X-Original-From. */
        if (!buf_printf(&one, "%s",
                        !list->len ? " "
                        : folds    ? ",\r\n "
                                   : ", ") ||
            !mailbox_write(&one, m.name, a.text) || !buf_append_slice(list, buf_view(&one)))
            break;
    }
    buf_free(&one);
}

static void keep_original(struct rewrite *r, struct slice value)
{
    if (is_blank(value))
        return;
    bool fits = buf_append_slice(&r->original, value);
    /* It is part of what was held under the same cap. */
    (void)fits;
    list_mailboxes(&r->reply_to, value);
}

/* Keeps the name with its folding, and changes only the address. The first of several mailboxes
 * stays. */
static bool readdress_in_place(const struct rewrite *r, struct slice value, const struct mailbox *m,
                               size_t end, struct buf *out)
{
    return buf_append_slice(out, slice_head(value, m->from)) &&
           buf_append_slice(out, slice_of(r->plan.header_from)) &&
           buf_append_slice(out, slice_from(slice_head(value, end), m->to)) &&
           mailbox_count_valid(buf_view(out)) == 1;
}

/* A value that would not become exactly one valid mailbox that way is written anew with its
 * name. */
static void emit_readdressed(struct rewrite *r, struct slice value, const struct mailbox *m,
                             size_t end)
{
    struct slice name = m ? m->name : slice_of(""), ours = slice_of(r->plan.header_from);
    struct buf made;
    buf_init(&made, 2 * CAP_HEADER_LINE);
    if (!m || !readdress_in_place(r, value, m, end, &made)) {
        buf_clear(&made);
        if (!buf_append(&made, " ", 1) || !mailbox_write(&made, name, ours)) {
            buf_clear(&made);
            (void)!buf_printf(&made, " %s", r->plan.header_from);
        }
    }
    emit(r, buf_view(&made));
    buf_free(&made);
}

static size_t line_end(struct slice field)
{
    size_t n = field.len;
    while (n && (field.data[n - 1] == '\r' || field.data[n - 1] == '\n'))
        n--;
    return n;
}

static void finish_address_field(struct rewrite *r)
{
    struct slice field = buf_view(&r->held);
    size_t begin = slice_find(field, ':') + 1, end = line_end(field);
    struct slice value = slice_from(slice_head(field, end), begin);
    struct mailbox m, other;
    size_t at = 0;
    bool readable = mailbox_next(value, &at, &m);
    bool several = readable && mailbox_next(value, &at, &other);
    if (readable && slice_is_word(m.address, r->plan.header_from) &&
        mailbox_count_valid(value) == 1) {
        emit_held(r);
        return;
    }
    if (r->mode == REWRITE_FROM)
        keep_original(r, value);
    emit(r, slice_head(field, begin));
    emit_readdressed(r, value, readable ? &m : NULL, several ? m.end : value.len);
    emit(r, slice_from(field, end));
    buf_clear(&r->held);
}

/* ------------------------------------------------------------------ the section's end */

/* A field whose absence a signature covers must stay absent. */
static void heed_signatures(struct rewrite *r)
{
    bool fixes = r->plan.separate, adds_from = fixes || r->plan.header_from;
    r->left_date = r->left_date || (fixes && !r->has_date && r->signatures.date);
    r->left_message_id =
        r->left_message_id || (fixes && !r->has_message_id && r->signatures.message_id);
    r->left_from = r->left_from || (adds_from && !r->has_from && r->signatures.from);
    r->has_date = r->has_date || r->left_date;
    r->has_message_id = r->has_message_id || r->left_message_id;
    r->has_from = r->has_from || r->left_from;
}

/* It is known only at the end of the header which lines are missing. */
static void complete_plan(struct rewrite *r)
{
    heed_signatures(r);
    if (r->plan.complete && !(r->has_date && r->has_message_id && r->has_from))
        r->plan.complete(&r->plan, r->ctx);
    r->plan.complete = NULL;
}

static bool adds_at_end(const struct rewrite *r)
{
    return (r->plan.date && !r->has_date) || (r->plan.message_id && !r->has_message_id) ||
           (r->plan.from && !r->has_from) || buf_view(&r->original).len > 0;
}

static void emit_copy(struct rewrite *r, const char *name, const struct buf *value)
{
    emit(r, slice_of(name));
    emit(r, buf_view(value));
    emit(r, slice_of("\r\n"));
}

static void emit_missing(struct rewrite *r)
{
    if (r->mid_line && adds_at_end(r))
        emit(r, slice_of("\r\n"));
    if (!r->has_date)
        emit(r, slice_of(r->plan.date));
    if (!r->has_message_id)
        emit(r, slice_of(r->plan.message_id));
    if (!r->has_from)
        emit(r, slice_of(r->plan.from));
    if (r->reply_to.len && !r->has_reply_to)
        emit_copy(r, "Reply-To:", &r->reply_to);
    if (r->original.len)
        emit_copy(r, "X-Original-From:", &r->original);
}

static void finish_field(struct rewrite *r)
{
    dkim_scan_end(&r->signatures);
    switch (r->mode) {
    case REWRITE_FROM:
    case REWRITE_SENDER: finish_address_field(r); break;
    case REWRITE_MBOX: buf_clear(&r->held); break;
    case REWRITE_NAME:
    case REWRITE_PASS: break;
    }
    r->mode = REWRITE_PASS;
}

/* The held octets belong to the body, or there are none. */
static void finish_section(struct rewrite *r, bool has_blank_line)
{
    complete_plan(r);
    bool added = adds_at_end(r) || (r->plan.first && !r->has_fields);
    emit_missing(r);
    if (!has_blank_line && (added || r->plan.separate))
        emit(r, slice_of("\r\n"));
    emit_held(r);
    buf_free(&r->original);
    buf_free(&r->reply_to);
    r->scan.place = HEADER_OVER;
}

/* ------------------------------------------------------------------ fields */

/* A second From. A message may have only one (RFC 5322 3.6). */
static void begin_from(struct rewrite *r)
{
    if (!r->plan.header_from) {
        emit_held(r);
    } else if (!r->has_from) {
        r->mode = REWRITE_FROM;
    } else {
        buf_clear(&r->held);
        emit(r, slice_of("X-Original-From:"));
    }
    r->has_from = true;
}

/* The colon came. The held octets end with it. */
static void begin_field(struct rewrite *r)
{
    struct slice name = header_scan_name(&r->scan);
    r->mode = REWRITE_PASS;
    r->has_fields = true;
    if (slice_is_word(name, "From")) {
        begin_from(r);
        return;
    }
    r->has_date = r->has_date || slice_is_word(name, "Date");
    r->has_message_id = r->has_message_id || slice_is_word(name, "Message-ID");
    r->has_reply_to = r->has_reply_to || slice_is_word(name, "Reply-To");
    if (slice_is_word(name, "DKIM-Signature"))
        dkim_scan_begin(&r->signatures);
    if (r->plan.header_from && slice_is_word(name, "Sender"))
        r->mode = REWRITE_SENDER;
    else
        emit_held(r);
}

/* A first line "From ..." without a colon behind the word. */
static void begin_mbox_line(struct rewrite *r)
{
    r->mode = r->plan.separate || r->plan.first ? REWRITE_MBOX : REWRITE_PASS;
    if (r->mode == REWRITE_PASS)
        emit_held(r);
}

/* ------------------------------------------------------------------ octets */

/* Adds an octet to those held. Returns false, having put them, if they grow too long to be what
 * they seemed to be. */
static bool hold(struct rewrite *r, char c)
{
    bool address = r->mode == REWRITE_FROM || r->mode == REWRITE_SENDER;
    bool fits = buf_append(&r->held, &c, 1);
    /* The buffer takes one more than the larger cap. */
    (void)fits;
    if (buf_view(&r->held).len <= (address ? CAP_HEADER_LINE : CAP_HEADER_NAME))
        return true;
    if (address) {
        r->too_long = true;
        r->mode = REWRITE_PASS;
        emit_held(r);
    } else {
        finish_section(r, false);
    }
    return false;
}

static void in_value(struct rewrite *r, const char *at)
{
    if (r->mode == REWRITE_PASS) {
        dkim_scan(&r->signatures, slice_make(at, 1));
        pass(r, at, 1);
        return;
    }
    if (!hold(r, *at))
        return;
    if (r->mode == REWRITE_MBOX && *at == '\n' && !header_is_mbox_line(buf_view(&r->held)))
        finish_section(r, false);
}

static void in_name(struct rewrite *r, const char *at)
{
    if (!hold(r, *at))
        return;
    switch (r->scan.place) {
    /* It is a line that is no field. */
    case HEADER_OVER: finish_section(r, false); break;
    case HEADER_VALUE:
        if (r->scan.in_mbox_line)
            begin_mbox_line(r);
        else
            begin_field(r);
        break;
    case HEADER_NAME:
    case HEADER_AFTER_NAME:
    case HEADER_LINE_START: break;
    }
}

static void at_line_start(struct rewrite *r, const char *at)
{
    switch (r->scan.place) {
    case HEADER_OVER:
        finish_field(r);
        finish_section(r, *at == '\r' || *at == '\n');
        pass(r, at, 1);
        break;
    case HEADER_NAME:
        finish_field(r);
        r->mode = REWRITE_NAME;
        (void)hold(r, *at);
        break;
    /* The field continues. */
    case HEADER_VALUE: in_value(r, at); break;
    case HEADER_AFTER_NAME:
    case HEADER_LINE_START: break;
    }
}

static void begin(struct rewrite *r)
{
    if (!r->begun)
        emit(r, slice_of(r->plan.first));
    r->begun = true;
}

void rewrite_feed(struct rewrite *r, struct slice octets)
{
    size_t i = 0;
    begin(r);
    for (; i < octets.len && !header_scan_is_over(&r->scan); i++) {
        /* Most octets of a header are these: nothing happens before the line's end. */
        if (r->scan.place == HEADER_VALUE && r->mode == REWRITE_PASS) {
            size_t n = slice_find(slice_from(octets, i), '\n');
            if (n)
                pass(r, octets.data + i, n);
            dkim_scan(&r->signatures, slice_make(octets.data + i, n));
            i += n;
            if (i == octets.len)
                break;
        }
        enum header_place before = r->scan.place;
        header_scan(&r->scan, slice_make(octets.data + i, 1));
        if (before == HEADER_LINE_START)
            at_line_start(r, octets.data + i);
        else if (before == HEADER_VALUE)
            in_value(r, octets.data + i);
        else
            in_name(r, octets.data + i);
    }
    flush(r);
    if (i < octets.len)
        r->put(r->ctx, slice_from(octets, i));
}

/* ------------------------------------------------------------------ begin and end */

void rewrite_begin(struct rewrite *r, struct rewrite_plan *plan,
                   void (*put)(void *ctx, struct slice octets), void *ctx)
{
    *r = (struct rewrite){
        .plan = *plan, .put = put, .ctx = ctx, .mode = REWRITE_PASS, .run = slice_of("")};
    *plan = (struct rewrite_plan){0};
    buf_init(&r->held, CAP_HEADER_LINE + 1);
    buf_init(&r->original, CAP_HEADER_LINE);
    buf_init(&r->reply_to, CAP_HEADER_LINE);
    header_scan_init(&r->scan);
}

/* A last line without its end is possible only here. A message from a client ends in CRLF. */
void rewrite_end(struct rewrite *r)
{
    begin(r);
    if (header_scan_is_over(&r->scan))
        return;
    bool is_field = r->mode != REWRITE_NAME &&
                    (r->mode != REWRITE_MBOX || header_is_mbox_line(buf_view(&r->held)));
    if (!is_field) {
        finish_section(r, false);
        return;
    }
    finish_field(r);
    complete_plan(r);
    finish_section(r, !adds_at_end(r));
}

void rewrite_free(struct rewrite *r)
{
    free(r->plan.first);
    free(r->plan.date);
    free(r->plan.message_id);
    free(r->plan.from);
    free(r->plan.header_from);
    buf_free(&r->held);
    buf_free(&r->original);
    buf_free(&r->reply_to);
    *r = (struct rewrite){0};
}

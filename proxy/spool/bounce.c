#include "spool/bounce.h"

#include <stdio.h>
#include <string.h>

#include "base/hex.h"
#include "wire/date.h"
#include "wire/utf8.h"

/* ------------------------------------------------------------------ words */

static bool is_digits(const char **text)
{
    const char *at = *text;
    while (at - *text < 3 && ascii_is_digit(*at))
        at++;
    bool any = at != *text;
    *text = at;
    return any;
}

/* Returns the length of a status such as "5.1.1" at the beginning, or 0. */
static size_t status_length(const char *words)
{
    const char *at = words;
    if ((*at != '4' && *at != '5') || at[1] != '.')
        return 0;
    at += 2;
    if (!is_digits(&at) || *at++ != '.' || !is_digits(&at) || (*at && *at != ' '))
        return 0;
    return (size_t)(at - words);
}

void bounce_status(const struct history_recipient *r, char out[16])
{
    const char *words = r->words ? r->words : "";
    size_t len = status_length(words);
    if (len)
        snprintf(out, 16, "%.*s", (int)len, words);
    else if (r->code >= 400 && r->code < 600)
        snprintf(out, 16, "%u.0.0", r->code / 100);
    else
        snprintf(out, 16, "4.4.7");
}

bool bounce_is_wanted(const char *notify)
{
    struct slice rest = slice_of(notify);
    if (!rest.len)
        return true;
    while (rest.len) {
        size_t end = slice_find(rest, ',');
        if (slice_is_word(slice_head(rest, end), "FAILURE"))
            return true;
        rest = slice_from(rest, end + 1);
    }
    return false;
}

bool bounce_unfold_xtext(struct buf *out, const char *xtext)
{
    struct slice rest = slice_of(xtext);
    while (rest.len) {
        int octet = rest.data[0] == '+' ? hex_octet(slice_from(rest, 1)) : -1;
        char c = octet >= 0 ? (char)octet : rest.data[0];
        rest = slice_from(rest, octet >= 0 ? 3 : 1);
        if (ascii_is_control(c) || (unsigned char)c > 126)
            c = '?';
        if (!buf_append(out, &c, 1))
            return false;
    }
    return true;
}

size_t bounce_header_length(struct slice in)
{
    if (in.len >= 2 && memcmp(in.data, "\r\n", 2) == 0)
        return 0;
    for (size_t i = 0; i + 4 <= in.len; i++)
        if (memcmp(in.data + i, "\r\n\r\n", 4) == 0)
            return i + 2;
    return in.len;
}

/* Writes other people's words on one line without controls, in ASCII if the bounce is in ASCII. */
static bool put_clean(struct buf *out, const char *text, bool utf8)
{
    enum { WORDS_MAX = 400 };
    struct slice in = slice_of(text);
    in = slice_head(in, utf8 ? utf8_cut(in, WORDS_MAX) : WORDS_MAX);
    bool keeps_high = utf8 && utf8_is_valid(in);
    bool fits = true;
    for (size_t i = 0; i < in.len; i++) {
        char c = in.data[i];
        bool is_plain = !ascii_is_control(c) && (keeps_high || (unsigned char)c < 127);
        fits = fits && buf_append(out, is_plain ? &c : c == '\n' ? " " : "?", 1);
    }
    return fits;
}

/* ------------------------------------------------------------------ for people */

static bool put_span(struct buf *out, usec age)
{
    long long minutes = (long long)(age / USEC_PER_SEC / 60);
    if (minutes >= 48 * 60)
        return buf_printf(out, "%lld days", minutes / 60 / 24);
    if (minutes >= 120)
        return buf_printf(out, "%lld hours", minutes / 60);
    return buf_printf(out, "%lld minutes", minutes);
}

static bool put_why(struct buf *out, const struct bounce_facts *f)
{
    switch (f->why) {
    case BOUNCE_REFUSED:
        return buf_printf(out, "It was refused for good, and will not be tried again.\r\n");
    case BOUNCE_TOO_OLD:
        return buf_printf(out, "It was tried for ") && put_span(out, f->age) &&
               buf_printf(out, ", and will not be tried again.\r\n");
    case BOUNCE_UNKNOWN:
        return buf_printf(
            out,
            "It may have arrived up to %u times: each time it was sent whole, and no\r\n"
            "answer came. It will not be tried again, so that it does not arrive\r\n"
            "once more. Ask the recipients before you send it again.\r\n",
            f->unknown);
    }
    return false;
}

static bool put_recipients(struct buf *out, const struct bounce_facts *f)
{
    bool utf8 = f->envelope->smtputf8, fits = true;
    for (size_t i = 0; i < f->n; i++) {
        const struct history_recipient *r = &f->history->recipients[f->recipients[i]];
        fits = fits && buf_printf(out, "\r\n    ") &&
               put_clean(out, f->envelope->recipients[f->recipients[i]].address, utf8) &&
               buf_printf(out, "\r\n");
        if (r->words && r->words[0] && r->code)
            fits = fits &&
                   buf_printf(out, "        %s answered: %u ",
                              f->host[0] ? f->host : "the upstream", r->code) &&
                   put_clean(out, r->words, utf8) && buf_printf(out, "\r\n");
        else if (r->words && r->words[0])
            fits = fits && buf_printf(out, "        ") && put_clean(out, r->words, utf8) &&
                   buf_printf(out, "\r\n");
    }
    return fits;
}

static bool put_people_part(struct buf *out, const struct bounce_facts *f)
{
    bool utf8 = f->envelope->smtputf8;
    bool fits = buf_printf(out,
                           "Content-Type: text/plain; charset=%s\r\n"
                           "Content-Transfer-Encoding: %s\r\n\r\n"
                           "To send it again, run `smtp-detour spool retry %s`\r\n"
                           "on %s, once what is said below is mended.\r\n\r\n"
                           "A message that was accepted there could not be delivered to:\r\n",
                           utf8 ? "utf-8" : "us-ascii", utf8 ? "8bit" : "7bit", f->envelope->id,
                           f->hostname);
    fits = fits && put_recipients(out, f) && buf_printf(out, "\r\n") && put_why(out, f);
    if (f->finding[0])
        fits = fits && buf_printf(out, "\r\nWhat stood in the way: ") &&
               put_clean(out, f->finding, utf8) && buf_printf(out, "\r\n");
    return fits && buf_printf(out, "\r\nThe beginning of the message is below.\r\n");
}

/* ------------------------------------------------------------------ for programs */

static bool put_original_recipient(struct buf *out, const char *orcpt)
{
    size_t kind = slice_find(slice_of(orcpt), ';');
    if (!orcpt[0] || !orcpt[kind])
        return true;
    return buf_printf(out, "Original-Recipient: %.*s; ", (int)kind, orcpt) &&
           bounce_unfold_xtext(out, orcpt + kind + 1) && buf_printf(out, "\r\n");
}

static bool put_status_of(struct buf *out, const struct bounce_facts *f, size_t index)
{
    const struct spool_recipient *to = &f->envelope->recipients[index];
    const struct history_recipient *r = &f->history->recipients[index];
    bool utf8 = f->envelope->smtputf8;
    bool has_high = utf8_has_high(slice_of(to->address));
    char status[16];
    bounce_status(r, status);
    bool fits = buf_printf(out, "\r\n") && put_original_recipient(out, to->orcpt) &&
                buf_printf(out, "Final-Recipient: %s; ", utf8 && has_high ? "utf-8" : "rfc822") &&
                put_clean(out, to->address, utf8) &&
                buf_printf(out, "\r\nAction: failed\r\nStatus: %s\r\n", status);
    if (r->code && r->words && r->words[0]) {
        if (f->host[0])
            fits = fits && buf_printf(out, "Remote-MTA: dns; %s\r\n", f->host);
        fits = fits && buf_printf(out, "Diagnostic-Code: smtp; %u ", r->code) &&
               put_clean(out, r->words, utf8) && buf_printf(out, "\r\n");
    } else if (f->finding[0] || (r->words && r->words[0])) {
        /* This reply is not a server's. RFC 3464 2.3.6 wants another name for it. */
        fits = fits && buf_printf(out, "Diagnostic-Code: x-smtp-detour; ") &&
               put_clean(out, f->finding[0] ? f->finding : r->words, utf8) &&
               buf_printf(out, "\r\n");
    }
    return fits;
}

static bool put_program_part(struct buf *out, const struct bounce_facts *f)
{
    char arrived[DATE_TEXT];
    const struct spool_envelope *e = f->envelope;
    bool fits = buf_printf(out,
                           "Content-Type: message/%sdelivery-status\r\n%s\r\n"
                           "Reporting-MTA: dns; %s\r\n",
                           e->smtputf8 ? "global-" : "",
                           e->smtputf8 ? "Content-Transfer-Encoding: 8bit\r\n" : "", f->hostname);
    if (e->envid[0])
        fits = fits && buf_printf(out, "Original-Envelope-Id: ") &&
               bounce_unfold_xtext(out, e->envid) && buf_printf(out, "\r\n");
    if (e->written_ms > 0)
        fits = fits &&
               buf_printf(out, "Arrival-Date: %s\r\n", date_text(e->written_ms / 1000, arrived));
    for (size_t i = 0; i < f->n; i++)
        fits = fits && put_status_of(out, f, f->recipients[i]);
    return fits;
}

/* ------------------------------------------------------------------ the message */

static bool put_quoted(struct buf *out, const struct bounce_facts *f)
{
    bool utf8 = f->envelope->smtputf8;
    const char *type = f->is_whole ? utf8 ? "message/global" : "message/rfc822"
                       : utf8      ? "message/global-headers"
                                   : "text/rfc822-headers";
    struct slice q = f->quoted;
    bool ends = q.len >= 2 && memcmp(q.data + q.len - 2, "\r\n", 2) == 0;
    return buf_printf(out, "Content-Type: %s\r\nContent-Transfer-Encoding: %s\r\n\r\n", type,
                      utf8_has_high(q) ? "8bit" : "7bit") &&
           buf_append_slice(out, q) && (ends || buf_printf(out, "\r\n"));
}

static bool holds(struct slice in, struct slice what)
{
    for (size_t i = 0; i + what.len <= in.len; i++)
        if (memcmp(in.data + i, what.data, what.len) == 0)
            return true;
    return false;
}

static void choose_boundary(const struct bounce_facts *f, char *out, size_t size)
{
    unsigned n = 0;
    do
        snprintf(out, size, "=_%s_%u", f->id, n++);
    while (holds(f->quoted, slice_of(out)));
}

bool bounce_write(struct buf *out, const struct bounce_facts *f)
{
    char boundary[80];
    choose_boundary(f, boundary, sizeof boundary);
    bool fits =
        buf_printf(out, "From: \"Mail Delivery System\" <%s>\r\nTo: ", f->from) &&
        put_clean(out, f->to, f->envelope->smtputf8) &&
        buf_printf(out,
                   "\r\nSubject: Undelivered mail: it was not sent\r\nDate: %s\r\n"
                   "Message-ID: <%s@%s>\r\nAuto-Submitted: auto-replied\r\nMIME-Version: 1.0\r\n"
                   "Content-Type: multipart/report; report-type=delivery-status;\r\n"
                   "\tboundary=\"%s\"\r\n\r\n--%s\r\n",
                   f->date, f->id, f->hostname, boundary, boundary);
    return fits && put_people_part(out, f) && buf_printf(out, "\r\n--%s\r\n", boundary) &&
           put_program_part(out, f) && buf_printf(out, "\r\n--%s\r\n", boundary) &&
           put_quoted(out, f) && buf_printf(out, "\r\n--%s--\r\n", boundary);
}

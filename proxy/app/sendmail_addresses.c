#include "app/sendmail_addresses.h"

#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "wire/address.h"

/* One address while it is read. If there are angle brackets, their content counts, else everything
 * but comments. */
struct address_reading {
    struct slice in;
    size_t at;
    char text[CAP_ADDRESS + 1];
    size_t len;
    bool too_long, has_angle, in_angle, blank_before, words_apart;
};

static void forget(struct address_reading *r)
{
    r->len = 0;
    r->too_long = r->has_angle = r->in_angle = r->blank_before = r->words_apart = false;
}

static void put(struct address_reading *r, char c)
{
    if (r->len == CAP_ADDRESS)
        r->too_long = true;
    else
        r->text[r->len++] = c;
}

/* Blanks are dropped around '@' and '.'. Between two words they mean that this is a name and not an
 * address. */
static void put_word_octet(struct address_reading *r, char c)
{
    bool joins = c == '@' || c == '.' ||
                 (r->len && (r->text[r->len - 1] == '@' || r->text[r->len - 1] == '.'));
    if (r->blank_before && r->len && !joins) {
        r->words_apart = true;
        put(r, ' ');
    }
    r->blank_before = false;
    put(r, c);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Skips from the opening parenthesis to its end. Comments nest. An unclosed one takes the rest. */
static void skip_comment(struct address_reading *r)
{
    int depth = 0;
    for (; r->at < r->in.len; r->at++) {
        char c = r->in.data[r->at];
        if (c == '\\')
            r->at++;
        else if (c == '(')
            depth++;
        else if (c == ')' && --depth == 0)
            break;
    }
    r->blank_before = true;
}

/* Copies a quoted string or a domain literal as written, without the line ends of folding. */
static void copy_until(struct address_reading *r, char end)
{
    bool first = true;
    for (; r->at < r->in.len; r->at++) {
        char c = r->in.data[r->at];
        if (c == '\r' || c == '\n')
            continue;
        if (first)
            put_word_octet(r, c);
        else
            put(r, c);
        if (c == '\\' && r->at + 1 < r->in.len)
            put(r, r->in.data[++r->at]);
        else if (c == end && !first)
            return;
        first = false;
    }
}

static bool known(const struct mailboxes *list, struct slice text)
{
    for (size_t i = 0; i < list->n; i++)
        if (slice_is(text, list->items[i]))
            return true;
    return false;
}

static void append(char ***items, size_t *n, struct slice text)
{
    *items = mem_resize(*items, (*n + 1) * sizeof **items);
    (*items)[(*n)++] = slice_string(text);
}

/* The text is printed on a terminal. */
static void append_bad(struct mailboxes *list, struct address_reading *r)
{
    enum { SHOWN = 200 };
    for (size_t i = 0; i < r->len; i++)
        if (ascii_is_control(r->text[i]))
            r->text[i] = '?';
    append(&list->bad, &list->n_bad,
           slice_head(slice_make(r->text, r->len), r->len < SHOWN ? r->len : SHOWN));
}

static int finish(struct address_reading *r, struct mailboxes *list, struct err *err)
{
    struct slice text = slice_make(r->text, r->len), rest;
    struct address address;
    bool one = !r->too_long && !r->words_apart && !r->in_angle;
    if (text.len && list->n + list->n_bad == CAP_SENDMAIL_RECIPIENTS) {
        err_set(err, ERR_LIMIT, "more than %d recipients", CAP_SENDMAIL_RECIPIENTS);
        return -1;
    }
    if (text.len &&
        (!one || !address_parse_path(text, &address, &rest) || rest.len || address.text.len == 0))
        append_bad(list, r);
    else if (text.len && !known(list, address.text))
        append(&list->items, &list->n, address.text);
    forget(r);
    return 0;
}

/* Text behind the closing bracket (a stray name) does not count. */
static void open_angle(struct address_reading *r)
{
    forget(r);
    r->has_angle = r->in_angle = true;
}

static int step(struct address_reading *r, struct mailboxes *list, struct err *err)
{
    char c = r->in.data[r->at];
    bool after_angle = r->has_angle && !r->in_angle, was_apart = r->words_apart;
    size_t kept = r->len;
    if (is_blank(c))
        r->blank_before = true;
    else if (c == '(')
        skip_comment(r);
    else if (c == '"' || c == '[')
        copy_until(r, c == '"' ? '"' : ']');
    else if (c == '<' && !r->has_angle)
        open_angle(r);
    else if (c == '>' && r->in_angle)
        r->in_angle = false;
    /* A comma of a source route separates nothing. */
    else if ((c == ',' || c == ';') && !(r->in_angle && r->len && r->text[0] == '@'))
        return finish(r, list, err);
    /* It ends the name of a group. */
    else if (c == ':' && !r->has_angle && !(r->len && r->text[0] == '@'))
        forget(r);
    else
        put_word_octet(r, c);
    if (after_angle) {
        r->len = kept;
        r->words_apart = was_apart;
    }
    return 0;
}

int mailboxes_read(struct mailboxes *list, struct slice text, struct err *err)
{
    struct address_reading r = {.in = text};
    for (; r.at < text.len; r.at++)
        if (step(&r, list, err) != 0)
            return -1;
    return finish(&r, list, err);
}

void mailboxes_free(struct mailboxes *list)
{
    for (size_t i = 0; i < list->n; i++)
        free(list->items[i]);
    for (size_t i = 0; i < list->n_bad; i++)
        free(list->bad[i]);
    free(list->items);
    free(list->bad);
    *list = (struct mailboxes){0};
}

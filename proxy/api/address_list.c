#include "api/address_list.h"

#include <string.h>

#include "base/caps.h"

enum list_token { END, BAD, WORD, QUOTED, LITERAL, SPECIAL };

struct lexer {
    struct slice in;
    /* The current token, and where the next begins. */
    enum list_token token;
    char special;
    size_t from, to;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_hostile(char c)
{
    return ascii_is_control(c) && !is_blank(c);
}

static bool is_atext(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || (unsigned char)c > 127 ||
           (c != 0 && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Returns the position behind what ends with `close`, or 0 if it never ends. Comments nest. */
static size_t closed_end(struct slice s, size_t i, char open, char close)
{
    size_t depth = 1;
    for (i++; i < s.len; i++) {
        char c = s.data[i];
        if (is_hostile(c) || (c == '\\' && ++i == s.len) || is_hostile(s.data[i]))
            return 0;
        if (c == close && --depth == 0)
            return i + 1;
        if (c == open)
            depth++;
    }
    return 0;
}

static void advance(struct lexer *l)
{
    size_t i = l->to;
    while (i < l->in.len && (is_blank(l->in.data[i]) || l->in.data[i] == '(')) {
        size_t end = l->in.data[i] == '(' ? closed_end(l->in, i, '(', ')') : i + 1;
        if (!end) {
            l->token = BAD;
            return;
        }
        i = end;
    }
    l->from = i;
    l->token = END;
    if (i == l->in.len)
        return;
    char c = l->special = l->in.data[i];
    l->to = i + 1;
    l->token = c && strchr("<>@,;:.", c) ? SPECIAL : BAD;
    if (c == '"' || c == '[') {
        size_t end = closed_end(l->in, i, '\0', c == '[' ? ']' : '"');
        l->token = !end ? BAD : c == '[' ? LITERAL : QUOTED;
        l->to = end ? end : l->in.len;
    } else if (is_atext(c)) {
        l->token = WORD;
        while (l->to < l->in.len && is_atext(l->in.data[l->to]))
            l->to++;
    }
}

static bool is_at(const struct lexer *l, char special)
{
    return l->token == SPECIAL && l->special == special;
}

/* ---- keys ---- */

/* One address while it is read. */
struct candidate {
    struct buf key;
    size_t from, to, words;
    /* It cannot be a local part, only a name. */
    bool phrase;
    /* The last token was a word. */
    bool after_word;
    bool quoted;
};

static bool put(struct buf *key, struct slice text, bool quoted)
{
    bool fits = true;
    for (size_t i = 0; i < text.len; i++) {
        if (quoted && text.data[i] == '\\')
            i++;
        char c = ascii_lower(text.data[i]);
        if (c != '\r' && c != '\n')
            fits = fits && buf_append(key, &c, 1);
    }
    return fits;
}

/* Reads words and dots, which are a name or a local part. */
static void read_words(struct lexer *l, struct candidate *c)
{
    c->from = l->from;
    for (; l->token == WORD || l->token == QUOTED || is_at(l, '.'); advance(l)) {
        struct slice text = slice_head(slice_from(l->in, l->from), l->to - l->from);
        bool quoted = l->token == QUOTED, dot = l->token == SPECIAL;
        if (quoted)
            text = slice_head(slice_from(text, 1), text.len - 2);
        /* An encoded word in an address is read in different ways. */
        c->phrase = c->phrase || (!dot && c->after_word) || slice_starts(text, "=?") ||
                    !put(&c->key, text, quoted);
        c->after_word = !dot;
        c->quoted = c->quoted || quoted;
        c->words += !dot;
        c->to = l->to;
    }
}

static bool read_domain(struct lexer *l, struct candidate *c)
{
    bool word = false, fits = buf_append(&c->key, "@", 1);
    advance(l);
    if (l->token == LITERAL) {
        struct slice text = slice_head(slice_from(l->in, l->from), l->to - l->from);
        c->to = l->to;
        fits = fits && put(&c->key, text, false);
        advance(l);
        return fits;
    }
    for (; fits && (l->token == WORD || is_at(l, '.')); advance(l)) {
        bool dot = l->token == SPECIAL;
        struct slice text = slice_head(slice_from(l->in, l->from), l->to - l->from);
        fits = dot == word && !slice_starts(text, "=?") && put(&c->key, text, false);
        word = !dot;
        c->to = l->to;
    }
    return fits && word;
}

/* ---- the list ---- */

struct list {
    struct lexer l;
    bool (*each)(void *ctx, const struct listed_address *a);
    void *ctx;
    size_t entries;
    bool in_group;
};

static bool take(struct list *list, const struct candidate *c, bool has_domain)
{
    const struct listed_address a = {buf_view(&c->key), has_domain, c->from, c->to};
    if (c->phrase || !c->words || !c->key.len || (c->quoted && !has_domain))
        return false;
    return list->each(list->ctx, &a);
}

/* Behind the words of an address: its domain, or nothing. */
static bool read_rest(struct list *list, struct candidate *c)
{
    bool has_domain = is_at(&list->l, '@');
    return (!has_domain || (!c->phrase && read_domain(&list->l, c))) && take(list, c, has_domain);
}

static bool read_in_brackets(struct list *list)
{
    struct candidate c = {0};
    buf_init(&c.key, 2 * CAP_ADDRESS);
    advance(&list->l);
    read_words(&list->l, &c);
    bool fine = read_rest(list, &c) && is_at(&list->l, '>');
    buf_free(&c.key);
    if (fine)
        advance(&list->l);
    return fine;
}

static bool read_entry(struct list *list)
{
    struct candidate c = {0};
    bool fine;
    buf_init(&c.key, 2 * CAP_ADDRESS);
    read_words(&list->l, &c);
    list->entries++;
    if (is_at(&list->l, '<')) {
        fine = read_in_brackets(list);
    } else if (is_at(&list->l, ':')) {
        fine = c.words && !list->in_group;
        list->in_group = true;
        advance(&list->l);
    } else {
        fine = read_rest(list, &c);
    }
    buf_free(&c.key);
    return fine;
}

bool address_list_read(struct slice value, bool (*each)(void *ctx, const struct listed_address *a),
                       void *ctx, size_t *entries_r)
{
    struct list list = {.l = {.in = value}, .each = each, .ctx = ctx};
    /* An entry may begin here: at the start, behind a comma, and within a group. */
    bool open = true;
    for (advance(&list.l); list.l.token != END;) {
        if (is_at(&list.l, ',')) {
            open = true;
            advance(&list.l);
        } else if (is_at(&list.l, ';') && list.in_group) {
            list.in_group = open = false;
            advance(&list.l);
        } else {
            bool was_in_group = list.in_group;
            if (!open || !read_entry(&list))
                return false;
            open = list.in_group && !was_in_group;
        }
    }
    *entries_r = list.entries;
    return !list.in_group;
}

#include "wire/mailbox.h"

#include <string.h>

#include "wire/address.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static bool is_separator(char c)
{
    return c == ',' || c == ';';
}

static struct slice trim(struct slice s)
{
    while (s.len && is_blank(s.data[0]))
        s = slice_from(s, 1);
    while (s.len && is_blank(s.data[s.len - 1]))
        s.len--;
    return s;
}

static struct slice part(struct slice s, size_t from, size_t to)
{
    return slice_head(slice_from(s, from), to - from);
}

/* Returns the position behind the quoted string that begins at `i`, or 0 if it never ends. */
static size_t quoted_end(struct slice s, size_t i)
{
    for (i++; i < s.len && s.data[i] != '"'; i++)
        if (s.data[i] == '\\')
            i++;
    return i < s.len ? i + 1 : 0;
}

/* Returns the position behind the comment that begins at `i`, or 0 if it never ends. Comments
 * nest. */
static size_t comment_end(struct slice s, size_t i)
{
    size_t depth = 0;
    for (; i < s.len; i++) {
        if (s.data[i] == '\\')
            i++;
        else if (s.data[i] == '(')
            depth++;
        else if (s.data[i] == ')' && --depth == 0)
            return i + 1;
    }
    return 0;
}

/* Skips a quoted string. One that never ends reaches to the end. */
static size_t skip_quoted(struct slice s, size_t i)
{
    size_t end = quoted_end(s, i);
    return end ? end : s.len;
}

static size_t skip_comment(struct slice s, size_t i)
{
    size_t end = comment_end(s, i);
    return end ? end : s.len;
}

/* Returns the position behind an address in angle brackets, or 0 if they never close. */
static size_t angle_end(struct slice s, size_t i)
{
    for (i++; i < s.len && s.data[i] != '>';)
        i = s.data[i] == '"' ? skip_quoted(s, i) : i + 1;
    return i < s.len ? i + 1 : 0;
}

/* Returns "me@example.com" of "@one,@two:me@example.com". */
static struct slice without_route(struct slice inner)
{
    size_t colon = slice_find(inner, ':');
    return inner.len && inner.data[0] == '@' && colon < inner.len
               ? trim(slice_from(inner, colon + 1))
               : inner;
}

/* Skips a run of anything but blanks and characters with a meaning of their own. Quoted strings are
 * parts of it. */
static size_t skip_word(struct slice s, size_t i)
{
    while (i < s.len && !is_blank(s.data[i]) && s.data[i] != '<' && s.data[i] != '(' &&
           !is_separator(s.data[i]))
        i = s.data[i] == '"' ? skip_quoted(s, i) : i + 1;
    return i;
}

/* Returns whether an "@" outside of quotes has something on both sides. */
static bool has_at(struct slice word)
{
    for (size_t i = 0; i < word.len; i++) {
        if (word.data[i] == '"')
            i = skip_quoted(word, i) - 1;
        else if (word.data[i] == '@' && i > 0 && i + 1 < word.len)
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------ what is there */

/* Returns the word of "root (Cron Daemon)": one word of a local part's octets and nothing else but
 * comments. Returns the empty slice if it is anything else. */
static struct slice lone_name(struct slice value)
{
    struct slice name = slice_of("");
    for (size_t i = 0; i < value.len;) {
        size_t from = i;
        if (is_blank(value.data[i])) {
            i++;
            continue;
        }
        if (value.data[i] == '(') {
            i = skip_comment(value, i);
            continue;
        }
        while (i < value.len && (unsigned char)value.data[i] > ' ' &&
               !strchr("()<>@,;:\\\"[]\x7f", value.data[i]))
            i++;
        if (i == from || name.len)
            return slice_of("");
        name = part(value, from, i);
    }
    return name;
}

static bool read_lone_name(struct slice value, struct mailbox *m_r)
{
    struct slice name = lone_name(value);
    if (!name.len)
        return false;
    size_t from = (size_t)(name.data - value.data);
    *m_r = (struct mailbox){slice_of(""), name, from, from + name.len, value.len};
    return true;
}

/* The name begins at `begin`, and the brackets are at `open` and `close`. Returns where to
 * continue. */
static size_t take_angle(struct slice value, size_t begin, size_t open, size_t close,
                         struct mailbox *m_r)
{
    size_t i = close;
    *m_r = (struct mailbox){
        .name = trim(part(value, begin, open)),
        .address = without_route(trim(part(value, open + 1, close - 1))),
        .from = open + 1,
        .to = close - 1,
        .end = close,
    };
    while (i < value.len && (is_blank(value.data[i]) || value.data[i] == '(')) {
        bool comment = value.data[i] == '(';
        i = comment ? skip_comment(value, i) : i + 1;
        if (comment)
            m_r->end = i;
    }
    return i < value.len && is_separator(value.data[i]) ? i + 1 : i;
}

/* One mailbox while it is read. A bare address counts only if nothing in brackets follows. */
struct reading {
    size_t begin;
    bool bare, words_follow;
};

/* Takes the word from `from` to `to`. Returns true if it is a second bare address, so that the
 * first one counts. */
static bool take_word(struct reading *r, struct slice value, size_t from, size_t to,
                      struct mailbox *m_r)
{
    struct slice word = part(value, from, to);
    bool address = has_at(word);
    if (address && r->bare)
        return true;
    r->words_follow = r->bare;
    if (address)
        *m_r = (struct mailbox){trim(part(value, r->begin, from)), word, from, to, to};
    r->bare = r->bare || address;
    return false;
}

bool mailbox_next(struct slice value, size_t *at, struct mailbox *m_r)
{
    struct reading r = {.begin = *at};
    for (size_t i = *at, end; i < value.len; i = end) {
        char c = value.data[i];
        end = i + 1;
        if (c == '(') {
            end = skip_comment(value, i);
            if (r.bare && !r.words_follow)
                m_r->end = end;
        } else if (c == '<') {
            end = angle_end(value, i);
            if (end) {
                *at = take_angle(value, r.begin, i, end, m_r);
                return true;
            }
            end = value.len;
        } else if (is_separator(c)) {
            *at = end;
            if (r.bare)
                return true;
        } else if (!is_blank(c)) {
            end = skip_word(value, i);
            *at = i;
            if (take_word(&r, value, i, end, m_r))
                return true;
        }
    }
    *at = value.len;
    return r.bare || (r.begin == 0 && read_lone_name(value, m_r));
}

/* ------------------------------------------------------------------ what is valid */

static bool is_atext(char c)
{
    return ascii_is_alpha(c) || ascii_is_digit(c) || (unsigned char)c > 127 ||
           (c != 0 && strchr("!#$%&'*+-/=?^_`{|}~", c));
}

/* Returns whether the word is an encoded one like "=?utf-8?Q?B=C3=BCro?=" (RFC 2047). Many of them
 * hold octets that a name must not have. */
static bool is_encoded_word(struct slice w)
{
    unsigned marks = 0;
    if (w.len < 8 || !slice_is(slice_head(w, 2), "=?") || !slice_is(slice_from(w, w.len - 2), "?="))
        return false;
    for (size_t i = 0; i < w.len; i++) {
        if ((unsigned char)w.data[i] <= ' ' || (unsigned char)w.data[i] > '~' ||
            strchr("()<>@,;:\\\"[]", w.data[i]))
            return false;
        marks += w.data[i] == '?';
    }
    return marks == 4;
}

static bool is_atom(struct slice w)
{
    for (size_t i = 0; i < w.len; i++)
        if (!is_atext(w.data[i]))
            return is_encoded_word(w);
    return w.len > 0;
}

/* Returns the position of a blank or of the beginning of something else. */
static size_t name_word_end(struct slice s, size_t i)
{
    while (i < s.len && !is_blank(s.data[i]) && s.data[i] != '(' && s.data[i] != '"' &&
           s.data[i] != '<')
        i++;
    return i;
}

/* Returns the position behind blanks and comments. It is beyond the end if a comment is never
 * closed. */
static size_t skip_cfws(struct slice s, size_t i)
{
    while (i < s.len && (is_blank(s.data[i]) || s.data[i] == '(')) {
        size_t end = s.data[i] == '(' ? comment_end(s, i) : i + 1;
        i = end ? end : s.len + 1;
    }
    return i;
}

static bool is_address(struct slice s)
{
    struct address a;
    return address_parse(s, &a) && a.domain.len;
}

/* Returns the position behind the words before the brackets and the blanks behind them, or 0 if
 * there are none. */
static size_t phrase_end(struct slice s, size_t i)
{
    while (i < s.len && s.data[i] != '<') {
        size_t end = s.data[i] == '"' ? quoted_end(s, i) : name_word_end(s, i);
        if (end <= i || (s.data[i] != '"' && !is_atom(part(s, i, end))))
            return 0;
        i = skip_cfws(s, end);
    }
    return i;
}

/* Returns the position behind a mailbox of RFC 5322 3.4 that begins at `i`, or 0 if there is
 * none. */
static size_t valid_end(struct slice s, size_t i)
{
    i = skip_cfws(s, i);
    if (i >= s.len)
        return 0;
    size_t end = skip_word(s, i);
    if (!is_address(part(s, i, end))) {
        i = phrase_end(s, i);
        end = i && i < s.len ? angle_end(s, i) : 0;
        if (!end || !is_address(without_route(trim(part(s, i + 1, end - 1)))))
            return 0;
    }
    end = skip_cfws(s, end);
    return end <= s.len ? end : 0;
}

size_t mailbox_count_valid(struct slice value)
{
    size_t n = 0;
    for (size_t i = 0; i < value.len; i++)
        if (ascii_is_control(value.data[i]) && !is_blank(value.data[i]))
            return 0;
    /* A mailbox is read behind each comma, too. */
    for (size_t i = 0; i <= value.len; i++) {
        i = valid_end(value, i);
        if (!i || (i < value.len && value.data[i] != ','))
            return 0;
        n++;
    }
    return n;
}

/* ------------------------------------------------------------------ what is written */

struct name_writer {
    struct buf *out;
    /* The name is plain if every word is an atom. */
    bool fits, plain;
    bool quoting, any, folded, blank;
};

static void put(struct name_writer *w, const char *text, size_t n)
{
    w->fits = w->fits && buf_append(w->out, text, n);
}

static void close_quote(struct name_writer *w)
{
    if (w->quoting)
        put(w, "\"", 1);
    w->quoting = false;
}

/* With `escaped`, the text is from a quoted string, so its backslashes have a meaning already. */
static void put_quoted(struct name_writer *w, struct slice text, bool escaped)
{
    for (size_t i = 0; i < text.len; i++) {
        char c = text.data[i];
        bool pair = escaped && c == '\\' && i + 1 < text.len && !ascii_is_control(text.data[i + 1]);
        if (c == '\r' || c == '\n')
            continue;
        if (pair) {
            put(w, text.data + i++, 2);
            continue;
        }
        if (c == '"' || c == '\\')
            put(w, "\\", 1);
        put(w, ascii_is_control(c) && c != '\t' ? "?" : &c, 1);
    }
}

static void put_word(struct name_writer *w, struct slice text, bool escaped)
{
    bool atom = !escaped && (w->plain || is_encoded_word(text));
    if (atom)
        close_quote(w);
    if (w->folded)
        put(w, "\r\n ", 3);
    else if (w->any && (w->blank || !w->quoting))
        put(w, " ", 1);
    if (!atom && !w->quoting)
        put(w, "\"", 1);
    w->quoting = !atom;
    if (atom)
        put(w, text.data, text.len);
    else
        put_quoted(w, text, escaped);
    w->any = true;
    w->folded = w->blank = false;
}

/* Returns where the encoded word before a comma or a dot ends, or `end` if there is none. */
static size_t encoded_end(struct slice name, size_t from, size_t end)
{
    size_t to = end;
    while (to > from && (is_separator(name.data[to - 1]) || name.data[to - 1] == '.' ||
                         name.data[to - 1] == ':'))
        to--;
    return is_encoded_word(part(name, from, to)) ? to : end;
}

/* Calls put_word for each word of a name. Comments are left out. */
static void each_word(struct name_writer *w, struct slice name, bool *plain_r)
{
    /* It is searched for once, because a name may hold thousands of quotes. */
    bool unclosed = false;
    for (size_t i = 0, end; i < name.len; i = end) {
        char c = name.data[i];
        size_t closed = c == '"' && !unclosed ? quoted_end(name, i) : 0;
        bool quoted = closed > 0;
        unclosed = unclosed || (c == '"' && !quoted);
        end = c == '(' ? skip_comment(name, i) : quoted ? closed : i + 1;
        if (is_blank(c) || c == '(') {
            w->folded = w->folded || c == '\n';
            w->blank = true;
            continue;
        }
        if (!quoted)
            end = encoded_end(name, i, name_word_end(name, c == '"' || c == '<' ? i + 1 : i));
        if (plain_r)
            *plain_r = *plain_r && !quoted && is_atom(part(name, i, end));
        else
            put_word(w, quoted ? part(name, i + 1, end - 1) : part(name, i, end), quoted);
    }
}

bool mailbox_write(struct buf *out, struct slice name, struct slice address)
{
    struct name_writer w = {.out = out, .fits = true, .plain = true};
    while (name.len && (is_separator(name.data[0]) || is_blank(name.data[0])))
        name = slice_from(name, 1);
    while (name.len && (is_separator(name.data[name.len - 1]) ||
                        is_blank(name.data[name.len - 1]) || name.data[name.len - 1] == ':'))
        name.len--;
    each_word(&w, name, &w.plain);
    w.folded = w.blank = false;
    each_word(&w, name, NULL);
    close_quote(&w);
    put(&w, " <", w.any ? 2 : 0);
    put(&w, address.data, address.len);
    put(&w, ">", w.any ? 1 : 0);
    return w.fits;
}

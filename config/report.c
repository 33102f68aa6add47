/* Messages about a config file: they are collected, sorted and written. Also guesses what a typo
 * meant. */
#include "config/report.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct finding_line {
    int line;
    bool warning;
    size_t order;
    char *text;
};

static char *format(const char *fmt, va_list args) PRINTF_LIKE(1, 0) __attribute__((nonnull(1)));
static char *format(const char *fmt, va_list args)
{
    va_list again;
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    size_t size = (size_t)(n < 0 ? 0 : n) + 1;
    char *text = mem_alloc(size);
    vsnprintf(text, size, fmt, again);
    va_end(again);
    return text;
}

static char *format_args(const char *fmt, ...) PRINTF_LIKE(1, 2);
static char *format_args(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    char *text = format(fmt, args);
    va_end(args);
    return text;
}

/* Gives "FILE:LINE", without a line "FILE"; the variable's name, without one "environment". */
static char *place_text(const char *file, const struct strings *variables, int line)
{
    if (variables && variables->n)
        return mem_string(line > 0 && (size_t)line <= variables->n ? variables->items[line - 1]
                                                                   : "environment");
    return line > 0 ? format_args("%s:%d", file, line) : mem_string(file);
}

const char *config_place(const struct config *c, int line, char *out, size_t size)
{
    char *text = place_text(c->file, &c->variables, line);
    snprintf(out, size, "%s", text);
    free(text);
    return out;
}

void findings_addv(struct findings *f, int line, bool warning, const char *where, const char *fmt,
                   va_list args)
{
    char *words = format(fmt, args), *place = place_text(f->file, f->variables, line);
    f->items = mem_resize(f->items, (f->n + 1) * sizeof *f->items);
    f->items[f->n] = (struct finding_line){
        .line = line,
        .warning = warning,
        .order = f->n,
        .text = format_args("%s: %s%s%s%s", place, warning ? "warning: " : "", where ? where : "",
                            where ? ": " : "", words),
    };
    f->n++;
    f->errors += !warning;
    free(place);
    free(words);
}

void findings_add(struct findings *f, int line, bool warning, const char *where, const char *fmt,
                  ...)
{
    va_list args;
    va_start(args, fmt);
    findings_addv(f, line, warning, where, fmt, args);
    va_end(args);
}

static int by_line(const void *left, const void *right)
{
    const struct finding_line *a = left, *b = right;
    if (a->line != b->line)
        return a->line < b->line ? -1 : 1;
    return a->order < b->order ? -1 : 1;
}

void findings_give(struct findings *f, struct config_report *report)
{
    if (f->n)
        qsort(f->items, f->n, sizeof *f->items, by_line);
    report->lines = mem_alloc(f->n * sizeof *report->lines);
    report->is_warning = mem_alloc(f->n * sizeof *report->is_warning);
    report->n = f->n;
    report->errors = f->errors;
    for (size_t i = 0; i < f->n; i++) {
        report->lines[i] = f->items[i].text;
        report->is_warning[i] = f->items[i].warning;
    }
    free(f->items);
    *f = (struct findings){.file = f->file};
}

void config_report_free(struct config_report *report)
{
    for (size_t i = 0; i < report->n; i++)
        free(report->lines[i]);
    free(report->lines);
    free(report->is_warning);
    *report = (struct config_report){0};
}

/* Words are compared up to this many octets. Longer ones are similar to nothing. */
#define WORD_MAX 40

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* The edit distance: insertions, deletions, changes and swaps of neighbours count one each. ASCII
 * case is ignored. */
static unsigned edit_distance(struct slice a, struct slice b)
{
    unsigned rows[3][WORD_MAX + 1];
    for (unsigned j = 0; j <= b.len; j++)
        rows[0][j] = j;
    for (size_t i = 1; i <= a.len; i++) {
        unsigned *now = rows[i % 3], *before = rows[(i - 1) % 3], *two_before = rows[(i + 1) % 3];
        now[0] = (unsigned)i;
        for (size_t j = 1; j <= b.len; j++) {
            char x = ascii_lower(a.data[i - 1]), y = ascii_lower(b.data[j - 1]);
            now[j] = least(least(now[j - 1], before[j]) + 1, before[j - 1] + (x != y));
            if (i > 1 && j > 1 && x == ascii_lower(b.data[j - 2]) &&
                y == ascii_lower(a.data[i - 2]))
                now[j] = least(now[j], two_before[j - 2] + 1);
        }
    }
    return rows[a.len % 3][b.len];
}

void nearest_try(struct nearest *n, const char *candidate)
{
    struct slice known = slice_of(candidate);
    if (n->wrong.len == 0 || n->wrong.len > WORD_MAX || known.len > WORD_MAX)
        return;
    unsigned distance = edit_distance(n->wrong, known);
    unsigned limit = known.len < 4 ? 1 : known.len < 8 ? 2 : 3;
    if (distance <= limit && distance < known.len && (!n->best || distance < n->distance)) {
        n->best = candidate;
        n->distance = distance;
    }
}

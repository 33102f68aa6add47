/* Who is there: what the engine answers when this instance says that it is. */
#include <string.h>

#include "base/log.h"
#include "io/loop.h"
#include "upstream/cluster_private.h"

/* Our own row is this much younger than it was: the engine was emptied meanwhile. */
#define YOUNGER (500 * USEC_PER_MS)

/* The answer begins with who else has our name; then come rows of name, age, boot and word. */
enum { ROWS = 1, ROW = 4 };

static void copy_name(struct slice from, char *out, size_t size)
{
    size_t n = from.len < size - 1 ? from.len : size - 1;
    memcpy(out, from.data, n);
    out[n] = '\0';
}

/* The first time it is what this instance was before its start. Two that live write over each
 * other, and each sees the other again and again. */
static void note_clash(struct cluster *c)
{
    if (++c->clashes != 2 || c->looked)
        return;
    log_event(c->io->log, LOG_ERROR,
              "another instance has the name of this one, and they take each other's sessions: "
              "give each its own [cluster] instance",
              log_str("instance", cluster_config(c)->instance), log_str("engine", c->place));
}

static void tell_other_key(struct cluster *c, const char *name)
{
    if (c->told_key || c->looked)
        return;
    c->told_key = true;
    log_event(c->io->log, LOG_ERROR,
              "another instance at this engine has another [cluster] key_file: nothing is shared "
              "with it, and limits hold for each side by itself",
              log_str("instance", name), log_str("engine", c->place));
}

static bool is_table(const struct engine_value *value)
{
    if (!value || value->kind != ENGINE_ARRAY || value->n % ROW != ROWS)
        return false;
    for (size_t i = 0; i < value->n; i++)
        if (value->items[i].kind != ENGINE_TEXT)
            return false;
    return true;
}

static int64_t number_of(struct slice text)
{
    int64_t n = 0;
    for (size_t i = 0; i < text.len && i < 15 && text.data[i] >= '0' && text.data[i] <= '9'; i++)
        n = n * 10 + (text.data[i] - '0');
    return n;
}

/* Reads one row, and returns whether it shares with us. */
static bool read_row(struct cluster *c, const struct engine_value *row,
                     struct cluster_instance *one)
{
    copy_name(row[0].text, one->name, sizeof one->name);
    one->age = number_of(row[1].text) * USEC_PER_MS;
    one->is_this = slice_is(row[0].text, cluster_config(c)->instance);
    one->other_key = !slice_is(row[3].text, c->word);
    if (one->other_key)
        tell_other_key(c, one->name);
    return !one->other_key;
}

void cluster_read_members(void *ctx, const struct engine_value *value)
{
    struct cluster *c = ctx;
    unsigned n = 0;
    usec own_age = 0;
    if (!is_table(value))
        return;
    if (value->items[0].text.len)
        note_clash(c);
    c->nshown = 0;
    for (size_t i = ROWS; i < value->n; i += ROW) {
        struct cluster_instance one;
        n += read_row(c, &value->items[i], &one);
        if (one.is_this)
            own_age = one.age;
        if (c->nshown < CAP_CLUSTER_INSTANCES)
            c->shown[c->nshown++] = one;
    }
    /* By the time of its birth, or one that is emptied twice in a row would look the same. */
    usec born = cluster_now(c) - own_age;
    bool emptied = c->own_born && born > c->own_born + YOUNGER;
    c->own_born = born;
    if (emptied)
        c->back_at = cluster_now(c);
    /* An engine that is new does not know the others yet, and they are there all the same. */
    if (n < c->known && c->back_at && cluster_now(c) - c->back_at < cluster_config(c)->lease)
        n = c->known;
    bool other = n != c->known;
    c->known = n ? n : 1;
    if (cluster_is_up(c) && emptied)
        cluster_call_state(c, true);
    if (other)
        cluster_call_changed(c);
    if (c->looked)
        c->looked(c->ctx);
}

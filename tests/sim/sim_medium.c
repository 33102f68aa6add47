/* What the simulated disk holds: octets and names, volatile and durable, and what of them is left
 * after the power went. */
#include "sim_medium.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct sim_medium *sim_medium(struct sim *sim)
{
    struct sim_medium *m = sim->medium;
    if (m)
        return m;
    m = sim->medium = NEW(struct sim_medium);
    m->sim = sim;
    m->halt_at = SIM_NEVER;
    m->room = (struct disk_room){1ull << 40, 1ull << 40, 1ull << 20, 1ull << 20};
    link_init(&m->inodes);
    link_init(&m->folders);
    link_init(&m->changes);
    return m;
}

bool sim_medium_has_stopped(const struct sim_medium *m)
{
    return m->half_steps >= m->halt_at;
}

bool sim_medium_steps(struct sim_medium *m)
{
    if (sim_medium_has_stopped(m))
        return true;
    m->half_steps++;
    return false;
}

/* ---- octets ---- */

struct sim_inode *sim_inode_new(struct sim_medium *m)
{
    struct sim_inode *inode = NEW(struct sim_inode);
    list_push_back(&m->inodes, &inode->link);
    return inode;
}

void sim_inode_append(struct sim_inode *inode, const void *data, size_t len)
{
    if (inode->len + len > inode->size) {
        inode->size = (inode->len + len) * 2;
        inode->data = mem_resize(inode->data, inode->size);
    }
    if (len)
        memcpy(inode->data + inode->len, data, len);
    inode->len += len;
}

void sim_inode_cut(struct sim_inode *inode, size_t len)
{
    if (len >= inode->len)
        return;
    if (len < inode->synced && !inode->before) {
        inode->before = mem_copy(inode->data, inode->synced);
        inode->before_len = inode->synced;
    }
    inode->len = len;
    if (inode->synced > len)
        inode->synced = len;
}

void sim_inode_sync(struct sim_inode *inode)
{
    if (inode->poisoned)
        return;
    inode->synced = inode->len;
    free(inode->before);
    inode->before = NULL;
}

static void inode_free(struct sim_inode *inode)
{
    link_remove(&inode->link);
    free(inode->data);
    free(inode->before);
    free(inode);
}

static void tear(struct sim_medium *m, struct sim_inode *inode)
{
    struct sim_rng *rng = &m->sim->disk_rng;
    if (inode->before && sim_rng_chance(rng, 50)) {
        inode->len = 0;
        sim_inode_append(inode, inode->before, inode->before_len);
    } else if (inode->len > inode->synced) {
        size_t kept = inode->synced + sim_rng_below(rng, inode->len - inode->synced + 1);
        /* the length was written, the octets were not */
        if (sim_rng_chance(rng, 25))
            memset(inode->data + kept, 0, inode->len - kept);
        else
            inode->len = kept;
    }
    free(inode->before);
    inode->before = NULL;
    inode->synced = inode->len;
    inode->poisoned = false;
}

/* ---- names ---- */

struct sim_folder *sim_folder_find(const struct sim_medium *m, const char *path)
{
    LIST_EACH (&m->folders, it) {
        struct sim_folder *f = CONTAINER(it, struct sim_folder, link);
        if (strcmp(f->path, path) == 0)
            return f;
    }
    return NULL;
}

struct sim_folder *sim_folder_make(struct sim_medium *m, const char *path)
{
    struct sim_folder *f = sim_folder_find(m, path);
    if (f)
        return f;
    f = NEW(struct sim_folder);
    f->path = mem_string(path);
    link_init(&f->now);
    link_init(&f->durable);
    list_push_back(&m->folders, &f->link);
    return f;
}

struct sim_entry *sim_entry_find(const struct link *names, const char *name)
{
    LIST_EACH (names, it) {
        struct sim_entry *e = CONTAINER(it, struct sim_entry, link);
        if (strcmp(e->name, name) == 0)
            return e;
    }
    return NULL;
}

static void entry_free(struct sim_entry *e)
{
    link_remove(&e->link);
    free(e->name);
    free(e);
}

static void names_free(struct link *names)
{
    LIST_EACH (names, it)
        entry_free(CONTAINER(it, struct sim_entry, link));
}

static void name_set(struct link *names, const char *name, struct sim_inode *inode)
{
    struct sim_entry *e = sim_entry_find(names, name);
    if (!e) {
        e = NEW(struct sim_entry);
        e->name = mem_string(name);
        list_push_back(names, &e->link);
    }
    e->inode = inode;
}

static struct sim_change *note(struct sim_medium *m, struct sim_folder *f, bool adds,
                               const char *name, struct sim_inode *inode)
{
    struct sim_change *c = NEW(struct sim_change);
    /* the directory is written again, with all that it holds */
    LIST_EACH (&m->changes, it) {
        struct sim_change *other = CONTAINER(it, struct sim_change, link);
        other->lost = other->lost && other->folder != f;
    }
    c->folder = f;
    c->adds = adds;
    c->name = mem_string(name);
    c->inode = inode;
    c->number = ++m->changes_made;
    list_push_back(&m->changes, &c->link);
    return c;
}

uint64_t sim_folder_add(struct sim_medium *m, struct sim_folder *f, const char *name,
                        struct sim_inode *inode)
{
    name_set(&f->now, name, inode);
    return note(m, f, true, name, inode)->number;
}

void sim_folder_remove(struct sim_medium *m, struct sim_folder *f, const char *name, uint64_t needs)
{
    struct sim_entry *e = sim_entry_find(&f->now, name);
    note(m, f, false, name, e->inode)->needs = needs;
    entry_free(e);
}

static void change_free(struct sim_change *c)
{
    link_remove(&c->link);
    free(c->name);
    free(c);
}

static struct sim_change *change_find(struct sim_medium *m, uint64_t number)
{
    LIST_EACH (&m->changes, it) {
        struct sim_change *c = CONTAINER(it, struct sim_change, link);
        if (c->number == number)
            return c;
    }
    return NULL;
}

/* Makes a change durable, and before it the one that it needs. */
static void settle(struct sim_medium *m, struct sim_change *c)
{
    struct sim_change *first = c->needs ? change_find(m, c->needs) : NULL;
    if (first)
        settle(m, first);
    struct sim_entry *e = sim_entry_find(&c->folder->durable, c->name);
    if (c->adds)
        name_set(&c->folder->durable, c->name, c->inode);
    else if (e && e->inode == c->inode)
        entry_free(e);
    change_free(c);
}

/* The oldest change of a folder that a sync reaches. */
static struct sim_change *oldest(struct sim_medium *m, const struct sim_folder *f)
{
    LIST_EACH (&m->changes, it) {
        struct sim_change *c = CONTAINER(it, struct sim_change, link);
        if (c->folder == f && !c->lost)
            return c;
    }
    return NULL;
}

void sim_folder_sync(struct sim_medium *m, struct sim_folder *f)
{
    for (struct sim_change *c; (c = oldest(m, f)) != NULL;)
        settle(m, c);
}

void sim_folder_lose(struct sim_medium *m, struct sim_folder *f)
{
    for (struct sim_change *c; (c = oldest(m, f)) != NULL;)
        c->lost = true;
}

/* ---- the power goes ---- */

static void keep_some_changes(struct sim_medium *m)
{
    while (!link_is_alone(&m->changes)) {
        struct sim_change *c = CONTAINER(m->changes.next, struct sim_change, link);
        struct sim_entry *e = sim_entry_find(&c->folder->durable, c->name);
        bool keeps = sim_rng_chance(&m->sim->disk_rng, 50);
        if (keeps && c->adds) {
            name_set(&c->folder->durable, c->name, c->inode);
        } else if (keeps && e && e->inode == c->inode) {
            /* a rename never leaves no name: the half that adds comes along */
            bool added = c->needs == 0;
            LIST_EACH (&m->folders, it) {
                struct sim_folder *f = CONTAINER(it, struct sim_folder, link);
                LIST_EACH (&f->durable, name) {
                    struct sim_entry *other = CONTAINER(name, struct sim_entry, link);
                    added = added || (other != e && other->inode == c->inode);
                }
            }
            if (added)
                entry_free(e);
        }
        change_free(c);
    }
}

static void mark(struct sim_folder *f)
{
    names_free(&f->now);
    LIST_EACH (&f->durable, it) {
        struct sim_entry *e = CONTAINER(it, struct sim_entry, link);
        e->inode->marked = true;
        name_set(&f->now, e->name, e->inode);
    }
}

static void cut_power(struct sim_medium *m)
{
    keep_some_changes(m);
    LIST_EACH (&m->folders, it)
        mark(CONTAINER(it, struct sim_folder, link));
    LIST_EACH (&m->inodes, it) {
        struct sim_inode *inode = CONTAINER(it, struct sim_inode, link);
        if (!inode->marked) {
            inode_free(inode);
            continue;
        }
        inode->marked = false;
        tear(m, inode);
    }
}

void sim_disk_crash(struct sim *sim, bool power_cut)
{
    struct sim_medium *m = sim_medium(sim);
    if (power_cut)
        cut_power(m);
    LIST_EACH (&m->inodes, it)
        CONTAINER(it, struct sim_inode, link)->locked = false;
    m->halt_at = SIM_NEVER;
    sim_say(sim, "disk   %s", power_cut ? "the power was cut" : "the process was ended");
}

void sim_disk_destroy(struct sim *sim)
{
    struct sim_medium *m = sim->medium;
    if (!m)
        return;
    while (!link_is_alone(&m->changes))
        change_free(CONTAINER(m->changes.next, struct sim_change, link));
    LIST_EACH (&m->folders, it) {
        struct sim_folder *f = CONTAINER(it, struct sim_folder, link);
        names_free(&f->now);
        names_free(&f->durable);
        free(f->path);
        free(f);
    }
    LIST_EACH (&m->inodes, it)
        inode_free(CONTAINER(it, struct sim_inode, link));
    free(m);
    sim->medium = NULL;
}

/* Runs between stops: what a stop means for the promises, what a start must find, and the end, when
 * everything is sent. */
#include "sim_spool.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "io/io.h"
#include "sim_spool_acts.h"

/* ---- a run, a stop ---- */

static void check_presence(struct play *p)
{
    for (size_t i = 0; i < p->nmails; i++) {
        struct mail *mail = &p->mails[i];
        const struct spool_entry *e = store_find(p->store, mail->id);
        if (mail->must && !e)
            sim_spool_broken(p, "%s was taken and is gone", mail->id);
        if (mail->must_not && e)
            sim_spool_broken(p, "%s is gone and is back", mail->id);
        if (e && e->is_held)
            sim_spool_broken(p, "%s is held after a start", mail->id);
        /* what is there now stays there */
        mail->must = e != NULL;
        if (!e && mail->body && (mail->was_sent || !mail->parent))
            mail->must_not = true;
    }
    if (store_corrupt(p->store))
        sim_spool_broken(p, "something went to corrupt/");
}

static bool open_store(struct play *p)
{
    struct err err;
    const struct spool_settings settings = {.directory = "spool",
                                            .max_size = 1 << 30,
                                            .max_messages = 1000,
                                            .min_free = 5,
                                            .max_age = 432000 * USEC_PER_SEC,
                                            .failed_age = 2592000 * USEC_PER_SEC};
    struct sim_disk_faults *f = sim_disk_faults(p->sim);
    f->writes = f->syncs = f->renames = f->directory_syncs = f->reads = 0;
    f->full = false;
    p->store = store_open(sim_io(p->sim), &settings, &err);
    if (!p->store && !sim_disk_has_halted(p->sim))
        sim_spool_broken(p, "the start failed: %s", err.words);
    if (!p->store || sim_disk_has_halted(p->sim))
        return false;
    check_presence(p);
    if (store_start(p->store, &err) < 0)
        abort();
    f->writes = p->faults.writes;
    f->syncs = p->faults.syncs;
    f->renames = p->faults.renames;
    f->directory_syncs = p->faults.directory_syncs;
    f->reads = p->faults.reads;
    return true;
}

/* What a stop means for the promises. */
static void stop(struct play *p, bool power_cut)
{
    for (size_t i = 0; i < ACTS; i++)
        p->acts[i] = (struct act){.play = p};
    store_close(&p->store);
    sim_disk_crash(p->sim, power_cut);
    p->totals->stops++;
    for (size_t i = 0; i < p->nmails; i++) {
        struct mail *mail = &p->mails[i];
        for (size_t k = 0; k < mail->n; k++) {
            struct person *one = &mail->people[k];
            one->allowed += one->in_window;
            one->in_window = false;
        }
        /* only the end of the process keeps a line that was not synced */
        if (power_cut)
            mail->must_unknown = mail->synced_unknown;
        else
            mail->must_unknown += mail->dot_is_open;
        mail->dot_is_open = false;
    }
}

static void run(struct play *p, unsigned steps)
{
    for (unsigned i = 0; i < steps && !p->is_broken && !sim_disk_has_halted(p->sim); i++) {
        if (sim_spool_chance(p, 2) && p->faults.writes)
            sim_disk_faults(p->sim)->full = !sim_disk_faults(p->sim)->full;
        sim_spool_act(p);
        sim_run_for(p->sim, sim_spool_chance(p, 1) ? 11 * USEC_PER_SEC
                                                   : (usec)sim_rng_below(&p->rng, 1500));
    }
}

static bool is_empty(struct play *p)
{
    const struct spool_index *index = store_index(p->store);
    return index->counts[0] + index->counts[1] == 0 && store_is_idle(p->store);
}

static void drain(struct play *p)
{
    memset(&p->faults, 0, sizeof p->faults);
    sim_disk_halt_after(p->sim, SIM_NEVER);
    p->drains = true;
    if (!open_store(p))
        return;
    for (int i = 0; i < 2000 && !p->is_broken && !is_empty(p); i++) {
        sim_spool_act(p);
        sim_run_for(p->sim, USEC_PER_MS);
    }
    if (!p->is_broken && !is_empty(p))
        sim_spool_broken(p, "not everything ends: %zu wait, %zu failed, %s",
                         store_index(p->store)->counts[0], store_index(p->store)->counts[1],
                         store_is_idle(p->store) ? "idle" : "busy");
    if (!p->is_broken &&
        (sim_disk_count(p->sim, "spool/queue") || sim_disk_count(p->sim, "spool/failed")))
        sim_spool_broken(p, "files are left");
    store_close(&p->store);
}

bool sim_spool_play(uint64_t seed, const struct sim_disk_faults *lies, bool verbose,
                    struct sim_spool_totals *totals, char words[256])
{
    struct play *p = NEW(struct play);
    p->sim = sim_new(seed);
    p->rng = *sim_script_rng(p->sim);
    p->totals = totals;
    sim_be_verbose(p->sim, verbose);
    if (lies)
        *sim_disk_faults(p->sim) = *lies;
    if (sim_spool_chance(p, 50))
        p->faults = (struct sim_disk_faults){
            .writes = 15, .syncs = 10, .renames = 10, .directory_syncs = 10, .reads = 5};
    unsigned runs = 1 + (unsigned)sim_rng_below(&p->rng, 6);
    for (size_t i = 0; i < ACTS; i++)
        p->acts[i].play = p;
    for (unsigned i = 0; i < runs && !p->is_broken; i++) {
        sim_disk_halt_after(p->sim, sim_rng_below(&p->rng, sim_spool_chance(p, 35) ? 40 : 600));
        if (open_store(p))
            run(p, 150);
        stop(p, sim_spool_chance(p, 60));
    }
    if (!p->is_broken)
        drain(p);
    store_close(&p->store);
    totals->histories++;
    bool holds = !p->is_broken;
    memcpy(words, p->words, sizeof p->words);
    for (size_t i = 0; i < p->nmails; i++)
        free(p->mails[i].body);
    sim_free(&p->sim);
    free(p);
    return holds;
}

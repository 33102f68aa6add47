/* What befalls the spool of a play beside stops: reloads with and without [spool], a wall clock
 * that is set, a bit that turns over in a file, time switched off. */
#include "sim_history.h"
#include "sim_world.h"
#include "spool/spool.h"
#include "spool/store.h"

bool sim_keeps_turn_is_due(const struct sim_play *play)
{
    const struct sim_keeps *keeps = &play->plan->keeps;
    /* the clock starts at one second */
    return play->turns_done < keeps->nturns &&
           sim_now(play->sim) - USEC_PER_SEC >= keeps->turns[play->turns_done].at;
}

/* Without [spool] nothing that begins is kept. Behind the next reload it may be; what had begun
 * before has its fate. */
static void bar(struct sim_play *play, bool without)
{
    for (size_t c = 0; c < play->plan->nclients; c++)
        for (size_t m = 0; m < play->plan->clients[c].n; m++) {
            const struct sim_outcome *o = sim_client_outcome(play->clients[c], m);
            bool *barred = &play->is_barred[c][m];
            *barred = without ? *barred || !o->began : *barred && o->mail != 0;
        }
}

static void reload(struct sim_play *play, bool without)
{
    bar(play, without);
    play->is_without = without;
    sim_play_reload(play, play->plan->ini);
}

static void jump(struct sim_play *play, int64_t by)
{
    const struct store *store = spool_store(play->spool);
    int64_t wall = loop_wall_ms(sim_loop(play->sim));
    /* no system has a time before 1970 */
    sim_wall_jump(play->sim, by < -wall ? -wall : by);
    if (by > 0 && store_index(store)->counts[PLACE_QUEUE] + store_receiving(store) > 0)
        play->was_set = sim_now(play->sim);
}

static void spoil(struct sim_play *play, uint64_t which)
{
    for (size_t i = 0; i < play->nkept; i++) {
        struct sim_kept *k = &play->kept[(i + which) % play->nkept];
        if (!sim_disk_spoil(play->sim, "spool/queue", k->id, which))
            continue;
        sim_say(play->sim, "a bit of %s turns over", k->id);
        k->is_spoiled = true;
        return;
    }
}

void sim_keeps_turn(struct sim_play *play)
{
    const struct sim_keeps_change *c = &play->plan->keeps.turns[play->turns_done++];
    switch (c->what) {
    case SIM_KEEPS_RELOAD: reload(play, false); break;
    case SIM_KEEPS_WITHOUT: reload(play, true); break;
    case SIM_KEEPS_JUMP: jump(play, c->by); break;
    case SIM_KEEPS_SPOIL: spoil(play, (uint64_t)c->by); break;
    case SIM_KEEPS_TURN_COUNT: break;
    }
}

/* A clock that was set is written down by the next tick, ten seconds later at most, or where that
 * failed by one of the next. */
static bool may_be_unwritten(const struct sim_play *play)
{
    const struct sim_disk_faults *faults = &play->plan->keeps.faults;
    const usec ticks = (faults->writes ? 45 : 15) * USEC_PER_SEC;
    return play->was_set &&
           (faults->full || play->stops[play->nstops - 1].at - play->was_set < ticks);
}

void sim_keeps_off(struct sim_play *play, usec off, bool wakes_in_1970)
{
    int64_t wall = loop_wall_ms(sim_loop(play->sim));
    play->ages_are_unknown = play->ages_are_unknown || may_be_unwritten(play);
    play->was_set = 0;
    bar(play, false);
    sim_run_for(play->sim, off);
    if (wakes_in_1970)
        sim_wall_jump(play->sim, -wall);
}

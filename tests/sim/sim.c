/* The world as a whole: birth, time, chance, trace and log. */
#include "sim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_world.h"

/* see sim.h: files are found without a loop */
static _Thread_local struct sim *current;

struct sim *sim_current(void)
{
    return current;
}

static void keep_line(void *ctx, enum log_level level, const char *line, size_t len)
{
    struct sim *sim = ctx;
    (void)level;
    /* full at every power of two */
    if ((sim->nlines & (sim->nlines - 1)) == 0)
        sim->lines =
            mem_resize(sim->lines, (sim->nlines ? sim->nlines * 2 : 1) * sizeof *sim->lines);
    sim->lines[sim->nlines++] = mem_copy(line, len);
    sim_trace_bytes(sim, line, len);
    if (sim->verbose)
        fprintf(stderr, "%12.6f  log  %.*s", (double)sim->loop->now / 1e6, (int)len, line);
}

static int64_t wall_ms(void *ctx)
{
    return loop_wall_ms(((struct sim *)ctx)->loop);
}

static void default_path(struct sim_path *p)
{
    *p = (struct sim_path){.latency = 5 * USEC_PER_MS, .window = 65536, .segment = 1460};
    p->hole_up = p->hole_down = p->reset_up = p->reset_down = SIM_NEVER;
}

struct sim *sim_new(uint64_t seed)
{
    struct sim *sim = NEW(struct sim);
    struct err err;
    struct sim_rng seeder = {seed};
    sim->net_rng.state = sim_rng_next(&seeder);
    sim->product_rng.state = sim_rng_next(&seeder);
    sim->script_rng.state = sim_rng_next(&seeder);
    sim->disk_rng.state = sim_rng_next(&seeder);
    sim->trace = UINT64_C(0xcbf29ce484222325);
    sim->next_port = 40000;
    struct link *const heads[] = {&sim->names, &sim->files,      &sim->programs,
                                  &sim->paths, &sim->listenings, &sim->watches};
    for (size_t i = 0; i < sizeof heads / sizeof *heads; i++)
        link_init(heads[i]);
    default_path(&sim->path_default);
    sim->loop = sim_loop_make(sim);
    sim->io.loop = sim->loop;
    sim->io.log = log_new(LOG_DEBUG, false, (struct log_sink){keep_line, wall_ms, sim});
    sim->io.offload = offload_new(sim->loop, &err);
    sim->io.disk = offload_new(sim->loop, &err);
    sim->io.dns = dns_new(sim->loop, sim->io.offload);
    current = sim;
    return sim;
}

void sim_free(struct sim **world)
{
    struct sim *sim = *world;
    if (!sim)
        return;
    *world = NULL;
    /* what a helper is writing gets written */
    usec deadline = sim->loop->now + USEC_PER_SEC;
    while (sim->living.jobs > 0 && sim_loop_turn(sim->loop, deadline))
        continue;
    sim_loop_end_patience(sim->loop);
    dns_free(&sim->io.dns);
    offload_free(&sim->io.disk);
    offload_free(&sim->io.offload);
    sim_loop_turn(sim->loop, sim->loop->now);
    sim_net_free(sim);
    sim_names_free(sim);
    sim_files_free(sim);
    sim_programs_free(sim);
    sim_disk_destroy(sim);
    sim_loop_destroy(sim->loop);
    log_free(&sim->io.log);
    for (size_t i = 0; i < sim->nlines; i++)
        free(sim->lines[i]);
    free(sim->lines);
    if (current == sim)
        current = NULL;
    free(sim);
}

struct loop *sim_loop(struct sim *sim)
{
    return sim->loop;
}

struct io *sim_io(struct sim *sim)
{
    return &sim->io;
}

usec sim_now(const struct sim *sim)
{
    return sim->loop->now;
}

void sim_run_for(struct sim *sim, usec span)
{
    usec deadline = sim->loop->now + span;
    while (sim_loop_turn(sim->loop, deadline))
        continue;
    sim->loop->now = deadline;
}

bool sim_run_until_idle(struct sim *sim, usec limit)
{
    usec deadline = sim->loop->now + limit;
    while (sim_loop_turn(sim->loop, deadline))
        continue;
    return sim->loop->events == 0;
}

bool sim_run_until(struct sim *sim, bool (*done)(void *ctx), void *ctx, usec limit)
{
    usec deadline = sim->loop->now + limit;
    while (!done(ctx))
        if (!sim_loop_turn(sim->loop, deadline))
            return false;
    return true;
}

/* splitmix64 */
uint64_t sim_rng_next(struct sim_rng *rng)
{
    uint64_t z = rng->state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

uint64_t sim_rng_below(struct sim_rng *rng, uint64_t n)
{
    return sim_rng_next(rng) % n;
}

size_t sim_rng_index(struct sim_rng *rng, size_t n)
{
    return (size_t)sim_rng_below(rng, n);
}

bool sim_rng_chance(struct sim_rng *rng, unsigned percent)
{
    return sim_rng_below(rng, 100) < percent;
}

struct sim_rng *sim_script_rng(struct sim *sim)
{
    return &sim->script_rng;
}

uint64_t sim_trace_hash(const struct sim *sim)
{
    return sim->trace;
}

void sim_be_verbose(struct sim *sim, bool verbose)
{
    sim->verbose = verbose;
}

bool sim_is_verbose(const struct sim *sim)
{
    return sim->verbose;
}

void sim_trace_number(struct sim *sim, uint64_t n)
{
    sim->trace = (sim->trace ^ n) * UINT64_C(0x100000001b3);
    sim->trace ^= sim->trace >> 29;
}

void sim_trace_bytes(struct sim *sim, const void *data, size_t n)
{
    const unsigned char *p = data;
    for (; n >= 8; n -= 8, p += 8) {
        uint64_t word;
        memcpy(&word, p, 8);
        sim_trace_number(sim, word);
    }
    for (; n > 0; n--)
        sim_trace_number(sim, *p++);
}

void sim_say(struct sim *sim, const char *fmt, ...)
{
    char text[600];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    sim_trace_number(sim, (uint64_t)sim->loop->now);
    sim_trace_bytes(sim, text, strlen(text));
    if (sim->verbose)
        fprintf(stderr, "%12.6f  %s\n", (double)sim->loop->now / 1e6, text);
}

struct sim_living sim_living(const struct sim *sim)
{
    return sim->living;
}

size_t sim_most_held(const struct sim *sim)
{
    return sim->most_held;
}

size_t sim_log_count(const struct sim *sim)
{
    return sim->nlines;
}

const char *sim_log_line(const struct sim *sim, size_t i)
{
    return sim->lines[i];
}

bool sim_log_has(const struct sim *sim, const char *text)
{
    for (size_t i = 0; i < sim->nlines; i++)
        if (strstr(sim->lines[i], text))
            return true;
    return false;
}

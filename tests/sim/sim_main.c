/* detour-sim: plays histories from seeds and asks the oracle about each. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_history.h"

struct options {
    uint64_t from, to;
    enum sim_kind kind;
    bool verbose, twice, keep_going;
};

struct totals {
    uint64_t histories, bad;
    uint64_t acked, refused, deferred, unanswered, committed;
};

static int usage(void)
{
    fputs("usage: detour-sim [--seeds FROM..TO] [--kind ladder|relay|all|keeps|several] [--replay "
          "SEED] [-v] "
          "[--twice] [--keep-going]\n"
          "  --seeds     histories to play (default 1..1000); prints the seeds that fail\n"
          "  --kind      ladder: ports broken in every way, calm transactions; relay: faults "
          "within sessions; all: both (default); keeps: with a spool, over a disk that stops and "
          "fails; several: instances that share an engine which fails\n"
          "  --replay    one history; -v prints every segment, log line and event\n"
          "  --twice     plays each history twice and compares the traces\n"
          "  --keep-going  does not stop after twenty failures\n",
          stderr);
    return 2;
}

static bool parse_kind(const char *text, enum sim_kind *kind_r)
{
    static const char *const names[] = {"ladder", "relay", "all", "keeps", "several"};
    for (int i = 0; i < 5; i++)
        if (strcmp(text, names[i]) == 0) {
            *kind_r = (enum sim_kind)i;
            return true;
        }
    return false;
}

static bool parse_seeds(const char *text, struct options *o)
{
    char *rest;
    o->from = o->to = strtoull(text, &rest, 10);
    if (strncmp(rest, "..", 2) == 0)
        o->to = strtoull(rest + 2, &rest, 10);
    return rest != text && *rest == '\0' && o->from <= o->to;
}

static bool parse(int argc, char **argv, struct options *o)
{
    static const struct option longs[] = {
        {"seeds", required_argument, NULL, 's'},  {"kind", required_argument, NULL, 'k'},
        {"replay", required_argument, NULL, 'r'}, {"twice", no_argument, NULL, 't'},
        {"keep-going", no_argument, NULL, 'g'},   {NULL, 0, NULL, 0}};
    for (int c; (c = getopt_long(argc, argv, "v", longs, NULL)) != -1;) {
        bool good = true;
        switch (c) {
        case 's':
        case 'r': good = parse_seeds(optarg, o); break;
        case 'k': good = parse_kind(optarg, &o->kind); break;
        case 't': o->twice = true; break;
        case 'g': o->keep_going = true; break;
        case 'v': o->verbose = true; break;
        default: good = false;
        }
        if (!good)
            return false;
    }
    return optind == argc;
}

static void add_up(struct totals *t, const struct sim_verdict *v)
{
    t->histories++;
    t->acked += v->acked;
    t->refused += v->refused;
    t->deferred += v->deferred;
    t->unanswered += v->unanswered;
    t->committed += v->committed;
}

static void play_one(uint64_t seed, const struct options *o, struct totals *t)
{
    struct sim_plan plan;
    struct sim_verdict verdict, again = {0};
    sim_generate(&plan, seed, o->kind);
    if (o->verbose)
        sim_plan_print(&plan);
    uint64_t hash = sim_play_whole(&plan, o->verbose, &verdict);
    if (o->twice && sim_play_whole(&plan, false, &again) != hash)
        sim_accuse(&verdict, "played twice, the history is not the same");
    sim_verdict_free(&again);
    add_up(t, &verdict);
    if (verdict.n > 0) {
        t->bad++;
        printf("seed %llu: %zu findings\n", (unsigned long long)seed, verdict.n);
        for (size_t i = 0; i < verdict.n && i < SIM_FINDINGS; i++)
            printf("  %s\n", verdict.findings[i]);
    }
    if (o->verbose)
        printf("trace %016llx\n", (unsigned long long)hash);
    fflush(stdout);
    sim_verdict_free(&verdict);
    sim_plan_free(&plan);
}

int main(int argc, char **argv)
{
    struct options o = {.from = 1, .to = 1000, .kind = SIM_KIND_ALL};
    struct totals t = {0};
    if (!parse(argc, argv, &o))
        return usage();
    for (uint64_t seed = o.from; seed <= o.to && (t.bad < 20 || o.keep_going); seed++)
        play_one(seed, &o, &t);
    printf("%llu histories, %llu bad; messages: %llu acked, %llu deferred, %llu refused, %llu "
           "unanswered; %llu committed\n",
           (unsigned long long)t.histories, (unsigned long long)t.bad, (unsigned long long)t.acked,
           (unsigned long long)t.deferred, (unsigned long long)t.refused,
           (unsigned long long)t.unanswered, (unsigned long long)t.committed);
    return t.bad > 0 ? 1 : 0;
}

/* spool-sim: plays histories of the spool from seeds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_outage.h"
#include "sim_spool.h"

static int usage(void)
{
    fputs("usage: spool-sim [--sends] [--seeds FROM..TO] [-v]\n"
          "  histories of the spool over a disk that stops, fails and lies; prints the seeds that "
          "fail\n"
          "  --sends: with the sending half and scripted upstreams\n",
          stderr);
    return 2;
}

static int play_outages(uint64_t from, uint64_t to, bool verbose)
{
    struct sim_outage_totals t = {0};
    uint64_t bad = 0;
    for (uint64_t seed = from; seed <= to && bad < 20; seed++) {
        char words[256];
        if (sim_outage_play(seed, NULL, verbose, &t, words))
            continue;
        printf("seed %llu: %s\n", (unsigned long long)seed, words);
        fflush(stdout);
        bad++;
    }
    printf("%llu histories, %llu bad: %llu stops, %llu messages taken, %llu arrived, "
           "%llu bounces among them, %llu unknown, %llu damaged, %llu removed, %llu copies, "
           "%llu failed\n",
           (unsigned long long)t.histories, (unsigned long long)bad, (unsigned long long)t.stops,
           (unsigned long long)t.taken, (unsigned long long)t.arrived,
           (unsigned long long)t.bounces, (unsigned long long)t.unknown,
           (unsigned long long)t.damaged, (unsigned long long)t.removed,
           (unsigned long long)t.copies, (unsigned long long)t.failed);
    return bad ? 1 : 0;
}

int main(int argc, char **argv)
{
    uint64_t from = 1, to = 1000, bad = 0;
    bool verbose = false, sends = false;
    struct sim_spool_totals t = {0};
    for (int i = 1; i < argc; i++) {
        char *rest = NULL;
        if (strcmp(argv[i], "-v") == 0) {
            verbose = true;
        } else if (strcmp(argv[i], "--sends") == 0) {
            sends = true;
        } else if (strcmp(argv[i], "--seeds") == 0 && i + 1 < argc) {
            from = to = strtoull(argv[++i], &rest, 10);
            if (strncmp(rest, "..", 2) == 0)
                to = strtoull(rest + 2, &rest, 10);
            if (*rest)
                return usage();
        } else {
            return usage();
        }
    }
    if (sends)
        return play_outages(from, to, verbose);
    for (uint64_t seed = from; seed <= to && bad < 20; seed++) {
        char words[256];
        if (sim_spool_play(seed, NULL, verbose, &t, words))
            continue;
        printf("seed %llu: %s\n", (unsigned long long)seed, words);
        fflush(stdout);
        bad++;
    }
    printf("%llu histories, %llu bad: %llu stops, %llu messages taken, %llu times sent, "
           "%llu bounces, %llu retried, %llu removed, %llu copies\n",
           (unsigned long long)t.histories, (unsigned long long)bad, (unsigned long long)t.stops,
           (unsigned long long)t.taken, (unsigned long long)t.sent, (unsigned long long)t.bounced,
           (unsigned long long)t.retried, (unsigned long long)t.removed,
           (unsigned long long)t.copies);
    return bad ? 1 : 0;
}

/* spool-sim: plays histories of the spool from seeds. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sim_spool.h"

static int usage(void)
{
    fputs("usage: spool-sim [--seeds FROM..TO] [-v]\n"
          "  histories of the spool over a disk that stops, fails and lies; prints the seeds that "
          "fail\n",
          stderr);
    return 2;
}

int main(int argc, char **argv)
{
    uint64_t from = 1, to = 1000, bad = 0;
    bool verbose = false;
    struct sim_spool_totals t = {0};
    for (int i = 1; i < argc; i++) {
        char *rest = NULL;
        if (strcmp(argv[i], "-v") == 0) {
            verbose = true;
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

/* Doctor's output: a table that fits 80 columns, a sentence on each port, a verdict, and what to
 * change where. */
#ifndef APP_DOCTOR_PRINT_H
#define APP_DOCTOR_PRINT_H

#include <stdbool.h>
#include <stdint.h>

#include "app/cluster_look.h"
#include "app/doctor_spool.h"
#include "upstream/checkup.h"

struct doctor_screen {
    /* It is NULL for a host without a configuration. */
    const struct config *config;
    int64_t now_s;
    /* It also prints the dialog, the cipher and the certificate of every port. */
    bool verbose;
    /* The table and a sentence on each finding: the opinion is the caller's. */
    bool findings_only;
};

void doctor_print(const struct checkup *c, const struct doctor_screen *screen);
void doctor_print_spool(const struct doctor_spool *spool);
void doctor_print_cluster(const struct cluster_look *cluster);
/* {"accounts":[{"name","host","works","verdict","advice":[…],"ports":[{…}]}],
 *  "spool":{"directory","waiting","failed","oldest_seconds","problem"},
 *  "cluster":{"engine","works","words","instances":[…],"memory_policy","advice":[…]}} on one line;
 * without a spool, or a cluster, it is null. */
void doctor_print_json(struct checkup *const *checkups, size_t n, const struct config *config,
                       const struct doctor_spool *spool, const struct cluster_look *cluster);

#endif

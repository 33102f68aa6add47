/* The next step of a delivery. */
#ifndef DELIVERY_ADVANCE_H
#define DELIVERY_ADVANCE_H

#include "delivery/state.h"

/* Asks of the upstream whatever the two phases allow now. */
void advance(struct delivery *d);

#endif

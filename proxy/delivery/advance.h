/* What comes next. */
#ifndef DELIVERY_ADVANCE_H
#define DELIVERY_ADVANCE_H

#include "delivery/state.h"

/* Asks of the upstream whatever the two phases allow by now. */
void advance(struct delivery *d);

#endif

/* Wraps an accepted end of the virtual network for the product. */
#ifndef SIM_SIM_TRANSPORT_H
#define SIM_SIM_TRANSPORT_H

#include "sim_net.h"

/* takes the end; gives */
struct transport *sim_transport_of(struct sim *sim, struct sim_end *e);

#endif

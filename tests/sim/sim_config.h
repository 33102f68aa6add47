/* A config for the simulated world, from INI text: read by the product's own reader, so that
 * defaults and rules are the real ones. */
#ifndef SIM_SIM_CONFIG_H
#define SIM_SIM_CONFIG_H

#include "config/config.h"

/* Gives; ends the test run with the report if the text is not a good config. "[server] hostname"
 * and state_dir are added: nothing of this machine gets in. Accounts have fix_headers = no, unless
 * the text names that key. */
struct config *sim_config(const char *ini);

#endif

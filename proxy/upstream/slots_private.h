/* Shared by slots.c (taking and giving) and slots_look.c (looking on). */
#ifndef UPSTREAM_SLOTS_PRIVATE_H
#define UPSTREAM_SLOTS_PRIVATE_H

#include "upstream/slots.h"

enum { KEY_SLOTS, KEY_QUEUE, KEY_PLACES, KEY_EPOCH, KEY_CAPS, SLOT_KEYS };
enum { SLOT_KEY_TEXT = 48 };

/* ---- slots_look.c ---- */
void slots_name_keys(const char *id, char keys[SLOT_KEYS][SLOT_KEY_TEXT]);

#endif

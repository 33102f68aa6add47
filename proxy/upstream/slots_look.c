/* What others have, for somebody who has no part in it. */
#include <stdio.h>

#include "base/caps.h"
#include "upstream/phrase.h"
#include "upstream/scripts.h"
#include "upstream/slots_private.h"

void slots_name_keys(const char *id, char keys[SLOT_KEYS][SLOT_KEY_TEXT])
{
    static const char *const names[SLOT_KEYS] = {"slots", "queue", "places", "epoch", "caps"};
    for (size_t i = 0; i < SLOT_KEYS; i++)
        snprintf(keys[i], SLOT_KEY_TEXT, CLUSTER_PREFIX "{%s}:%s", id, names[i]);
}

static void on_looked(void *ctx, enum engine_state how, const struct engine_value *value)
{
    const struct slots_look *look = ctx;
    struct slots_view view;
    if (how != ENGINE_UP || !value) {
        look->answer(look->ctx, NULL);
        return;
    }
    view = (struct slots_view){.all = phrase_count(value, 0),
                               .waiting = phrase_count(value, 1),
                               .cap = phrase_count(value, 3)};
    look->answer(look->ctx, &view);
}

/* It states that nothing is held, for a moment, under a limit that none is above. */
void slots_look(struct cluster *c, const char *id, struct slots_look *look)
{
    char texts[SLOT_KEYS][SLOT_KEY_TEXT], most[24];
    struct slice keys[SLOT_KEYS];
    const struct slice args[] = {slice_of(CLUSTER_ONLOOKER),
                                 slice_of(cluster_boot(c)),
                                 slice_of("0"),
                                 slice_of("1"),
                                 phrase_number(CAP_CLUSTER_SESSIONS, most),
                                 slice_of("0")};
    slots_name_keys(id, texts);
    for (size_t i = 0; i < SLOT_KEYS; i++)
        keys[i] = slice_of(texts[i]);
    (void)cluster_ask(c,
                      &(struct engine_call){.script = &script_hold,
                                            .keys = keys,
                                            .nkeys = SLOT_KEYS,
                                            .args = args,
                                            .nargs = sizeof args / sizeof args[0]},
                      on_looked, look);
}

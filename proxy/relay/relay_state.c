#include "relay/relay_state.h"

#include <stdlib.h>

void relay_state_unref(struct relay *relay)
{
    if (--relay->refs)
        return;
    LIST_EACH (&relay->counts, it) {
        struct listener_count *count = CONTAINER(it, struct listener_count, link);
        visitors_free(&count->visitors);
        free(count->name);
        free(count);
    }
    lingering_end(&relay->refused);
    lingering_end(&relay->left);
    free(relay);
}

void relay_state_ended(struct relay *relay)
{
    bool quiet = link_is_alone(&relay->sessions) && link_is_alone(&relay->transactions);
    if (relay->draining && !relay->freed && relay->drained && quiet)
        loop_defer(relay->io->loop, &relay->tell_drained);
}

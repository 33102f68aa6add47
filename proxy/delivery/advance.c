#include "delivery/advance.h"

#include "delivery/body.h"
#include "delivery/envelope.h"

static void ask_envelope(struct delivery *d)
{
    envelope_send(d);
    if (d->back == BACK_ACQUIRING || d->unanswered || d->phase == PHASE_ENVELOPE)
        return;
    d->back = BACK_GO_AHEAD;
    carrier_begin_body(lease_carrier(d->lease));
}

void advance(struct delivery *d)
{
    switch (d->back) {
    case BACK_NONE:
        if (state_is_awaited(d))
            state_acquire(d, 0, false);
        break;
    case BACK_READY:
    case BACK_ENVELOPE: ask_envelope(d); break;
    case BACK_BODY: body_pump(d); break;
    /* The next step is an event of the upstream's. */
    case BACK_SETTLED:
    case BACK_ACQUIRING:
    case BACK_GO_AHEAD:
    case BACK_END: break;
    }
    state_note_pause(d);
}

#include "delivery/identity.h"

const char *delivery_identity(const struct upstream_config *u, const char *sender)
{
    if (u->identity == IDENTITY_SENDER && u->username && (!sender || sender[0]))
        return sender;
    return u->username ? u->username : "";
}

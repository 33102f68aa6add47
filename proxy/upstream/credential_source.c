#include "upstream/credential_source.h"

/* ---- `password`: it stands in the configuration ---- */

static bool is_given(const struct upstream_config *cfg)
{
    (void)cfg;
    return true;
}

static struct source *make(const struct source_owner *owner, const struct upstream_config *cfg)
{
    (void)owner;
    (void)cfg;
    return NULL;
}

static bool refused(struct source *source)
{
    (void)source;
    return false;
}

static bool update(struct source *source, const struct upstream_config *cfg)
{
    (void)source;
    (void)cfg;
    return false;
}

static void nothing_to_free(struct source *source)
{
    (void)source;
}

const struct source_kind credential_fixed = {
    .key = "password",
    .configured = true,
    .is_given = is_given,
    .make = make,
    .refused = refused,
    .update = update,
    .free = nothing_to_free,
};

/* ---- all kinds ---- */

/* The first kind that the configuration gives counts. `fixed` is left for all others. */
static const struct source_kind *const kinds[] = {
    &credential_token,
    &credential_command,
    &credential_file,
    &credential_fixed,
};

const struct source_kind *source_kind_of(const struct upstream_config *cfg)
{
    size_t i = 0;
    while (!kinds[i]->is_given(cfg))
        i++;
    return kinds[i];
}

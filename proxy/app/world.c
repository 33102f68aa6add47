#include "app/world.h"

#include "io/dns.h"
#include "io/gather.h"
#include "io/http.h"
#include "io/loop.h"
#include "io/offload.h"
#include "oauth/token.h"

/* A request to a token service ends within 10 s, and its answer is written within another few. */
#define PATIENCE (15 * USEC_PER_SEC)
#define LOOK_EVERY (50 * USEC_PER_MS)

struct world_settling {
    struct io *io;
    struct timer *timer;
    usec until;
};

int world_open(struct io *io_r, enum log_level level, bool json, struct log_sink sink,
               struct err *err)
{
    struct io io = {0};
    /* Before there are threads. */
    oauth_prepare();
    io.loop = loop_new(err);
    if (!io.loop)
        return -1;
    io.offload = offload_new(io.loop, err);
    io.disk = offload_new(io.loop, err);
    io.http = http_new(io.loop, err);
    if (!io.offload || !io.disk || !io.http) {
        http_free(&io.http);
        offload_free(&io.disk);
        offload_free(&io.offload);
        loop_free(&io.loop);
        return -1;
    }
    io.dns = dns_new(io.loop, io.offload);
    io.log = log_new(level, json, sink);
    *io_r = io;
    io_r->oauth = oauth_new(io_r, io_r->http);
    return 0;
}

static bool sends_over_https(const struct config *config)
{
    for (size_t i = 0; i < config->nupstreams; i++)
        if (ports_have_api(&config->upstreams[i].ports))
            return true;
    return false;
}

void world_gather(struct io *io, const struct config *config)
{
    const char *path = config->spool.is_on ? config->spool.directory : config->server.state_dir;
    gather_place_unref(&io->gather);
    if (path && path[0] && sends_over_https(config))
        io->gather = gather_place_new(io->loop, path);
}

static void on_look(void *arg)
{
    struct world_settling *s = arg;
    if (!oauth_is_writing(s->io->oauth) || loop_now(s->io->loop) >= s->until)
        loop_stop(s->io->loop);
    else
        timer_arm(s->timer, LOOK_EVERY);
}

/* A refresh token that was sent may be revoked by now, and the next one is in the answer that is
 * still to come: without it the login would be lost. */
static void settle(struct io *io)
{
    struct world_settling s = {.io = io, .until = loop_now(io->loop) + PATIENCE};
    if (!oauth_is_writing(io->oauth))
        return;
    log_say(io->log, LOG_INFO, "a refresh token is being renewed: its answer is awaited");
    s.timer = timer_new(io->loop, on_look, &s);
    timer_arm(s.timer, LOOK_EVERY);
    loop_run(io->loop);
    timer_free(&s.timer);
}

void world_close(struct io *io)
{
    settle(io);
    oauth_free(&io->oauth);
    http_free(&io->http);
    gather_place_unref(&io->gather);
    dns_free(&io->dns);
    offload_free(&io->disk);
    offload_free(&io->offload);
    loop_free(&io->loop);
    log_free(&io->log);
}

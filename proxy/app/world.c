#include "app/world.h"

#include "io/dns.h"
#include "io/loop.h"
#include "io/offload.h"

int world_open(struct io *io_r, enum log_level level, bool json, struct log_sink sink,
               struct err *err)
{
    struct io io = {0};
    io.loop = loop_new(err);
    if (!io.loop)
        return -1;
    io.offload = offload_new(io.loop, err);
    io.disk = offload_new(io.loop, err);
    if (!io.offload || !io.disk) {
        offload_free(&io.disk);
        offload_free(&io.offload);
        loop_free(&io.loop);
        return -1;
    }
    io.dns = dns_new(io.loop, io.offload);
    io.log = log_new(level, json, sink);
    *io_r = io;
    return 0;
}

void world_close(struct io *io)
{
    dns_free(&io->dns);
    offload_free(&io->disk);
    offload_free(&io->offload);
    loop_free(&io->loop);
    log_free(&io->log);
}

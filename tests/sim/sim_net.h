/* The virtual network from the inside: connections as two ends, for transports and for scripted
 * peers. A connection lives as long as its world, so that the oracle can read afterwards what went
 * over it. */
#ifndef SIM_SIM_NET_H
#define SIM_SIM_NET_H

#include "base/buf.h"
#include "io/transport.h"
#include "sim.h"

struct sim_end;
struct sim_listening;

/* notify: something may have changed (connected, bytes, room, end, reset). Only from the loop. */
typedef void sim_notify(void *ctx);

struct sim_end *sim_connect(struct sim *sim, const struct addr *to, const struct addr *source,
                            sim_notify *fn, void *ctx);
void sim_end_set_owner(struct sim_end *e, sim_notify *fn, void *ctx);
enum transport_step sim_end_connect_step(const struct sim_end *e, struct err *err);
/* As a socket: bytes, 0 for not now, -1 for dead; read gives -1 with ERR_CLOSED at the orderly
 * end. */
ssize_t sim_end_read(struct sim_end *e, void *out, size_t n, struct err *err);
ssize_t sim_end_write(struct sim_end *e, const void *data, size_t n, struct err *err);
/* a read would not return 0 (what a descriptor would announce: not the rest of a TLS record) */
bool sim_end_is_readable(const struct sim_end *e);
bool sim_end_is_writable(const struct sim_end *e);
/* the rest of a TLS record that was read in part */
bool sim_end_has_pending(const struct sim_end *e);
/* close_notify under TLS, then FIN; reading goes on */
void sim_end_finish(struct sim_end *e);
/* RST; ends this end too */
void sim_end_reset(struct sim_end *e);
/* as close(2): FIN, or RST when input is unread. The end must not be used any more */
void sim_end_close(struct sim_end *e);
/* from now on nothing gets through in either direction */
void sim_end_cut(struct sim_end *e);
const struct addr *sim_end_local(const struct sim_end *e);
const struct addr *sim_end_peer(const struct sim_end *e);

/* Scripted listeners. accepted: takes the end. */
struct sim_listening *sim_listen(struct sim *sim, const struct addr *at,
                                 void (*accepted)(void *ctx, struct sim_end *e), void *ctx);
void sim_listening_pause(struct sim_listening *l, bool paused);
void sim_listening_close(struct sim_listening **l);
bool sim_is_listening(const struct sim *sim, const struct addr *at);

/* ---- TLS as a fact ---- */
enum sim_tls_manner {
    SIM_TLS_ANSWERS,
    SIM_TLS_ALERT,
    SIM_TLS_SILENT,
    SIM_TLS_RESETS,
    SIM_TLS_CLOSES,
    /* clear text instead */
    SIM_TLS_BABBLES
};

struct sim_certificate {
    /* blanks between; "*.example.com" matches one label */
    const char *names;
    /* "public" is what the system trusts; a ca_file trusts the issuers it lists by name, a line
     * each */
    const char *issuer;
    bool expired;
    /* its issuer's did not come with it */
    bool alone;
    uint8_t sha256[32];
};

struct sim_tls_server {
    enum sim_tls_manner manner;
    struct sim_certificate certificate;
    /* what it offers at most */
    enum tls_version newest;
    enum tls_version oldest;
};

/* copies; borrows the strings */
void sim_end_tls_as_server(struct sim_end *e, const struct sim_tls_server *server);
int sim_end_tls_with_context(struct sim_end *e, struct tls_context *ctx, bool as_server,
                             const char *resume_key, struct err *err);
/* a peer that trusts everybody */
void sim_end_tls_as_client(struct sim_end *e);
/* DONE once secured. To be called after each notify until it is not AGAIN. */
enum transport_step sim_end_handshake(struct sim_end *e, struct err *err);
/* NULL before TLS began; after a failed handshake what it taught */
const struct tls_facts *sim_end_tls(const struct sim_end *e);
/* the handshake is done */
bool sim_end_is_sealed(const struct sim_end *e);

/* ---- for the oracle ---- */
/* to whoever listened; from it */
enum sim_direction { SIM_UP, SIM_DOWN };
size_t sim_conn_count(const struct sim *sim);
/* the first 64 KiB that went clear */
struct slice sim_conn_clear(const struct sim *sim, size_t i, enum sim_direction d);
/* octets that the sender handed over */
uint64_t sim_conn_sent(const struct sim *sim, size_t i, enum sim_direction d);
/* ... and that the other end has read */
uint64_t sim_conn_read(const struct sim *sim, size_t i, enum sim_direction d);
const struct addr *sim_conn_to(const struct sim *sim, size_t i);
/* ends nobody has closed */
size_t sim_conn_open_ends(const struct sim *sim);

#endif

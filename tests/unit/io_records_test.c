/* TLS records without data: a peer that speaks raw OpenSSL floods a transport of ours. */
#include "io_tls_help.h"

#include <openssl/core_names.h>
#include <openssl/kdf.h>
#include <sys/ioctl.h>

#include "base/caps.h"

/* Our end, driven by hand, and the peer's. */
struct raw {
    struct loop *loop;
    struct transport *t;
    struct tls_context *ours;
    SSL *peer;
    int fd;
    bool peer_is_server;
};

static SSL_CTX *peer_context(bool is_server, int version)
{
    SSL_CTX *ctx = SSL_CTX_new(is_server ? TLS_server_method() : TLS_client_method());
    SSL_CTX_set_max_proto_version(ctx, version);
    SSL_CTX_set_num_tickets(ctx, 0);
    if (is_server) {
        const char *path = path_of("server.pem");
        assert_int_equal(SSL_CTX_use_certificate_file(ctx, path, SSL_FILETYPE_PEM), 1);
        assert_int_equal(SSL_CTX_use_PrivateKey_file(ctx, path, SSL_FILETYPE_PEM), 1);
    }
    return ctx;
}

/* The handshake has not begun yet. */
static void raw_begin(struct raw *r, bool peer_is_server, int version)
{
    struct err err;
    int fds[2];
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL);
    SSL_CTX *ctx = peer_context(peer_is_server, version);
    *r = (struct raw){.loop = new_loop(), .peer_is_server = peer_is_server};
    r->ours = peer_is_server ? client_for("smtp.example.com", true) : tls_context_ref(server);
    tls_context_unref(&server);
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds), 0);
    r->t = transport_accepted(r->loop, fds[0], &nobody);
    r->fd = fds[1];
    r->peer = SSL_new(ctx);
    SSL_CTX_free(ctx);
    SSL_set_fd(r->peer, r->fd);
    if (peer_is_server)
        SSL_set_accept_state(r->peer);
    else
        SSL_set_connect_state(r->peer);
    assert_int_equal(r->t->ops->start_tls(r->t, r->ours, !peer_is_server, NULL, &err), 0);
}

static void raw_shake_hands(struct raw *r)
{
    struct err err = {0};
    enum transport_step step = TRANSPORT_AGAIN;
    int done = 0;
    for (int i = 0; i < 20 && (step == TRANSPORT_AGAIN || done != 1); i++) {
        if (step == TRANSPORT_AGAIN)
            step = r->t->ops->handshake_step(r->t, &err);
        if (done != 1)
            done = SSL_do_handshake(r->peer);
    }
    assert_string_equal(err.words, "");
    assert_int_equal(step, TRANSPORT_DONE);
    assert_int_equal(done, 1);
}

static void raw_end(struct raw *r)
{
    r->t->ops->close(r->t);
    SSL_free(r->peer);
    close(r->fd);
    tls_context_unref(&r->ours);
    loop_free(&r->loop);
}

/* ---- what the peer says ---- */

static void say_key_update(SSL *peer)
{
    assert_int_equal(SSL_key_update(peer, SSL_KEY_UPDATE_NOT_REQUESTED), 1);
    assert_int_equal(SSL_do_handshake(peer), 1);
}

static void say_ticket(SSL *peer)
{
    assert_int_equal(SSL_new_session_ticket(peer), 1);
    assert_int_equal(SSL_do_handshake(peer), 1);
}

/* TLS 1.2: a HelloRequest asks for a renegotiation, which we answer with a warning. */
static void say_hello_request(SSL *peer)
{
    assert_int_equal(SSL_renegotiate(peer), 1);
    assert_int_equal(SSL_do_handshake(peer), 1);
}

/* What the peer writes goes to memory first, for a socket has room for few small segments. */
static BIO *gather(SSL *peer)
{
    BIO *memory = BIO_new(BIO_s_mem());
    SSL_set0_wbio(peer, memory);
    return memory;
}

static void send_gathered(SSL *peer, int fd)
{
    char *octets;
    long n = BIO_get_mem_data(SSL_get_wbio(peer), &octets);
    assert_int_equal(send(fd, octets, (size_t)n, 0), n);
    SSL_set_fd(peer, fd);
}

static void say(struct raw *r, void (*what)(SSL *peer), int times)
{
    gather(r->peer);
    for (int i = 0; i < times; i++)
        what(r->peer);
    send_gathered(r->peer, r->fd);
}

static ssize_t read_all(struct raw *r, size_t n, struct err *err)
{
    char out[16384];
    ssize_t got = 0, sum = 0;
    for (int i = 0; i < 1000 && sum < (ssize_t)n && got >= 0; i++) {
        got = r->t->ops->read(r->t, out, sizeof out, err);
        sum += got > 0 ? got : 0;
    }
    return got < 0 ? -1 : sum;
}

struct flood {
    void (*say)(SSL *peer);
    bool peer_is_server;
    int version;
    /* more than OpenSSL's buffer holds, not more than the socket's does */
    int times;
};

static const struct flood floods[] = {
    {say_key_update, false, TLS1_3_VERSION, 1000},
    {say_key_update, true, TLS1_3_VERSION, 1000},
    {say_ticket, true, TLS1_3_VERSION, 300},
    {say_hello_request, true, TLS1_2_VERSION, 1000},
};

static void test_a_few_records_without_data_are_fine(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof floods / sizeof floods[0]; i++) {
        struct err err = {0};
        struct raw r;
        raw_begin(&r, floods[i].peer_is_server, floods[i].version);
        raw_shake_hands(&r);
        say(&r, floods[i].say, CAP_TLS_RECORDS_WITHOUT_DATA);
        assert_int_equal(SSL_write(r.peer, "x", 1), 1);
        assert_int_equal(read_all(&r, 1, &err), 1);
        raw_end(&r);
    }
}

/* One more ends the connection, and within the call that read it: what follows stays in the socket
 * and in OpenSSL's buffer. */
static void test_a_flood_ends_at_once(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof floods / sizeof floods[0]; i++) {
        struct err err = {0};
        struct raw r;
        char out[100];
        int left = 0;
        raw_begin(&r, floods[i].peer_is_server, floods[i].version);
        raw_shake_hands(&r);
        say(&r, floods[i].say, floods[i].times);
        assert_int_equal(SSL_write(r.peer, "x", 1), 1);
        assert_int_equal(r.t->ops->read(r.t, out, sizeof out, &err), -1);
        assert_int_equal(err.kind, ERR_TLS);
        assert_string_equal(err.words, "the peer sends too many TLS records without data");
        assert_in_range(fd_transport(r.t)->tls->records, CAP_TLS_RECORDS_WITHOUT_DATA + 1,
                        CAP_TLS_RECORDS_WITHOUT_DATA + 2);
        assert_int_equal(ioctl(fd_transport(r.t)->fd, FIONREAD, &left), 0);
        assert_true(left > 5000);
        assert_int_equal(r.t->ops->read(r.t, out, sizeof out, &err), -1);
        assert_int_equal(r.t->ops->write(r.t, "x", 1, &err), -1);
        raw_end(&r);
    }
}

/* A connection that carries a lot may change its keys now and then, for ever. */
static void test_data_earns_key_updates(void **state)
{
    static char block[CAP_TLS_DATA_PER_RECORD];
    struct err err = {0};
    struct raw r;
    (void)state;
    raw_begin(&r, false, TLS1_3_VERSION);
    raw_shake_hands(&r);
    say(&r, say_key_update, CAP_TLS_RECORDS_WITHOUT_DATA);
    for (int i = 0; i < 5; i++) {
        assert_int_equal(SSL_write(r.peer, block, sizeof block), sizeof block);
        assert_int_equal(read_all(&r, sizeof block, &err), sizeof block);
        say(&r, say_key_update, 1);
    }
    assert_int_equal(SSL_write(r.peer, "x", 1), 1);
    assert_int_equal(read_all(&r, 1, &err), 1);
    say(&r, say_key_update, 1);
    assert_int_equal(read_all(&r, 1, &err), -1);
    raw_end(&r);
}

/* A client's renegotiation is refused, and the connection goes on. */
static void test_renegotiation_is_refused(void **state)
{
    struct err err = {0};
    struct raw r;
    char out[10];
    (void)state;
    raw_begin(&r, false, TLS1_2_VERSION);
    raw_shake_hands(&r);
    assert_int_equal(SSL_renegotiate(r.peer), 1);
    assert_int_equal(SSL_do_handshake(r.peer), -1);
    assert_int_equal(r.t->ops->read(r.t, out, sizeof out, &err), 0);
    assert_int_equal(fd_transport(r.t)->tls->records, 1);
    assert_int_equal(SSL_do_handshake(r.peer), -1);
    assert_int_equal(ERR_GET_REASON(ERR_get_error()), SSL_R_NO_RENEGOTIATION);
    raw_end(&r);
}

/* ---- records that OpenSSL does not write: made by hand, with the secret it tells ---- */

static unsigned char client_secret[32];

static void note_secret(const SSL *ssl, const char *line)
{
    static const char label[] = "CLIENT_TRAFFIC_SECRET_0 ";
    const char *secret = strrchr(line, ' ');
    (void)ssl;
    if (strncmp(line, label, strlen(label)) != 0)
        return;
    for (size_t i = 0; i < sizeof client_secret; i++)
        assert_int_equal(sscanf(secret + 1 + 2 * i, "%2hhx", &client_secret[i]), 1);
}

/* RFC 8446 7.1 */
static void derive(const char *label, unsigned char *out, size_t n)
{
    unsigned char info[32] = {0, (unsigned char)n, (unsigned char)(6 + strlen(label))};
    char digest[] = "SHA256";
    int mode = EVP_KDF_HKDF_MODE_EXPAND_ONLY;
    memcpy(info + 3, "tls13 ", 6);
    memcpy(info + 9, label, strlen(label));
    OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_int(OSSL_KDF_PARAM_MODE, &mode),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, client_secret, sizeof client_secret),
        OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info, 10 + strlen(label)),
        OSSL_PARAM_construct_end(),
    };
    EVP_KDF *kdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
    EVP_KDF_CTX *ctx = EVP_KDF_CTX_new(kdf);
    assert_int_equal(EVP_KDF_derive(ctx, out, n, params), 1);
    EVP_KDF_CTX_free(ctx);
    EVP_KDF_free(kdf);
}

static void add_record(struct buf *to, unsigned number, int type, const char *text, size_t n)
{
    unsigned char key[16], iv[12], inner[64], out[64], tag[16];
    unsigned char header[5] = {23, 3, 3, 0, (unsigned char)(n + 1 + sizeof tag)};
    int len;
    derive("key", key, sizeof key);
    derive("iv", iv, sizeof iv);
    iv[11] ^= (unsigned char)number;
    iv[10] ^= (unsigned char)(number >> 8);
    memcpy(inner, text, n);
    inner[n] = (unsigned char)type;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    assert_int_equal(EVP_EncryptInit_ex(ctx, EVP_aes_128_gcm(), NULL, key, iv), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, NULL, &len, header, sizeof header), 1);
    assert_int_equal(EVP_EncryptUpdate(ctx, out, &len, inner, (int)n + 1), 1);
    assert_int_equal(EVP_EncryptFinal_ex(ctx, out + len, &len), 1);
    assert_int_equal(EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, sizeof tag, tag), 1);
    EVP_CIPHER_CTX_free(ctx);
    assert_true(buf_append(to, header, 5) && buf_append(to, out, n + 1) && buf_append(to, tag, 16));
}

/* user_canceled: the one that TLS 1.3 has left */
static const char warning[] = "\1\132";

struct pattern {
    int type;
    const char *text;
    size_t n;
    int times;
    /* after each so many: another record; 0: none */
    int also_type;
    const char *also;
    size_t also_n;
    bool accepted;
};

static const struct pattern patterns[] = {
    {SSL3_RT_APPLICATION_DATA, "", 0, 30, 0, NULL, 0, true},
    {SSL3_RT_APPLICATION_DATA, "", 0, 200, 0, NULL, 0, false},
    {SSL3_RT_ALERT, warning, 2, 3, 0, NULL, 0, true},
    {SSL3_RT_ALERT, warning, 2, 200, 0, NULL, 0, false},
    /* Data in between resets what OpenSSL counts, but not what we count. */
    {SSL3_RT_ALERT, warning, 2, 3, SSL3_RT_APPLICATION_DATA, "x", 1, true},
    {SSL3_RT_ALERT, warning, 2, 200, SSL3_RT_APPLICATION_DATA, "x", 1, false},
    {SSL3_RT_APPLICATION_DATA, "", 0, 200, SSL3_RT_APPLICATION_DATA, "x", 1, true},
    /* A ticket in fragments of an octet; the message is larger than all of them. */
    {SSL3_RT_HANDSHAKE, "\4", 1, 1, SSL3_RT_HANDSHAKE, "\0", 1, true},
    {SSL3_RT_HANDSHAKE, "\4", 1, 200, SSL3_RT_HANDSHAKE, "\1", 1, false},
};

static void play_pattern(struct raw *r, const struct pattern *p)
{
    struct err err = {0};
    struct buf all;
    unsigned number = 0;
    bool is_data = p->type != SSL3_RT_HANDSHAKE;
    buf_init(&all, 1 << 20);
    for (int i = 0; i < p->times; i++) {
        add_record(&all, number++, p->type, p->text, p->n);
        if (p->also_type)
            add_record(&all, number++, p->also_type, p->also, p->also_n);
    }
    if (is_data)
        add_record(&all, number++, SSL3_RT_APPLICATION_DATA, "end", 3);
    assert_int_equal(send(r->fd, buf_view(&all).data, all.len, 0), (ssize_t)all.len);
    buf_free(&all);
    size_t want = is_data ? 3 + (p->also_type ? (size_t)p->times : 0) : 1;
    ssize_t got = read_all(r, want, &err);
    if (p->accepted)
        assert_int_equal(got, is_data ? (ssize_t)want : 0);
    else
        assert_int_equal(got, -1);
    assert_int_equal(err.kind == ERR_TLS, !p->accepted);
}

static void test_empty_records_warnings_and_fragments(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
        struct raw r;
        raw_begin(&r, false, TLS1_3_VERSION);
        SSL_CTX_set_keylog_callback(SSL_get_SSL_CTX(r.peer), note_secret);
        assert_int_equal(SSL_set_ciphersuites(r.peer, "TLS_AES_128_GCM_SHA256"), 1);
        raw_shake_hands(&r);
        play_pattern(&r, &patterns[i]);
        raw_end(&r);
    }
}

/* ---- before the handshake is done ---- */

/* The peer's first flight, in records of `size` octets. */
static void say_hello(struct raw *r, size_t size)
{
    struct buf all;
    char *octets;
    BIO *memory = gather(r->peer);
    buf_init(&all, 1 << 20);
    assert_int_equal(SSL_do_handshake(r->peer), -1);
    size_t n = (size_t)BIO_get_mem_data(memory, &octets);
    for (size_t record = 0, len; record < n; record += 5 + len) {
        len = (unsigned char)octets[record + 3] * 256u + (unsigned char)octets[record + 4];
        for (size_t at = 0; at < len; at += size) {
            size_t part = len - at < size ? len - at : size;
            unsigned char header[5] = {22, 3, 1, (unsigned char)(part >> 8), (unsigned char)part};
            assert_true(buf_append(&all, header, 5));
            assert_true(buf_append(&all, octets + record + 5 + at, part));
        }
    }
    assert_int_equal(send(r->fd, buf_view(&all).data, all.len, 0), (ssize_t)all.len);
    buf_free(&all);
    SSL_set_fd(r->peer, r->fd);
}

/* An ALPN list makes a hello as large as one likes. */
static void enlarge_hello(struct raw *r, size_t n)
{
    unsigned char *list = calloc(1, n);
    for (size_t i = 0; i < n; i += 5)
        memcpy(list + i, "\4smtp", 5);
    assert_int_equal(SSL_set_alpn_protos(r->peer, list, (unsigned)n), 0);
    free(list);
}

static void expect_hello(size_t enlarged, size_t fragment, bool accepted)
{
    struct err err = {0};
    struct raw r;
    raw_begin(&r, false, TLS1_3_VERSION);
    if (enlarged)
        enlarge_hello(&r, enlarged);
    say_hello(&r, fragment);
    enum transport_step step = r.t->ops->handshake_step(r.t, &err);
    assert_int_equal(step, accepted ? TRANSPORT_AGAIN : TRANSPORT_FAILED);
    assert_string_equal(err.words,
                        accepted ? "" : "the peer sends too many TLS records without data");
    if (accepted)
        raw_shake_hands(&r);
    else
        assert_in_range(fd_transport(r.t)->tls->records, 1, CAP_TLS_HANDSHAKE_RECORDS + 1);
    raw_end(&r);
}

static void test_hellos_have_a_bound(void **state)
{
    (void)state;
    expect_hello(0, 16384, true);
    /* about 250 fragments */
    expect_hello(0, 1, true);
    expect_hello(10000, 16384, true);
    expect_hello(10000, 100, true);
    expect_hello(10000, 1, false);
    expect_hello(60000, 16384, false);
}

/* ---- a stream above ---- */

struct reader {
    struct owner owner;
    /* octets of one event */
    size_t most;
};

static void note_size(struct owner *o, enum stream_event event)
{
    struct reader *reader = o->arg;
    static size_t before;
    if (event == STREAM_SECURED)
        before = 0;
    if (event == STREAM_INPUT && o->got.len - before > reader->most)
        reader->most = o->got.len - before;
    before = o->got.len;
}

static bool has_all(void *arg)
{
    struct reader *reader = arg;
    return reader->owner.got.len >= 1003;
}

static bool is_secured(void *arg)
{
    void **both = arg;
    struct reader *reader = both[0];
    return SSL_do_handshake(both[1]) == 1 && owner_has(&reader->owner, 'S');
}

/* All of it comes in one segment, and then the socket is silent: what OpenSSL holds is read to its
 * end, a little in each pump. */
static void test_small_records_take_turns(void **state)
{
    struct tls_context *server = server_with(&good, TLS_V1_2, NULL);
    struct loop *loop = new_loop();
    struct reader reader = {0};
    SSL_CTX *ctx = peer_context(false, TLS1_3_VERSION);
    SSL *peer = SSL_new(ctx);
    struct err err;
    (void)state;
    int fd = owner_open(&reader.owner, loop, SOCK_STREAM, usual_caps, true);
    reader.owner.hook = note_size;
    reader.owner.arg = &reader;
    assert_int_equal(stream_start_tls(reader.owner.s, server, true, NULL, &err), 0);
    SSL_set_fd(peer, fd);
    SSL_set_connect_state(peer);
    spin_until(loop, is_secured, (void *[]){&reader, peer});

    gather(peer);
    say_key_update(peer);
    for (int i = 0; i < 1000; i++)
        assert_int_equal(SSL_write(peer, "x", 1), 1);
    for (int i = 0; i < 10; i++)
        say_key_update(peer);
    assert_int_equal(SSL_write(peer, "end", 3), 3);
    send_gathered(peer, fd);
    spin_until(loop, has_all, &reader);
    assert_in_range(reader.most, 1, 64);
    owner_close(&reader.owner);
    SSL_free(peer);
    SSL_CTX_free(ctx);
    close(fd);
    tls_context_unref(&server);
    loop_free(&loop);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_few_records_without_data_are_fine),
        cmocka_unit_test(test_a_flood_ends_at_once),
        cmocka_unit_test(test_data_earns_key_updates),
        cmocka_unit_test(test_renegotiation_is_refused),
        cmocka_unit_test(test_empty_records_warnings_and_fragments),
        cmocka_unit_test(test_hellos_have_a_bound),
        cmocka_unit_test(test_small_records_take_turns),
    };
    return cmocka_run_group_tests(tests, make_authority, drop_authority);
}

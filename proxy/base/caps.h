/* Every cap in one table, with its reason. A buffer that a peer can fill is born with one of these.
 * Client to upstream, a session holds CAP_CLIENT_INPUT + CAP_CHUNK + CAP_UPSTREAM_OUTPUT = 64 KiB
 * at most, beside the replay copy. */
#ifndef BASE_CAPS_H
#define BASE_CAPS_H

/* octets before the line end; RFC 5321 4.5.3.1.4 asks for 512 plus what extensions add */
#define CAP_COMMAND_LINE 2048
/* RFC 4954 section 4: a SASL line with a large token */
#define CAP_AUTH_LINE 12288
/* octets of an access token: Microsoft's have 2 to 8 thousand */
#define CAP_TOKEN (12 * 1024)
/* octets of what a mechanism says with one: the token, the user's name and the server's, with
 * room for escapes; in base64. It may go on a line of its own, which is longer than
 * CAP_AUTH_LINE. */
#define CAP_TOKEN_MESSAGE (CAP_TOKEN + 4 * CAP_ADDRESS)
#define CAP_TOKEN_RESPONSE (CAP_TOKEN_MESSAGE / 3 * 4 + 4)
/* octets kept of what a server says against a token */
#define CAP_TOKEN_COMPLAINT 256
/* bytes of a client read but not yet consumed */
#define CAP_CLIENT_INPUT (16 * 1024)
/* replies queued for a client that does not read: then it is closed */
#define CAP_CLIENT_OUTPUT (64 * 1024)
/* one BDAT chunk, staged whole before its length is written (RFC 3030), and its command: a TLS
 * record */
#define CAP_CHUNK (16 * 1024)
/* bytes queued for an upstream: beyond, the client is not read */
#define CAP_UPSTREAM_OUTPUT (32 * 1024)
/* bytes of an upstream read but not yet consumed */
#define CAP_UPSTREAM_INPUT (16 * 1024)
/* CRs in a row that the decoder of a body remembers: what one octet behind them makes it repair. */
#define CAP_CR_RUN 4096
/* a queue that falls to this asks for more */
#define LOW_MARK (8 * 1024)
/* RFC 5321 4.5.3.1.5 says 512; the real world says more */
#define CAP_REPLY_LINE 2048
/* lines of one reply that are kept; */
#define CAP_REPLY_LINES 100
/* ... and their octets; more is a malformed reply */
#define CAP_REPLY_TEXT 8192
/* octets of the dialog with one port that `doctor -v` shows: two EHLO replies at their cap */
#define CAP_DIALOG (20 * 1024)
/* pipelined commands taken before the first is answered; the rest waits in the socket */
#define CAP_PENDING_COMMANDS 256
/* octets of one mail address, brackets not counted */
#define CAP_ADDRESS 1024
/* the replay copy of one message (PROMISES 6) */
#define CAP_REPLAY (1024 * 1024)
/* all replay copies together */
#define CAP_REPLAY_TOTAL (64ul * 1024 * 1024)
/* one unfolded header field that rewriting must see whole */
#define CAP_HEADER_LINE (64 * 1024)
/* what rewriting puts at once beside the octets that came: a rewritten From, its original twice,
 * added lines */
#define CAP_REWRITE (4 * CAP_HEADER_LINE)
/* a PROXY v1 line with its CRLF, by its specification */
#define CAP_PROXY_LINE 107
/* a whole PROXY v2 header: addresses take 216 octets at most, the rest are additions */
#define CAP_PROXY_HEADER 4096
/* Connections that have not hung up after our last words, each with a descriptor: of refused
 * clients, and of clients that were said goodbye to. */
#define CAP_LINGERING_REFUSED 64
#define CAP_LINGERING_LEFT 256
/* addresses per listener whose messages are counted when no client of theirs is here */
#define CAP_RATE_ADDRESSES 4096
/* addresses that a name of `destinations` has had lately */
#define CAP_NAME_ADDRESSES 32
/* identities of an account whose logins are known one by one: senders of a site; the one that was
 * not used for longest goes first */
#define CAP_IDENTITIES 256
/* addresses of one name that a race tries (PROMISES 5) */
#define CAP_DNS_ADDRESSES 8
#define CAP_HELPER_THREADS 4
/* Programs (password_command) that run at once, each with a thread; further ones wait for these,
 * and for nobody else. */
#define CAP_CHILDREN 64
/* octets of a secret file's first line */
#define CAP_SECRET 65536
/* Files of secrets that wait to be read: a mount that hangs gathers no endless row of them. */
#define CAP_SECRET_READS 1024
/* an HTTP answer's body, unless the asker says otherwise */
#define CAP_HTTP_ANSWER (64 * 1024)
/* its header lines together */
#define CAP_HTTP_HEADER (32 * 1024)
/* under way at once; each may have a resolver's thread */
#define CAP_HTTP_REQUESTS 256
/* an access token or a refresh token */
#define CAP_TOKEN (12 * 1024)
/* octets of a line that a person pastes into a terminal: the address a browser ended at */
#define CAP_TYPED (8 * 1024)
/* Octets of the head of a browser's request to `login`, cookies of loopback included, and how many
 * connections it may hold at once: browsers open some ahead. */
#define CAP_REDIRECT_REQUEST (16 * 1024)
#define CAP_REDIRECT_VISITS 16
/* password hashes computed at once: the resolver needs helpers too */
#define CAP_PASSWORDS_RUNNING 2
/* ... and logins behind them; more: 454 */
#define CAP_PASSWORDS_WAITING 8
/* client addresses whose failed logins are remembered; the oldest goes first */
#define CAP_LOGIN_FAILURES 1024
/* Octets of one line of proxy.ini, of a key in it, and of a secret there. */
#define CAP_CONFIG_LINE 8192
#define CAP_CONFIG_KEY 100
#define CAP_CONFIG_SECRET 4096
/* lines of a users_file */
#define CAP_USERS 5000
/* of one admin address; */
#define CAP_ADMIN_CONNECTIONS 64
/* ... from one client: a reverse proxy is one, too. One connection more, and the oldest ends. */
#define CAP_ADMIN_PER_ADDRESS 32
/* octets of one request's head, and of what the HTTP library keeps beside it */
#define CAP_ADMIN_REQUEST (16 * 1024)
/* one page: hundreds of accounts fit */
#define CAP_ADMIN_ANSWER (8ul * 1024 * 1024)
/* pairs of account and port whose messages are counted apart */
#define CAP_ADMIN_SERIES 1024
/* Octets of log lines that wait for a log which cannot be written now: one such queue fills while
 * another is written. */
#define CAP_LOG_QUEUE (2ul * 1024 * 1024)

/* Octets that wait for the disk: beyond, whoever writes must wait (disk_is_busy); */
#define CAP_DISK_BUSY (4ul * 1024 * 1024)
/* ... and an append is refused: somebody did not wait. */
#define CAP_DISK_OCTETS (64ul * 1024 * 1024)
/* octets of one read of a file of the spool, and of what is gathered before it is written */
#define CAP_DISK_CHUNK (64 * 1024)
/* the head of a file of the spool: a thousand recipients of the longest kind, escaped */
#define CAP_SPOOL_HEAD (4ul * 1024 * 1024)
/* the log beside it: what is behind that is not read */
#define CAP_SPOOL_LOG (4ul * 1024 * 1024)
/* octets of a message that its bounce quotes; ... and of a bounce: a thousand recipients with the
 * longest words, and the quote */
#define CAP_BOUNCE_QUOTE (64ul * 1024)
#define CAP_BOUNCE (4ul * 1024 * 1024)

/* What a TLS peer may send beside data. The largest hello of a client, with keys of post-quantum
 * groups and a ticket, has about 10 KB. A busy peer may change its keys now and then; it earns that
 * right by sending data. */
#define CAP_TLS_CLIENT_HANDSHAKE (32 * 1024)
#define CAP_TLS_HANDSHAKE_RECORDS 512
#define CAP_TLS_RECORDS_WITHOUT_DATA 64
#define CAP_TLS_DATA_PER_RECORD (64 * 1024)

#endif

/* Every cap in one table, with its reason. A buffer that a peer can fill is made with one of these.
 * From client to upstream, a session holds at most CAP_CLIENT_INPUT + CAP_CHUNK +
 * CAP_UPSTREAM_OUTPUT = 64 KiB, beside the replay copy. */
#ifndef BASE_CAPS_H
#define BASE_CAPS_H

/* ---- a client's session ---- */

/* Octets of a command before its line end. RFC 5321 4.5.3.1.4 asks for 512 plus what extensions
 * add. */
#define CAP_COMMAND_LINE 2048
/* Octets of a line of AUTH: a SASL line can hold a large token (RFC 4954 section 4). */
#define CAP_AUTH_LINE 12288
/* Bytes of a client that were read but not consumed. */
#define CAP_CLIENT_INPUT (16 * 1024)
/* Bytes of replies that wait for a client. A client that does not read them is closed. */
#define CAP_CLIENT_OUTPUT (64 * 1024)
/* Pipelined commands that were read before the first one is answered. The rest stays in the
 * socket. */
#define CAP_PENDING_COMMANDS 256
/* Commands of a session that bring no message nearer, commands that failed, and failed logins. They
 * end sessions that only keep us busy. */
#define CAP_JUNK_COMMANDS 100
#define CAP_COMMAND_ERRORS 20
#define CAP_SESSION_FAILED_LOGINS 3
/* Octets of one mail address without its brackets. */
#define CAP_ADDRESS 1024
/* Octets of ENVID (RFC 3461 section 4.4) and of ORCPT (section 4.2). */
#define CAP_ENVID 100
#define CAP_ORCPT 500
/* Octets of a domain, for the HELO name in Received (RFC 5321 4.5.3.1.2). */
#define CAP_HELO 255
/* Octets of a line of our replies without its CRLF. RFC 5321 4.5.3.1.5 allows 512 with it. */
#define CAP_REPLY_LINE_SENT 500
/* A PROXY v1 line with its CRLF, by its specification. */
#define CAP_PROXY_LINE 107
/* A whole PROXY v2 header: addresses take at most 216 octets, the rest are additions. */
#define CAP_PROXY_HEADER 4096
/* Connections that have not hung up after our last words, each with a descriptor: of refused
 * clients, and of clients whose session has ended. */
#define CAP_LINGERING_REFUSED 64
#define CAP_LINGERING_LEFT 256
/* Addresses per listener whose messages are counted while no client of theirs is connected. */
#define CAP_RATE_ADDRESSES 4096
/* Client addresses whose failed logins are remembered. The oldest is dropped first. */
#define CAP_LOGIN_FAILURES 1024
/* Password hashes that are computed at once: the resolver needs helper threads, too. */
#define CAP_PASSWORDS_RUNNING 2
/* Logins that wait for those. Further ones are answered with 454. */
#define CAP_PASSWORDS_WAITING 8

/* ---- a message ---- */

/* One BDAT chunk and its command. The chunk is staged whole before its length is written (RFC
 * 3030); both fit a TLS record. */
#define CAP_CHUNK (16 * 1024)
/* CRs in a row that the decoder of a body remembers. One octet behind them makes it repair all of
 * them. */
#define CAP_CR_RUN 4096
/* The replay copy of one message (PROMISES 6). */
#define CAP_REPLAY (1024 * 1024)
/* All replay copies together. */
#define CAP_REPLAY_TOTAL (64ul * 1024 * 1024)
/* Octets of an unfolded header field that rewriting must see whole. */
#define CAP_HEADER_LINE (64 * 1024)
/* Octets before the colon of a header field: a line has no more (RFC 5322 2.1.1). */
#define CAP_HEADER_NAME 998
/* Octets that rewriting adds at once to those that came: a rewritten From, its original twice, and
 * added lines. */
#define CAP_REWRITE (4 * CAP_HEADER_LINE)
/* Octets of one line that we add to a header: a sender, a host name and a few words. */
#define CAP_ADDED_LINE 4096
/* Octets of a message that the subcommands `send` and `sendmail` read. */
#define CAP_SEND_MESSAGE ((size_t)64 * 1024 * 1024)
/* Recipients of one `send`, and of one call of `sendmail`. */
#define CAP_SEND_RECIPIENTS 100
#define CAP_SENDMAIL_RECIPIENTS 10000

/* ---- a session with an upstream ---- */

/* Bytes that wait for an upstream. While there are as many, the client is not read. */
#define CAP_UPSTREAM_OUTPUT (32 * 1024)
/* Bytes of an upstream that were read but not consumed. */
#define CAP_UPSTREAM_INPUT (16 * 1024)
/* A queue that falls to this asks for more. */
#define LOW_MARK (8 * 1024)
/* Octets of commands that wait for a reply or for room. The caller bounds the recipients. */
#define CAP_WAITING_LINES ((size_t)4 * 1024 * 1024)
/* Octets of a reply's line. RFC 5321 4.5.3.1.5 says 512; servers send more. */
#define CAP_REPLY_LINE 2048
/* Lines of one reply that are kept. */
#define CAP_REPLY_LINES 100
/* Octets of those lines. A longer reply is malformed. */
#define CAP_REPLY_TEXT 8192
/* Octets of the dialog with one port that `doctor -v` shows: two EHLO replies at their cap. */
#define CAP_DIALOG (20 * 1024)
/* SCRAM iterations. With more the server keeps a helper thread of ours busy. */
#define CAP_SCRAM_ITERATIONS 1000000
/* Octets of the header section with which an HTTP proxy answers CONNECT. */
#define CAP_TUNNEL_HEADER 8192
/* Octets of one request to a SOCKS or HTTP proxy. */
#define CAP_TUNNEL_REQUEST 2048
/* Octets of the user name or the password for a proxy (RFC 1929 section 2). */
#define CAP_TUNNEL_CREDENTIAL 255
/* Identities of an account whose logins are known one by one, that is, senders of a site. The least
 * recently used is dropped first. */
#define CAP_IDENTITIES 256
/* Accounts that the file of what was learnt holds. The oldest makes room. */
#define CAP_MEMORY_ENTRIES 256
/* Ports of one account whose answer to BDAT is kept there. */
#define CAP_MEMORY_PORTS 8
/* Octets of a name in it, and of the whole file. */
#define CAP_MEMORY_NAME 1024
#define CAP_MEMORY_FILE ((size_t)512 * 1024)

/* ---- names ---- */

/* Addresses that a name of `destinations` has had lately. */
#define CAP_NAME_ADDRESSES 32
/* Addresses of one name that a race tries (PROMISES 5). */
#define CAP_DNS_ADDRESSES 8
/* Addresses and routes of this host that are watched for changes. */
#define CAP_NETWATCH_PLACES 256

/* ---- helpers: threads, children, HTTP ---- */

#define CAP_HELPER_THREADS 4
/* Programs (password_command) that run at once, each with a thread. Further ones wait for these and
 * for nothing else. */
#define CAP_CHILDREN 64
/* Octets of a secret file's first line. */
#define CAP_SECRET 65536
/* Files of secrets that wait to be read. A mount that hangs must not gather an endless row of
 * them. */
#define CAP_SECRET_READS 1024
/* Octets of an HTTP answer's body, unless the caller asks for another cap. */
#define CAP_HTTP_ANSWER (64 * 1024)
/* Octets of its header lines together. */
#define CAP_HTTP_HEADER (32 * 1024)
/* HTTP requests that run at once. Each may have a thread of the resolver. */
#define CAP_HTTP_REQUESTS 256
/* Requests with a message that one account sends at once to its service over HTTPS. */
#define CAP_API_REQUESTS 4
/* Octets of the header of a message whose recipients an API reads there. */
#define CAP_API_HEADER ((size_t)256 * 1024)
/* Octets around a message that goes to an API: a thousand recipients, each a part of a form. */
#define CAP_API_FORM ((size_t)2 * 1024 * 1024)
/* A gathered message of at most this many octets stays in memory as a whole. */
#define CAP_GATHER ((size_t)1024 * 1024)
/* Of a longer message, a beginning of this many octets stays in memory. It holds any header that is
 * read. */
#define CAP_GATHER_HEAD (CAP_API_HEADER + 64 * 1024)
/* Octets of it that one call gives to the disk. */
#define CAP_GATHER_WRITE ((size_t)256 * 1024)
/* Octets of an access token or a refresh token: Microsoft's have 2 to 8 thousand. */
#define CAP_TOKEN (12 * 1024)
/* Octets of a mechanism's message with one: the token, the user's name and the server's, with room
 * for escapes, and the same in base64. It may go on a line of its own, which is longer than
 * CAP_AUTH_LINE. */
#define CAP_TOKEN_MESSAGE (CAP_TOKEN + 4 * CAP_ADDRESS)
#define CAP_TOKEN_RESPONSE (CAP_TOKEN_MESSAGE / 3 * 4 + 4)
/* Octets that are kept of a server's complaint about a token. */
#define CAP_TOKEN_COMPLAINT 256
/* Octets of a form that a token service gets, of the assertion in it, and of the address that a
 * browser opens for a login. */
#define CAP_TOKEN_FORM (64 * 1024)
#define CAP_ASSERTION (16 * 1024)
#define CAP_LOGIN_URL 4096
/* Octets of a line that a person pastes into a terminal: the address at which a browser ended. */
#define CAP_TYPED (8 * 1024)
/* Octets of the head of a browser's request to `login`, cookies of loopback included, and the
 * connections that it may hold at once: browsers open some ahead. */
#define CAP_REDIRECT_REQUEST (16 * 1024)
#define CAP_REDIRECT_VISITS 16

/* ---- the shared engine ---- */

/* Octets of one reply: a sealed refresh token and a sealed access token, in base64 or not. */
#define CAP_ENGINE_REPLY (64 * 1024)
/* Values of one reply: a few for each instance. */
#define CAP_ENGINE_ITEMS 4096
/* Octets of it that were read but not consumed, and of questions that wait for it. */
#define CAP_ENGINE_INPUT (16 * 1024)
#define CAP_ENGINE_OUTPUT (1024 * 1024)
/* Questions that are not answered. Further ones are answered as if it were away. */
#define CAP_ENGINE_QUESTIONS 4096
/* Octets of what an engine says when it refuses, in our words about it. */
#define CAP_ENGINE_WORDS 300

/* ---- the configuration ---- */

/* Octets of one line of proxy.ini, of a key in it, and of a secret there. */
#define CAP_CONFIG_LINE 8192
#define CAP_CONFIG_KEY 100
#define CAP_CONFIG_SECRET 4096
/* Octets of the whole file. */
#define CAP_CONFIG_FILE (1024 * 1024)
/* Octets of a section's title: inih keeps no more. */
#define CAP_CONFIG_TITLE 49
/* Certificates of a listener: one RSA and one ECDSA, each for the clients that verify it. */
#define CAP_LISTEN_CERTIFICATES 2
/* Octets of a certificate and key that are made here, as PEM. */
#define CAP_PEM (64 * 1024)
/* Lines and octets of a users_file. */
#define CAP_USERS 5000
#define CAP_USERS_FILE (4 * 1024 * 1024)
/* Octets of a password hash there. crypt(3) makes at most 384. */
#define CAP_PASSWORD_HASH 512
/* Symbolic links on the way to a file, as in Linux. */
#define CAP_PATH_LINKS 40
/* Sockets that a service manager passes. */
#define CAP_PASSED_SOCKETS 256

/* ---- the spool ---- */

/* Octets that wait for the disk. Beyond this, a writer must wait (disk_is_busy). */
#define CAP_DISK_BUSY (4ul * 1024 * 1024)
/* Beyond this an append is refused: some writer did not wait. */
#define CAP_DISK_OCTETS (64ul * 1024 * 1024)
/* Octets of one read of a file of the spool, and of what is gathered before it is written. */
#define CAP_DISK_CHUNK (64 * 1024)
/* Octets of the head of a file of the spool: a thousand recipients of the longest kind, escaped. */
#define CAP_SPOOL_HEAD (4ul * 1024 * 1024)
/* Octets of the log beside it. The part behind that is not read. */
#define CAP_SPOOL_LOG (4ul * 1024 * 1024)
/* The spool's control socket: commands at once, octets of a request and of an answer that waits for
 * its reader. */
#define CAP_CONTROL_VISITS 4
#define CAP_CONTROL_REQUEST 1024
#define CAP_CONTROL_OUTPUT (64 * 1024)
/* Octets of a message that its bounce quotes. */
#define CAP_BOUNCE_QUOTE (64ul * 1024)
/* Octets of a bounce: a thousand recipients with the longest replies, and the quote. */
#define CAP_BOUNCE (4ul * 1024 * 1024)

/* ---- the admin page ---- */

/* Connections of one admin address. */
#define CAP_ADMIN_CONNECTIONS 64
/* Connections of one client of it; a reverse proxy is one, too. A further connection ends the
 * oldest. */
#define CAP_ADMIN_PER_ADDRESS 32
/* Octets of one request's head, and of what the HTTP library keeps beside it. */
#define CAP_ADMIN_REQUEST (16 * 1024)
/* Octets of one page. Hundreds of accounts fit. */
#define CAP_ADMIN_ANSWER (8ul * 1024 * 1024)
/* Pairs of account and port whose messages are counted apart. */
#define CAP_ADMIN_SERIES 1024
/* Warnings on one page. More would not be read. */
#define CAP_ADMIN_WARNINGS 40
/* Clients that were refused lately, for the page. */
#define CAP_REFUSED_CLIENTS 32
/* Messages that the page lists. */
#define CAP_ADMIN_RECENT 50

/* ---- several instances ---- */

/* The most sessions of a credential that the shared engine is believed to know of. */
#define CAP_CLUSTER_SESSIONS 1000000
/* A rate of more messages per period is divided among the instances, for the engine keeps a name of
 * each message. */
#define CAP_CLUSTER_RATE 10000
/* Instances that are told apart, for the page and for the log. */
#define CAP_CLUSTER_INSTANCES 64

/* ---- the log ---- */

/* Octets of log lines that wait for a log which cannot be written now. One queue of that size fills
 * while another is written. */
#define CAP_LOG_QUEUE (2ul * 1024 * 1024)
/* Octets of one line and of one field. A longer line is cut at a field's end: syslog and pipes take
 * lines that fit in one write. */
#define CAP_LOG_LINE (16 * 1024)
#define CAP_LOG_FIELD 2048
/* Octets of one datagram to syslog: a line and its head. */
#define CAP_SYSLOG_LINE (CAP_LOG_LINE + 1024)

/* ---- TLS ---- */

/* A TLS peer may send at most this beside data. The largest hello of a client, with keys of
 * post-quantum groups and a ticket, has about 10 KB. A busy peer may change its keys now and then;
 * sending data allows it more of these records. */
#define CAP_TLS_CLIENT_HANDSHAKE (32 * 1024)
#define CAP_TLS_HANDSHAKE_RECORDS 512
#define CAP_TLS_RECORDS_WITHOUT_DATA 64
#define CAP_TLS_DATA_PER_RECORD (64 * 1024)
/* Sessions of one context that can be resumed. The least recently stored is dropped first. */
#define CAP_TLS_SESSIONS 32

#endif

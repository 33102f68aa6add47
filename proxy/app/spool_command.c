#include "app/spool_command.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "app/check.h"
#include "app/kept.h"
#include "app/privileges.h"
#include "app/spool_adopt.h"
#include "app/spool_ask.h"
#include "app/spool_file.h"
#include "app/spool_print.h"
#include "app/status.h"
#include "base/mem.h"
#include "config/table.h"
#include "io/files.h"

enum deed { DEED_LIST, DEED_SHOW, DEED_RETRY, DEED_REMOVE, DEED_DRAIN, DEED_ADOPT };

static const char *const deeds[] = {
    [DEED_LIST] = "list",     [DEED_SHOW] = "show",   [DEED_RETRY] = "retry",
    [DEED_REMOVE] = "remove", [DEED_DRAIN] = "drain", [DEED_ADOPT] = "adopt",
};
enum { DEEDS = sizeof deeds / sizeof deeds[0] };

struct wish {
    enum deed deed;
    bool json, raw, failed, quiet;
    /* DEED_ADOPT has a directory in the place of an ID. */
    const char *account, *id;
    usec timeout;
};

#define DRAIN_TIMEOUT (5 * 60 * USEC_PER_SEC)

static int complain(int status, const char *words)
{
    fprintf(stderr, "smtp-detour spool: %s\n", words);
    return status;
}

/* ---- the command line ---- */

static bool take_timeout(struct wish *w, const char *text)
{
    static const struct key key = {.min = USEC_PER_SEC,
                                   .max = CONTROL_DRAIN_SECONDS * USEC_PER_SEC};
    struct err err;
    if (type_duration.parse(&key, slice_of(text), &w->timeout, &err) == 0)
        return true;
    complain(EXIT_USAGE, err.words);
    return false;
}

static bool take(struct wish *w, int argc, char **argv, int *i)
{
    const char *word = argv[*i];
    if (strcmp(word, "--json") == 0 && w->deed == DEED_LIST)
        return w->json = true;
    if (strcmp(word, "--raw") == 0 && w->deed == DEED_SHOW)
        return w->raw = true;
    if (strcmp(word, "--failed") == 0 && w->deed == DEED_RETRY)
        return w->failed = true;
    if (strcmp(word, "--account") == 0 && (w->deed == DEED_LIST || w->deed == DEED_RETRY)) {
        if (*i + 1 >= argc || w->account)
            return false;
        w->account = argv[++*i];
        return true;
    }
    if (strcmp(word, "--timeout") == 0 && w->deed == DEED_DRAIN)
        return *i + 1 < argc && take_timeout(w, argv[++*i]);
    if (word[0] == '-' || w->id || w->deed == DEED_LIST || w->deed == DEED_DRAIN)
        return false;
    w->id = word;
    return true;
}

static bool parse(struct wish *w, int argc, char **argv)
{
    size_t deed = 0;
    if (argc == 0)
        return false;
    while (deed < DEEDS && strcmp(deeds[deed], argv[0]) != 0)
        deed++;
    if (deed == DEEDS)
        return false;
    w->deed = (enum deed)deed;
    w->timeout = DRAIN_TIMEOUT;
    for (int i = 1; i < argc; i++)
        if (!take(w, argc, argv, &i))
            return false;
    if (w->deed == DEED_RETRY)
        return !w->id || (!w->account && !w->failed);
    return w->deed == DEED_LIST || w->deed == DEED_DRAIN || w->id;
}

/* ---- what is done ---- */

static void on_entry(void *ctx, const struct control_entry *entry)
{
    spool_listing_add(ctx, entry);
}

static int ask(struct config *config, const struct wish *w)
{
    static const enum control_verb verbs[] = {[DEED_LIST] = CONTROL_LIST,
                                              [DEED_RETRY] = CONTROL_RETRY,
                                              [DEED_REMOVE] = CONTROL_REMOVE,
                                              [DEED_DRAIN] = CONTROL_DRAIN};
    struct control_request request = {.verb = verbs[w->deed]};
    struct spool_listing listing = {0};
    char *words;
    if (w->deed == DEED_RETRY && !w->id)
        request.verb = w->failed ? CONTROL_RETRY_FAILED : CONTROL_RETRY_WAITING;
    if (w->id)
        snprintf(request.id, sizeof request.id, "%s", w->id);
    if (w->deed == DEED_DRAIN)
        request.seconds = (uint64_t)((w->timeout + USEC_PER_SEC - 1) / USEC_PER_SEC);
    if (w->account)
        request.account = mem_string(w->account);
    int status = spool_ask(config, &request, on_entry, &listing, &words);
    if (status != EXIT_FINE)
        complain(status, words);
    else if (w->deed == DEED_LIST)
        spool_listing_print(&listing, config->spool.directory, w->json);
    else if (!w->quiet)
        printf("%s\n", words);
    spool_listing_free(&listing);
    free(words);
    return status;
}

static int show(const struct config *config, const struct wish *w)
{
    struct spool_file f;
    struct err err;
    if (spool_file_open(config->spool.directory, w->id, &f, &err) != 0)
        return complain(err.kind == ERR_PERMISSION                              ? EXIT_NO_RIGHT
                        : err.kind == ERR_NOT_FOUND || err.kind == ERR_PROTOCOL ? EXIT_ANSWER_BAD
                                                                                : EXIT_SYSTEM,
                        err.words);
    int status = EXIT_FINE;
    if (!w->raw) {
        spool_print_file(&f);
        printf("\n");
    }
    if (spool_file_copy(&f, stdout, &err) != 0)
        status = complain(err.kind == ERR_PROTOCOL ? EXIT_ANSWER_BAD : EXIT_SYSTEM, err.words);
    spool_file_close(&f);
    return status;
}

/* Nothing was ever kept. */
static int answer_empty(const struct wish *w)
{
    if (w->deed == DEED_LIST)
        puts(w->json ? "[]" : "Mail queue is empty");
    else if (w->deed == DEED_DRAIN)
        puts("nothing waits: nothing is kept");
    else if (w->deed == DEED_RETRY && !w->id && !w->quiet)
        puts("0 messages: nothing is kept");
    if (w->deed == DEED_LIST || w->deed == DEED_DRAIN || (w->deed == DEED_RETRY && !w->id))
        return EXIT_FINE;
    return complain(EXIT_ANSWER_BAD, "there is no such message: nothing is kept");
}

/* ---- who may ---- */

static int refuse(void)
{
    return complain(EXIT_NO_RIGHT, "only root and the server's user may see the spool");
}

/* Root becomes the user to whom the spool belongs, so that no file of it comes to be root's, and
 * nothing that this user puts there can harm root. */
static int become_owner(const struct stat *spool, struct err *err)
{
    struct identity owner = {
        .change = geteuid() == 0 && spool->st_uid != 0, .uid = spool->st_uid, .gid = spool->st_gid};
    return identity_assume(&owner, err);
}

/* ---- another spool ---- */

/* Before any file is made in it: is there a spool? */
static int look_at(const char *directory, const struct stat *own)
{
    struct stat other;
    char words[400], *format = mem_alloc(strlen(directory) + sizeof "/format");
    sprintf(format, "%s/format", directory);
    bool is_there = stat(directory, &other) == 0 && access(format, F_OK) == 0;
    int why = errno;
    free(format);
    if (!is_there) {
        snprintf(words, sizeof words, "%.200s: %s", directory,
                 why == EACCES ? strerror(why)
                               : "no spool is there: it would have a file `format`, and queue/");
        return complain(why == EACCES ? EXIT_NO_RIGHT : EXIT_ANSWER_BAD, words);
    }
    if (other.st_dev == own->st_dev && other.st_ino == own->st_ino)
        return complain(EXIT_USAGE, "this is the spool of the configuration itself");
    return EXIT_FINE;
}

/* The first start of a server would make it. */
static int make_own(const struct config *config, struct stat *own)
{
    struct identity identity;
    struct file_owner owner;
    struct err err = {0};
    if (stat(config->spool.directory, own) == 0)
        return EXIT_FINE;
    if (errno == EACCES)
        return refuse();
    if (identity_find(&config->server, &identity, &err) != 0 ||
        kept_prepare(config, identity_owner(&identity, &owner), &err) != 0)
        return complain(err.kind == ERR_PERMISSION ? EXIT_NO_RIGHT : EXIT_SYSTEM, err.words);
    return stat(config->spool.directory, own) == 0 ? EXIT_FINE
                                                   : complain(EXIT_SYSTEM, strerror(errno));
}

static int adopt_from(const struct config *config, const char *directory)
{
    struct stat own;
    struct err err = {0};
    char *words;
    int status = make_own(config, &own);
    if (status == EXIT_FINE)
        status = look_at(directory, &own);
    if (status != EXIT_FINE)
        return status;
    if (geteuid() != 0 && geteuid() != own.st_uid)
        return refuse();
    if (become_owner(&own, &err) != 0)
        return complain(EXIT_SYSTEM, err.words);
    status = spool_adopt(config, directory, &words);
    if (status == EXIT_FINE)
        puts(words);
    else
        complain(status, words);
    free(words);
    return status;
}

static int adopt(const struct config *config, const struct wish *w)
{
    char *directory = realpath(w->id, NULL);
    if (!config->spool.is_on) {
        free(directory);
        return complain(EXIT_BAD_CONFIG, "the configuration has no [spool] that could take it in");
    }
    /* A directory that is not there is named as it was given. */
    int status = adopt_from(config, directory ? directory : w->id);
    free(directory);
    return status;
}

static int act(struct config *config, const struct wish *w)
{
    struct stat spool;
    struct err err = {0};
    if (w->deed == DEED_ADOPT)
        return adopt(config, w);
    if (!kept_find(config))
        return answer_empty(w);
    if (stat(config->spool.directory, &spool) != 0) {
        if (errno == ENOENT)
            return answer_empty(w);
        return errno == EACCES ? refuse() : complain(EXIT_SYSTEM, strerror(errno));
    }
    if (geteuid() != 0 && geteuid() != spool.st_uid)
        return refuse();
    if (become_owner(&spool, &err) != 0)
        return complain(EXIT_SYSTEM, err.words);
    if (w->id && !spool_id_is_valid(w->id))
        return complain(EXIT_ANSWER_BAD, "this is not the ID of a message: `smtp-detour spool "
                                         "list` shows those that there are");
    return w->deed == DEED_SHOW ? show(config, w) : ask(config, w);
}

static int run(const char *config_file, const struct wish *w)
{
    if (access(config_file, R_OK) != 0 && errno == EACCES)
        return refuse();
    struct config *config = load_config_or_complain(config_file);
    if (!config)
        return EXIT_BAD_CONFIG;
    int status = act(config, w);
    config_unref(&config);
    if (fflush(stdout) != 0 && status == EXIT_FINE)
        status = complain(EXIT_SYSTEM, "standard output can't be written");
    return status;
}

int spool_command_main(const char *config_file, int argc, char **argv)
{
    struct wish w = {0};
    if (!parse(&w, argc, argv)) {
        fprintf(stderr,
                "usage: smtp-detour spool [-c FILE] list [--json] [--account A] | show "
                "[--raw] ID | retry [ID | [--failed] [--account A]] | remove ID | adopt DIR "
                "| drain [--timeout 5m]\n");
        return EXIT_USAGE;
    }
    return run(config_file, &w);
}

/* The names of sendmail are called where smtp-detour is installed but not set up. */
static int run_if_configured(const char *config_file, const struct wish *w)
{
    if (!config_is_there(config_file))
        return answer_empty(w);
    return run(config_file, w);
}

int spool_command_queue(const char *config_file)
{
    return run_if_configured(config_file, &(struct wish){.deed = DEED_LIST});
}

int spool_command_run(const char *config_file)
{
    return run_if_configured(config_file, &(struct wish){.deed = DEED_RETRY, .quiet = true});
}

/* Where the log goes: stderr, syslog or a file that is reopened on SIGHUP. */
#ifndef APP_LOG_TARGET_H
#define APP_LOG_TARGET_H

#include <sys/types.h>

#include "base/err.h"
#include "base/log.h"
#include "config/config.h"

struct log_target;

/* Opens the configured target. Gives; NULL with err (the file cannot be opened). */
struct log_target *log_target_new(const struct log_config *config, struct err *err) MUST_USE;
void log_target_free(struct log_target **target);
struct log_sink log_target_sink(struct log_target *target);
/* Takes over another target and reopens its file, also when its name is the same (log rotation).
 * -1: everything stays as it was. */
int log_target_reopen(struct log_target *target, const struct log_config *config,
                      struct err *err) MUST_USE;
/* A file made while we were root is handed to the user we become. */
void log_target_give_to(const struct log_target *target, uid_t uid, gid_t gid);

#endif

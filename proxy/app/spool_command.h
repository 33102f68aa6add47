/* The command `smtp-detour spool` shows kept mail to an administrator, and acts on it. */
#ifndef APP_SPOOL_COMMAND_H
#define APP_SPOOL_COMMAND_H

int spool_command_main(const char *config_file, int argc, char **argv);
/* The command `mailq` lists what is kept, which is nothing without a configuration. Returns the
 * exit status. */
int spool_command_queue(const char *config_file);
/* The command `sendmail -q` tries all that waits now. It prints nothing if that works. */
int spool_command_run(const char *config_file);

#endif

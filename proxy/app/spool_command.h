/* `smtp-detour spool`: what an administrator asks about kept mail, and does with it. */
#ifndef APP_SPOOL_COMMAND_H
#define APP_SPOOL_COMMAND_H

int spool_command_main(const char *config_file, int argc, char **argv);
/* `mailq`: what is kept; nothing where there is no configuration. Returns the exit status. */
int spool_command_queue(const char *config_file);
/* `sendmail -q`: all that waits is tried now; without a word. */
int spool_command_run(const char *config_file);

#endif

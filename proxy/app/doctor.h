/* The command `smtp-detour doctor` tries every port of every account and explains what the network
 * does to it. */
#ifndef APP_DOCTOR_H
#define APP_DOCTOR_H

int doctor_main(const char *config_file, int argc, char **argv);

#endif

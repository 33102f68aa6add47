/* A script that a shared engine (Valkey or Redis) runs as a whole, compiled in. */
#ifndef IO_ENGINE_SCRIPT_H
#define IO_ENGINE_SCRIPT_H

struct engine_script {
    const char *name;
    const char *text;
    /* This is the digest of the text, 40 hexadecimal digits in lower case. An engine knows the
     * script by this name. */
    const char *sha1;
};

#endif

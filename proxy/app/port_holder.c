#include "app/port_holder.h"

#include <ctype.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LISTENING = 10, LINE = 512, WORD = 8 };

/* The kernel prints an address as words of its own byte order. */
static bool parse_address(const char *hex, size_t len, struct addr *addr_r)
{
    *addr_r = (struct addr){.family = len == WORD ? ADDR_V4 : ADDR_V6};
    if (len != WORD && len != (size_t)4 * WORD)
        return false;
    for (size_t i = 0; i < len / WORD; i++) {
        char word[WORD + 1] = "", *end;
        memcpy(word, hex + i * WORD, WORD);
        uint32_t value = (uint32_t)strtoul(word, &end, 16);
        if (*end)
            return false;
        memcpy(addr_r->bytes + i * 4, &value, sizeof value);
    }
    return true;
}

uint64_t port_holder_inode(const char *line, const struct addr *at)
{
    char hex[40];
    unsigned port, state;
    uint64_t inode;
    struct addr held;
    if (sscanf(line,
               " %*u: %39[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u "
               "%" SCNu64,
               hex, &port, &state, &inode) != 4)
        return 0;
    if (state != LISTENING || port != at->port || !parse_address(hex, strlen(hex), &held))
        return 0;
    bool is_v6 = held.family == ADDR_V6;
    held = addr_unmap(&held);
    /* A socket on [::] mostly takes IPv4, too. */
    bool all = addr_is_any(&held) && (is_v6 || at->family == ADDR_V4);
    bool wants_all = addr_is_any(at) && held.family == at->family;
    return all || wants_all || addr_equal(&held, at) ? inode : 0;
}

static uint64_t find_inode(const char *file, const struct addr *at)
{
    char line[LINE];
    uint64_t inode = 0;
    FILE *f = fopen(file, "re");
    while (f && !inode && fgets(line, sizeof line, f))
        inode = port_holder_inode(line, at);
    if (f)
        fclose(f);
    return inode;
}

/* Whether the process has a descriptor of the socket. */
static bool holds(const char *pid, uint64_t inode)
{
    char path[300], link[64], wanted[64];
    bool found = false;
    snprintf(path, sizeof path, "/proc/%.20s/fd", pid);
    snprintf(wanted, sizeof wanted, "socket:[%" PRIu64 "]", inode);
    DIR *folder = opendir(path);
    for (struct dirent *e; folder && !found && (e = readdir(folder));) {
        snprintf(path, sizeof path, "/proc/%.20s/fd/%.20s", pid, e->d_name);
        ssize_t n = readlink(path, link, sizeof link - 1);
        link[n > 0 ? n : 0] = 0;
        found = strcmp(link, wanted) == 0;
    }
    if (folder)
        closedir(folder);
    return found;
}

static void read_name(const char *pid, struct port_holder *h)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/%.20s/comm", pid);
    FILE *f = fopen(path, "re");
    if (f && fgets(h->name, sizeof h->name, f))
        h->name[strcspn(h->name, "\n")] = 0;
    if (f)
        fclose(f);
    /* A program names itself. */
    for (char *c = h->name; *c; c++)
        if (!isprint((unsigned char)*c))
            *c = '?';
}

bool port_holder_find(const struct addr *at, struct port_holder *h)
{
    *h = (struct port_holder){0};
    uint64_t inode = at->family == ADDR_V4 ? find_inode("/proc/net/tcp", at) : 0;
    if (!inode)
        inode = find_inode("/proc/net/tcp6", at);
    if (!inode)
        return false;
    DIR *folder = opendir("/proc");
    for (struct dirent *e; folder && (e = readdir(folder));)
        if (isdigit((unsigned char)e->d_name[0]) && holds(e->d_name, inode)) {
            h->pid = (pid_t)strtol(e->d_name, NULL, 10);
            read_name(e->d_name, h);
            break;
        }
    if (folder)
        closedir(folder);
    return true;
}

const char *port_holder_words(const struct port_holder *h, char out[64])
{
    if (h->pid)
        snprintf(out, 64, "%s (pid %ld)", h->name[0] ? h->name : "a program", (long)h->pid);
    else
        snprintf(out, 64, "another program");
    return out;
}

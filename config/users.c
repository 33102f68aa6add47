/* The users of a listener: a file of lines NAME:HASH. A hash is almost as good as a password for an
 * attacker with time, so no message shows any part of the file. */
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "config/named_file.h"

void users_clear(struct users *users)
{
    for (size_t i = 0; i < users->n; i++) {
        free(users->items[i].name);
        secret_free(&users->items[i].hash);
    }
    free(users->items);
    *users = (struct users){0};
}

static bool is_of_crypt(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        if (!ascii_is_alpha(text.data[i]) && !ascii_is_digit(text.data[i]) &&
            !strchr("./$,=+-_", text.data[i]))
            return false;
    return true;
}

static bool is_of_one_case(struct slice text)
{
    bool lower = true, upper = true;
    for (size_t i = 0; i < text.len; i++) {
        bool is_lower = ascii_is_alpha(text.data[i]) && ascii_lower(text.data[i]) == text.data[i];
        lower = lower && is_lower;
        upper = upper && ascii_is_alpha(text.data[i]) && !is_lower;
    }
    return lower || upper;
}

/* Thirteen characters, as from the oldest crypt(3) (DES): two of salt and eleven for 64 bits, so
 * that the last has four bits and is one of sixteen. A password of that length usually ends
 * otherwise. Letters of one case are refused, too, because one hash in 60,000 looks like that. */
static bool can_be_des(struct slice hash)
{
    static const char last[] = ".26AEIMQUYcgkosw";
    for (size_t i = 0; i < hash.len; i++)
        if (!ascii_is_alpha(hash.data[i]) && !ascii_is_digit(hash.data[i]) && hash.data[i] != '.' &&
            hash.data[i] != '/')
            return false;
    return hash.len == 13 && strchr(last, hash.data[12]) && !is_of_one_case(hash);
}

static bool is_locked(struct slice hash)
{
    return hash.len && (hash.data[0] == '!' || hash.data[0] == '*');
}

/* Accepts what crypt(3) makes: "$id$…", or thirteen characters of the oldest kind. "!" and "*" in
 * front lock an account, as in shadow(5). */
static bool hash_is_plausible(struct slice hash)
{
    if (is_locked(hash))
        return true;
    if (!hash.len || hash.len > CAP_PASSWORD_HASH || slice_find(hash, 0) < hash.len ||
        !is_of_crypt(hash))
        return false;
    size_t id = hash.data[0] == '$' ? slice_find(slice_from(hash, 1), '$') : 0;
    return hash.data[0] == '$' ? id > 0 && id <= 8 && hash.len > id + 10 : can_be_des(hash);
}

/* Returns what the user should know of a plausible hash, or NULL if it is a good one. */
static const char *weakness(struct slice hash)
{
    if (is_locked(hash))
        return NULL;
    if (hash.data[0] != '$')
        return "taken for a DES hash, which is found out within hours and knows 8 characters of "
               "the password (if it is the password itself: no user "
               "can log in with it); mkpasswd or openssl passwd -6 make a better one";
    if (slice_starts(hash, "$1$"))
        return "an MD5 hash, which is found out quickly; mkpasswd or openssl passwd -6 make a "
               "better one";
    if (slice_starts(hash, "$apr1$"))
        return "a hash of Apache's own kind, which crypt(3) does not know: no user can log in with "
               "it; htpasswd -B makes another";
    return NULL;
}

static bool name_is_valid(struct slice name)
{
    for (size_t i = 0; i < name.len; i++)
        if (ascii_is_control(name.data[i]) || name.data[i] == ' ' || name.data[i] == ',')
            return false;
    return name.len > 0 && name.len <= 255;
}

/* Returns NULL if it was added. Then *weak_r is a warning, or NULL. */
static const char *add_user(struct users *users, struct slice line, const char **weak_r)
{
    size_t colon = slice_find(line, ':');
    struct slice name = slice_head(line, colon), rest = slice_from(line, colon + 1);
    /* The files of shadow(5) and htpasswd have more fields behind the hash. */
    struct slice hash = slice_head(rest, slice_find(rest, ':'));
    if (colon == line.len)
        return "not NAME:HASH";
    if (!name_is_valid(name))
        return "the name is empty, too long, or has a blank, a comma or a control character in it";
    if (!hash_is_plausible(hash))
        return "what follows the name is no hash of crypt(3); mkpasswd or openssl passwd -6 make "
               "one";
    for (size_t i = 0; i < users->n; i++)
        if (slice_is(name, users->items[i].name))
            return "this name is given twice";
    if (users->n == CAP_USERS)
        return "too many users";
    users->items = mem_resize(users->items, (users->n + 1) * sizeof *users->items);
    users->items[users->n++] = (struct user){.name = slice_string(name), .hash = secret_new(hash)};
    *weak_r = weakness(hash);
    return NULL;
}

static void read_users(struct loading *l, const struct section *s, const char *path,
                       struct slice text, struct users *users)
{
    bool any_wrong = false;
    for (int number = 1; text.len; number++) {
        size_t end = slice_find(text, '\n');
        struct slice line = slice_head(text, end);
        text = slice_from(text, end + 1);
        if (line.len && line.data[line.len - 1] == '\r')
            line.len--;
        if (!slice_trim(line).len || line.data[0] == '#')
            continue;
        const char *weak = NULL, *wrong = add_user(users, line, &weak);
        any_wrong |= wrong != NULL;
        if (wrong)
            complain(l, s, "users_file", "%s:%d: %s", path, number, wrong);
        else if (weak)
            advise(l, s, "users_file", "%s:%d: %s", path, number, weak);
    }
    if (!users->n && !any_wrong)
        complain(l, s, "users_file", "%s has no users", path);
}

static bool keep_old_users(struct loading *l, const struct section *s, struct listen_config *c)
{
    const struct listen_config *before = old_listen(l, c->name);
    struct same_file named = {c->users_file, before && before->users.n ? before->users_file : NULL};
    if (!stays_as_it_was(l, s, "users_file", c->users_file, &named, "the users stay the same"))
        return false;
    c->users.items = mem_alloc(before->users.n * sizeof *c->users.items);
    for (c->users.n = 0; c->users.n < before->users.n; c->users.n++)
        c->users.items[c->users.n] =
            (struct user){.name = mem_string(before->users.items[c->users.n].name),
                          .hash = secret_copy(before->users.items[c->users.n].hash)};
    return true;
}

void load_users(struct loading *l, const struct section *s)
{
    struct listen_config *c = section_struct(l, s);
    size_t len;
    if (keep_old_users(l, s, c))
        return;
    char *bytes = read_secret_file(l, s, "users_file", c->users_file, CAP_USERS_FILE, &len);
    if (!bytes)
        return;
    read_users(l, s, c->users_file, slice_make(bytes, len), &c->users);
    secret_erase(bytes, len);
    free(bytes);
}

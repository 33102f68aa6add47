/* An intrusive, circular, doubly linked list. A link that is in no list points at itself, so
 * removing it twice is harmless. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
    struct link *next, *prev;
};

/* Returns the object of `type` whose member `member` is at `ptr`. */
#define CONTAINER(ptr, type, member) ((type *)(void *)((char *)(ptr)-offsetof(type, member)))

static inline void link_init(struct link *l)
{
    l->next = l->prev = l;
}

static inline bool link_is_alone(const struct link *l)
{
    return l->next == l;
}

static inline void link_remove(struct link *l)
{
    l->prev->next = l->next;
    l->next->prev = l->prev;
    link_init(l);
}

/* Puts `l`, which is in no list, before `at`. Before the head is the end of the list. */
static inline void link_insert_before(struct link *at, struct link *l)
{
    l->next = at;
    l->prev = at->prev;
    at->prev->next = l;
    at->prev = l;
}

static inline void list_push_back(struct link *head, struct link *l)
{
    link_insert_before(head, l);
}

static inline void list_push_front(struct link *head, struct link *l)
{
    link_insert_before(head->next, l);
}

/* Walks a list. The body may remove `it`, but no other link. */
#define LIST_EACH(head, it)                                                                        \
    for (struct link *it = (head)->next, *it##_next = it->next; it != (head);                      \
         it = it##_next, it##_next = it->next)

#endif

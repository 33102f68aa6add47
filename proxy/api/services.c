#include "api/service.h"

static const struct api_service *const services[] = {&api_graph, &api_gmail, &api_mailgun};

size_t api_service_count(void)
{
    return sizeof services / sizeof *services;
}

const struct api_service *api_service_at(size_t index)
{
    return services[index];
}

const struct api_service *api_service_named(struct slice name)
{
    for (size_t i = 0; i < api_service_count(); i++)
        if (slice_is_word(name, api_service_name(services[i])))
            return services[i];
    return NULL;
}

const struct api_service *api_service_chosen(enum api_choice choice)
{
    for (size_t i = 0; i < api_service_count(); i++)
        if (services[i]->choice == choice)
            return services[i];
    return NULL;
}

const char *api_service_name(const struct api_service *s)
{
    return api_choice_row(s->choice)->word;
}

const char *api_service_url(const struct api_service *s)
{
    return api_choice_row(s->choice)->url;
}

size_t api_service_recipients(const struct api_service *s)
{
    return s->recipients;
}

uint64_t api_service_size(const struct api_service *s)
{
    return s->size;
}

bool api_service_reads_header(const struct api_service *s)
{
    return s->reads_header;
}

bool api_service_takes_key(const struct api_service *s)
{
    return api_choice_row(s->choice)->takes_key;
}

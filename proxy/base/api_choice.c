#include "base/api_choice.h"

#define ROW(id, ...) [API_##id] = {__VA_ARGS__},

static const struct api_choice_row rows[API_CHOICES] = {API_SERVICES(ROW)};

const struct api_choice_row *api_choice_row(enum api_choice choice)
{
    return &rows[choice];
}

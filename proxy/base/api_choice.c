#include "base/api_choice.h"

static const struct api_choice_row rows[API_CHOICES] = {
    [API_GRAPH] = {.word = "graph",
                   .title = "Microsoft Graph",
                   .url = "https://graph.microsoft.com/v1.0"},
    [API_GMAIL] = {.word = "gmail", .title = "Gmail", .url = "https://gmail.googleapis.com"},
    [API_MAILGUN] = {.word = "mailgun",
                     .title = "Mailgun",
                     .url = "https://api.mailgun.net",
                     .takes_key = true},
};

const struct api_choice_row *api_choice_row(enum api_choice choice)
{
    return &rows[choice];
}

/* A value in xtext (RFC 3461 section 4) is checked and never decoded into a command. */
#ifndef WIRE_XTEXT_H
#define WIRE_XTEXT_H

#include "base/slice.h"

bool xtext_is_valid(struct slice in);

#endif

/* SPDX-License-Identifier: MIT */
/* The error codes of the whole tree. A function that can fail returns 0 or one of these. */
#ifndef CORE_ERROR_H
#define CORE_ERROR_H

enum error {
    ERR_INVALID = -1,     /* an argument or a field has a value that is not allowed */
    ERR_RANGE = -2,       /* an address, index or length lies outside what it refers to */
    ERR_NO_MEMORY = -3,   /* a fixed table or the host's memory is exhausted */
    ERR_UNSUPPORTED = -4, /* understood, but this build, engine or host cannot do it */
    ERR_OVERLAP = -5,     /* two ranges that must be apart are not */
    ERR_FORMAT = -6,      /* bytes that do not have the expected format */
    ERR_VERSION = -7,     /* a format of another version */
    ERR_TRUNCATED = -8,   /* input ended early */
    ERR_IO = -9,          /* the host failed to read or write */
    ERR_BUSY = -10,       /* not now: a transition or a request is still under way */
    ERR_FORBIDDEN = -11,  /* the guest may not do this: the caller says what follows */
    ERR_NOT_FOUND = -12,  /* no such thing */
};

/* A short lower-case phrase for an error code ("out of range"); never NULL. */
const char *error_text(int error);

#endif

/* SPDX-License-Identifier: MIT */
/* Texts of the error codes. */
#include "core/error.h"

const char *error_text(int error)
{
    switch ((enum error)error) {
    case ERR_INVALID:
        return "not allowed";
    case ERR_RANGE:
        return "out of range";
    case ERR_NO_MEMORY:
        return "out of memory";
    case ERR_UNSUPPORTED:
        return "not supported";
    case ERR_OVERLAP:
        return "overlapping";
    case ERR_FORMAT:
        return "wrong format";
    case ERR_VERSION:
        return "wrong version";
    case ERR_TRUNCATED:
        return "truncated";
    case ERR_IO:
        return "input or output error";
    case ERR_BUSY:
        return "busy";
    case ERR_FORBIDDEN:
        return "forbidden";
    case ERR_NOT_FOUND:
        return "not found";
    }
    return "unknown error";
}

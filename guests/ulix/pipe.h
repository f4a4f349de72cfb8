/* SPDX-License-Identifier: MIT */
/* Pipes: bytes from those who write to those who read, each waiting for the other. */
#ifndef GUESTS_ULIX_PIPE_H
#define GUESTS_ULIX_PIPE_H

#include <stdbool.h>

struct stream;

/* A pipe with one stream at each end. False: no memory. */
bool pipe_new(struct stream **read_end, struct stream **write_end);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * The part of <string.h> that a freestanding build of the core may use, for targets whose compiler
 * brings no libc.
 */
#ifndef HOST_METAL_INCLUDE_STRING_H
#define HOST_METAL_INCLUDE_STRING_H

#include <stddef.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size);
void *memmove(void *to, const void *from, size_t size);
void *memset(void *to, int byte, size_t size);
int memcmp(const void *a, const void *b, size_t size);
void *memchr(const void *from, int byte, size_t size);
size_t strlen(const char *s);
size_t strnlen(const char *s, size_t limit);
int strcmp(const char *a, const char *b);
char *strchr(const char *s, int c);
char *strrchr(const char *s, int c);

#endif

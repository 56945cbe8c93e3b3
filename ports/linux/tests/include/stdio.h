/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Text into memory only; lines for people go through plain_log(). */
#ifndef PTW_KTEST_STDIO_H
#define PTW_KTEST_STDIO_H

#include "stdarg.h"
#include "stddef.h"

typedef struct ktest_file FILE; /* named in structs of the tests, never made */

int snprintf(char *buf, size_t size, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int sscanf(const char *text, const char *fmt, ...) __attribute__((format(scanf, 2, 3)));
int vsnprintf(char *buf, size_t size, const char *fmt, va_list args);

#endif /* PTW_KTEST_STDIO_H */

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The kernel's 64-bit integers are long long everywhere. */
#ifndef PTW_KTEST_INTTYPES_H
#define PTW_KTEST_INTTYPES_H

#include "stdint.h"

#define PRId64 "lld"
#define PRIi64 "lli"
#define PRIu64 "llu"
#define PRIx64 "llx"
#define PRId32 "d"
#define PRIu32 "u"
#define PRIx32 "x"
#define SCNx64 "llx"

#endif /* PTW_KTEST_INTTYPES_H */

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef PTW_KTEST_STRING_H
#define PTW_KTEST_STRING_H

#include <linux/string.h>

#endif /* PTW_KTEST_STRING_H */

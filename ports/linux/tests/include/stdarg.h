/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef PTW_KTEST_STDARG_H
#define PTW_KTEST_STDARG_H

#include <linux/stdarg.h>

#endif /* PTW_KTEST_STDARG_H */

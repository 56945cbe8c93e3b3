/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#ifndef PTW_KTEST_STDDEF_H
#define PTW_KTEST_STDDEF_H

#include <linux/stddef.h>
#include <linux/types.h>

#endif /* PTW_KTEST_STDDEF_H */

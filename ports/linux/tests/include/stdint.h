/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Integer types where there is no C library: the kernel's. */
#ifndef PTW_KTEST_STDINT_H
#define PTW_KTEST_STDINT_H

#include <linux/limits.h>
#include <linux/types.h>

#ifndef UINT8_MAX
#define UINT8_MAX ((uint8_t)~0)
#endif
#ifndef UINT16_MAX
#define UINT16_MAX ((uint16_t)~0)
#endif
#ifndef UINT32_MAX
#define UINT32_MAX (~(uint32_t)0)
#endif
#ifndef UINT64_MAX
#define UINT64_MAX (~(uint64_t)0)
#endif
#ifndef INT64_MAX
#define INT64_MAX ((int64_t)(UINT64_MAX >> 1))
#endif

#endif /* PTW_KTEST_STDINT_H */

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Messages of the plugin, one line each on standard error. */
#ifndef PTW_QEMU_SAY_H
#define PTW_QEMU_SAY_H

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* PTW_QEMU_SAY_H */

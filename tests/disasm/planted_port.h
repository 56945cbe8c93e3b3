/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The userspace port with a callback planted into every access to an entry: what the disassembly
 * check has to notice. */
#ifndef PTW_TESTS_PLANTED_PORT_H
#define PTW_TESTS_PLANTED_PORT_H

extern void (*ptw_planted_callback)(int op, const void *address);
#define PTW_PORT_HOOK(op, address) ptw_planted_callback(op, address)

#include <ptw/port/user.h>

#endif /* PTW_TESTS_PLANTED_PORT_H */

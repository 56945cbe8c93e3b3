/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The userspace port, with every access to an entry or shared word told to the test before it happens. */
#ifndef PTW_TESTS_HOOKED_PORT_H
#define PTW_TESTS_HOOKED_PORT_H

/* `op` is an enum ptw_port_op, which the port defines below. */
/* Of the test's own thread: the one that frees tables after a grace period is none of its business. */
extern __thread void (*test_hook)(int op, const void *address);

#define PTW_PORT_HOOK(op, address) (test_hook ? test_hook((op), (address)) : (void)0)

#include <ptw/port/user.h>

#endif /* PTW_TESTS_HOOKED_PORT_H */

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * ptw-sim with --guest: two traces at once (mixed.h), or two groups (groups.h), and what they
 * found.
 */
#ifndef PTW_SIM_GUEST_H
#define PTW_SIM_GUEST_H

#include "options.h"

/* Load, replay, report; a failure ends the program. */
void guest_main(const struct options *options);

#endif /* PTW_SIM_GUEST_H */

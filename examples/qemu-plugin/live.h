/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A socket at which the plugin answers while the guest runs. Who connects sends one line and reads the answer:
 *
 *   json, html, svg, metrics   a report of that form
 *   mark TEXT                  the text stands in later reports, at the present time; answered by "ok"
 */
#ifndef PTW_QEMU_LIVE_H
#define PTW_QEMU_LIVE_H

#include "guest.h"

/* Listen at the socket of the options; one that is there already is replaced. False, with a message. */
bool live_begin(struct guest *guest);

#endif /* PTW_QEMU_LIVE_H */

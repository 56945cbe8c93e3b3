/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What somebody who reads the results should know about how they were asked for. */
#ifndef PTW_SIM_NOTES_H
#define PTW_SIM_NOTES_H

#include "report.h"

/* To standard error, one line each; nothing if there is nothing to say. */
void notes_print(const struct report *report);

#endif /* PTW_SIM_NOTES_H */

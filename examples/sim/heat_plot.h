/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Heat maps as files, by gnuplot. */
#ifndef PTW_SIM_HEAT_PLOT_H
#define PTW_SIM_HEAT_PLOT_H

#include "report.h"

/* Is there a gnuplot, and can the folder be written or made? Ends the program if not. */
void heat_plot_check(const char *folder);

/* FOLDER/idle-age.png and FOLDER/idle-age.svg. A failure ends the program. */
void heat_plot(const char *folder, const struct report *report);

#endif /* PTW_SIM_HEAT_PLOT_H */

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "progress.h"

#include <stdio.h>
#include <unistd.h>

#define BAR_WIDTH 40

void progress_show(double share)
{
	static const char full[BAR_WIDTH + 1] = "########################################";
	static int shown = -1;
	int percent = (int)(100 * share);

	if (percent == shown || !isatty(STDERR_FILENO))
		return;
	shown = percent;
	if (percent < 100)
		fprintf(stderr, "\rmeasuring [%-*.*s] %3d %%", BAR_WIDTH, percent * BAR_WIDTH / 100,
			full, percent);
	else
		fputs("\r\033[K", stderr);
	fflush(stderr);
}

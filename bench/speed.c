/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "speed.h"

void speed_figure(struct figure *figure, const struct measured *measured, double a, double b,
		  double goal)
{
	*figure = (struct figure){
		.value = b > 0 ? a / b : 0,
		.goal = goal,
		.kept = measured->kept,
		.total = measured->total,
	};
}

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "rival.h"

#include <stddef.h>

const struct rival rivals[] = {
	{"callback", rival_callback},
	{"iterator", rival_iterator},
	{"levels", rival_levels},
	{"page", rival_page},
	{NULL, NULL},
};

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What a program says when it found nothing in use, which is seldom the truth. */
#ifndef PTW_EXAMPLES_ALL_ZERO_H
#define PTW_EXAMPLES_ALL_ZERO_H

#include <stdio.h>

/* `causes`: one a line, the likeliest first, up to NULL. */
static inline void all_zero_explain(FILE *out, const char *program, const char *const *causes)
{
	fprintf(out, "%s: nothing was in use in any scan, which is seldom the truth. Likely causes:\n", program);
	for (; *causes; causes++)
		fprintf(out, "  - %s\n", *causes);
	fputs("docs/all-zero.md tells what else it may be, and who can see what.\n", out);
}

#endif /* PTW_EXAMPLES_ALL_ZERO_H */

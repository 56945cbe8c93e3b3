/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Kernels of the harvest, and ways to clear: what this processor has, and which of it a lap gets. */
#include "stress.h"

const char *const stress_clear_names[STRESS_CLEARS] = {
	[STRESS_CLEAR_ROTATE] = "rotate",
	[STRESS_CLEAR_SINGLES] = "singles",
	[STRESS_CLEAR_PAIRS] = "pairs",
	[STRESS_CLEAR_TRANSACTIONS] = "transactions",
	[STRESS_CLEAR_BOTH] = "both",
};

static const uint32_t clear_flags[STRESS_CLEARS] = {
	[STRESS_CLEAR_PAIRS] = PTW_CONFIG_PAIRS,
	[STRESS_CLEAR_TRANSACTIONS] = PTW_CONFIG_TRANSACTIONS,
	[STRESS_CLEAR_BOTH] = PTW_CONFIG_PAIRS | PTW_CONFIG_TRANSACTIONS,
};

bool stress_clear_available(enum stress_clear clear)
{
	const uint32_t flags = clear_flags[clear];

	return (!(flags & PTW_CONFIG_PAIRS) || ptw_clear_available(PTW_CLEAR_PAIRS)) &&
	       (!(flags & PTW_CONFIG_TRANSACTIONS) || ptw_clear_available(PTW_CLEAR_TRANSACTIONS));
}

/* Each kernel with each way to clear, lap after lap. Already as many laps as there are kernels have every
 * kernel, and every way to clear. */
void stress_choose_kernel(struct stress *s)
{
	uint32_t kernels[16], clears[STRESS_CLEARS];
	unsigned int nkernels = 0, nclears = 0;
	uint64_t n = s->options->seed + s->lap;

	for (uint32_t k = PTW_KERNEL_BEST + 1; ptw_kernel_name(k) && nkernels < 16; k++)
		if (ptw_kernel_available(k) &&
		    (!s->options->kernel || k == s->options->kernel))
			kernels[nkernels++] = k;
	for (uint32_t c = STRESS_CLEAR_ROTATE + 1; c < STRESS_CLEARS; c++)
		if (stress_clear_available(c) && (!s->options->clear || c == s->options->clear))
			clears[nclears++] = c;
	if (!nkernels || !nclears) {
		stress_fail(s, "this processor has no such kernel, or no such way to clear");
		return;
	}
	s->config.kernel = kernels[n % nkernels];
	s->clear = clears[(n + n / nkernels) % nclears];
	s->config.flags |= clear_flags[s->clear];
}

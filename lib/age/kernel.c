/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Which kernels there are for marking bitmaps. */
#include "lib/age/kernel.h"

#include <ptw/error.h>

static bool ptw_age_vector_here(void)
{
#ifdef PTW_AGE_VECTOR
	return ptw_port_cpu_features() & PTW_CPU_VBMI2;
#else
	return false;
#endif
}

uint32_t ptw_age_best_kernel(void)
{
#ifndef PTW_TSAN /* It does not see vector loads. */
	if (ptw_age_vector_here())
		return PTW_KERNEL_AVX512;
#endif
	return PTW_KERNEL_PORTABLE;
}

int ptw_age_kernel(struct ptw_age *age, uint32_t kernel)
{
	if (!age || kernel > PTW_KERNEL_NEON)
		return PTW_ERR_ARG;
	if (kernel == PTW_KERNEL_BEST)
		kernel = ptw_age_best_kernel();
	if (kernel != PTW_KERNEL_PORTABLE &&
	    (kernel != PTW_KERNEL_AVX512 || !ptw_age_vector_here()))
		return PTW_ERR_UNSUPPORTED;
	age->kernel = kernel;
	return PTW_OK;
}

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Names of kernels, which there are, and what page tables make of the choice. */
#include "tests/unit/pgtable_machine.h"

#include <ptw/port.h>

#define KERNELS (PTW_KERNEL_NEON + 1u)

static const uint32_t nonsense[] = { KERNELS, KERNELS + 1, 64, 1u << 31, UINT32_MAX };

#define NONSENSE (sizeof(nonsense) / sizeof(nonsense[0]))

Test(kernel, names)
{
	static const char *const names[KERNELS] = {
		[PTW_KERNEL_BEST] = "best",	[PTW_KERNEL_PORTABLE] = "portable",
		[PTW_KERNEL_SSE2] = "sse2",	[PTW_KERNEL_AVX2] = "avx2",
		[PTW_KERNEL_AVX512] = "avx512", [PTW_KERNEL_NEON] = "neon",
	};

	for (uint32_t kernel = 0; kernel < KERNELS; kernel++)
		cr_assert_str_eq(ptw_kernel_name(kernel), names[kernel]);
	for (unsigned int i = 0; i < NONSENSE; i++)
		cr_assert_null(ptw_kernel_name(nonsense[i]));
}

/* The compiler's own way to ask the processor. */
static bool expected_here(uint32_t kernel)
{
	if (kernel == PTW_KERNEL_BEST || kernel == PTW_KERNEL_PORTABLE)
		return true;
#if defined(PTW_PORT_VECTOR) && defined(__x86_64__)
	__builtin_cpu_init();
	if (kernel == PTW_KERNEL_SSE2)
		return true;
	if (kernel == PTW_KERNEL_AVX2)
		return __builtin_cpu_supports("avx2");
	if (kernel == PTW_KERNEL_AVX512)
		return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
		       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#elif defined(PTW_PORT_VECTOR) && defined(__aarch64__)
	/* No Linux runs without. */
	return kernel == PTW_KERNEL_NEON;
#endif
	return false;
}

Test(kernel, available)
{
	for (uint32_t kernel = 0; kernel < KERNELS; kernel++)
		cr_assert_eq(ptw_kernel_available(kernel), expected_here(kernel), "%s",
			     ptw_kernel_name(kernel));
	for (unsigned int i = 0; i < NONSENSE; i++)
		cr_assert_eq(ptw_kernel_available(nonsense[i]), 0);
}

Test(kernel, clear_available)
{
	const int pairs = ptw_clear_available(PTW_CLEAR_PAIRS);
	const int transactions = ptw_clear_available(PTW_CLEAR_TRANSACTIONS);

	cr_assert(pairs == 0 || pairs == 1);
	cr_assert(transactions == 0 || transactions == 1);
#if !defined(__x86_64__)
	cr_assert_eq(pairs, 0);
	cr_assert_eq(transactions, 0);
#endif
	cr_assert_eq(ptw_clear_available(0), 0);
	cr_assert_eq(ptw_clear_available(PTW_CLEAR_TRANSACTIONS + 1), 0);
	cr_assert_eq(ptw_clear_available(UINT32_MAX), 0);
}

/* A page table of that configuration: what it answers, and which kernel it has. */
static int choose(uint32_t wanted, uint32_t flags, uint32_t *kernel)
{
	static struct ptw_pgtable *const untouched = (void *)16;
	struct ptw_info info = { .size = sizeof(info) };
	struct ptw_pgtable *pgtable = untouched;
	struct ptw_config config;
	int ret;

	cr_assert_eq(ptw_preset("ept4", &config), PTW_OK);
	cr_assert_eq(config.kernel, (uint32_t)PTW_KERNEL_BEST);
	config.kernel = wanted;
	config.flags = flags;
	ret = ptw_pgtable_create(&config, &pgtable);
	if (ret) {
		cr_assert_eq(pgtable, untouched);
		return ret;
	}
	cr_assert_eq(ptw_pgtable_info(pgtable, &info), PTW_OK);
	*kernel = info.kernel;
	cr_assert_eq(ptw_pgtable_destroy(pgtable), PTW_OK);
	return ret;
}

Test(kernel, choice)
{
	uint32_t best, kernel = PTW_KERNEL_BEST, wanted;

	cr_assert_eq(choose(PTW_KERNEL_BEST, 0, &best), PTW_OK);
#ifdef PTW_TSAN
	/* It sees only what the portable kernel does. */
	cr_assert_eq(best, (uint32_t)PTW_KERNEL_PORTABLE);
	best = KERNELS;
#endif
	cr_assert_neq(best, (uint32_t)PTW_KERNEL_BEST);
	for (wanted = PTW_KERNEL_PORTABLE; wanted < KERNELS; wanted++) {
		const int ret = choose(wanted, 0, &kernel);

		cr_assert_eq(ret, ptw_kernel_available(wanted) ? PTW_OK : PTW_ERR_UNSUPPORTED,
			     "%s: %s", ptw_kernel_name(wanted), ptw_strerror(ret));
		if (ret)
			continue;
		cr_assert_eq(kernel, wanted);
		/* They are numbered so that more is better. */
		cr_assert_leq(kernel, best);
	}
	for (unsigned int i = 0; i < NONSENSE; i++)
		cr_assert_eq(choose(nonsense[i], 0, &kernel), PTW_ERR_ARG);
}

Test(kernel, choice_of_clears)
{
	static const uint32_t flags[] = { PTW_CONFIG_PAIRS, PTW_CONFIG_TRANSACTIONS };
	static const uint32_t clears[] = { PTW_CLEAR_PAIRS, PTW_CLEAR_TRANSACTIONS };
	uint32_t kernel;
	bool all = true;

	for (unsigned int i = 0; i < 2; i++) {
		const bool here = ptw_clear_available(clears[i]);

		cr_assert_eq(choose(PTW_KERNEL_BEST, flags[i], &kernel),
			     here ? PTW_OK : PTW_ERR_UNSUPPORTED);
		all = all && here;
	}
	cr_assert_eq(choose(PTW_KERNEL_BEST, flags[0] | flags[1], &kernel),
		     all ? PTW_OK : PTW_ERR_UNSUPPORTED);
}

/* Attached ones take no part in it, but a choice that cannot be is refused all the same. */
Test(kernel, choice_of_an_attached_table)
{
	static const uint32_t wanted[] = { PTW_KERNEL_PORTABLE, PTW_KERNEL_SSE2, PTW_KERNEL_NEON,
					   KERNELS };
	static struct machine m;

	machine_open(&m, "ept4");
	for (unsigned int i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		const struct ptw_range all = { 0, (uint64_t)1 << 47 };
		const struct ptw_attach attach = { .size = sizeof(attach),
						   .root = m.info.root,
						   .bounds = &all,
						   .bounds_count = 1,
						   .table_budget = 1 };
		struct ptw_config config = m.config;
		struct ptw_pgtable *other = NULL;
		const int expected = wanted[i] >= KERNELS		  ? PTW_ERR_ARG :
				     ptw_kernel_available(wanted[i]) ? PTW_OK :
								       PTW_ERR_UNSUPPORTED;

		config.kernel = wanted[i];
		config.flush = NULL;
		cr_assert_eq(ptw_pgtable_attach(&config, &attach, &other), expected);
		if (!expected)
			cr_assert_eq(ptw_pgtable_destroy(other), PTW_OK);
		else
			cr_assert_null(other);
	}
	machine_close(&m);
}

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Userspace port: processor features, and memory for handles. */
#include <stdlib.h>

#include <ptw/port.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#elif defined(__x86_64__)
#include <cpuid.h>
#endif

#define CPU_KNOWN (1u << 31)

static uint32_t cpu_features_ask(void)
{
	uint32_t features = 0;

#if defined(__x86_64__)
	unsigned int eax, ebx, ecx, edx;

	/* These look at what the operating system saves, too. */
	__builtin_cpu_init();
	features |= PTW_CPU_SSE2;
	if (__builtin_cpu_supports("avx2"))
		features |= PTW_CPU_AVX2;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
		features |= PTW_CPU_AVX512;
	if ((features & PTW_CPU_AVX512) && __builtin_cpu_supports("avx512vbmi2"))
		features |= PTW_CPU_VBMI2;
	/* CPUID 1 ECX bit 13: CMPXCHG16B; CPUID 7 EBX bit 11: RTM (Intel SDM vol. 2, CPUID). */
	if (__get_cpuid(1, &eax, &ebx, &ecx, &edx) && (ecx & (1u << 13)))
		features |= PTW_CPU_CX16;
	/* EDX bit 11: every transaction aborts. */
	if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) && (ebx & (1u << 11)) &&
	    !(edx & (1u << 11)))
		features |= PTW_CPU_RTM;
#elif defined(__aarch64__)
	unsigned long hwcap = getauxval(AT_HWCAP);

	/* HWCAP_ASIMD, HWCAP_ATOMICS, HWCAP_SVE (Linux uapi asm/hwcap.h). */
	if (hwcap & (1ul << 1))
		features |= PTW_CPU_NEON;
	if (hwcap & (1ul << 8))
		features |= PTW_CPU_LSE;
	if (hwcap & (1ul << 22))
		features |= PTW_CPU_SVE;
#endif
	return features;
}

/* In a virtual machine CPUID takes microseconds: it is asked once. */
uint32_t ptw_port_cpu_features(void)
{
	static uint32_t known;
	uint32_t features = ptw_port_load32(&known);

	/* Relaxed: whoever else asks meanwhile writes the same value. */
	if (!(features & CPU_KNOWN)) {
		features = cpu_features_ask() | CPU_KNOWN;
		ptw_port_store32(&known, features);
	}
	return features & ~CPU_KNOWN;
}

void *ptw_port_zalloc(size_t bytes)
{
	return calloc(1, bytes);
}

void ptw_port_free(void *memory, size_t bytes)
{
	(void)bytes;
	free(memory);
}

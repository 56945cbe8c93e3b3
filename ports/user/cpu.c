/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Userspace port: processor features, and memory for handles. */
#include <stdlib.h>

#include <ptw/port.h>

#if defined(__aarch64__)
#include <sys/auxv.h>
#endif

uint32_t ptw_port_cpu_features(void)
{
	uint32_t features = 0;

#if defined(__x86_64__)
	unsigned int eax, ebx, ecx, edx;

	__builtin_cpu_init();
	features |= PTW_CPU_SSE2;
	if (__builtin_cpu_supports("avx2"))
		features |= PTW_CPU_AVX2;
	if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	    __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"))
		features |= PTW_CPU_AVX512;
	/* CPUID 1 ECX bit 13: CMPXCHG16B; CPUID 7 EBX bit 11: RTM (Intel SDM vol. 2, CPUID). */
	eax = 1;
	ecx = 0;
	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	if (ecx & (1u << 13))
		features |= PTW_CPU_CX16;
	eax = 7;
	ecx = 0;
	__asm__("cpuid" : "+a"(eax), "=b"(ebx), "+c"(ecx), "=d"(edx));
	if (ebx & (1u << 11))
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

void *ptw_port_zalloc(size_t bytes)
{
	return calloc(1, bytes);
}

void ptw_port_free(void *memory, size_t bytes)
{
	(void)bytes;
	free(memory);
}

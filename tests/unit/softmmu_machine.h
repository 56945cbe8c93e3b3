/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the tests of the software MMU share: physical memory to build tables in by hand, and CPUs.
 *
 * Tables are written entry by entry with constants from the manuals, never with the library's own
 * formats: a mistake made on both sides would not be seen otherwise.
 */
#ifndef PTW_TESTS_SOFTMMU_MACHINE_H
#define PTW_TESTS_SOFTMMU_MACHINE_H

#include "tests/harness/harness.h"

#include <inttypes.h>
#include <string.h>

#include <ptw/error.h>
#include <ptw/softmmu.h>

#define MEMORY_BYTES (2u << 20)
#define MAX_CPUS     4
#define CPU_BYTES    (16u << 10)

/* Physical memory, and the physical address it lies at; a test may move it before it makes CPUs. */
static uint64_t memory[MEMORY_BYTES / 8];
static uint64_t base = 0x100000000;

static struct ptw_softmmu_result result;
static int cpu_error;

#define READ   PTW_ACCESS_READ
#define WRITE  PTW_ACCESS_WRITE
#define FETCH  PTW_ACCESS_FETCH
#define USER   PTW_ACCESS_USER

#define BIT(n) ((uint64_t)1 << (n))

/* Physical address of the nth table of 4 KiB. */
static inline uint64_t table(unsigned int n)
{
	return base + n * 0x1000ull;
}

/* Entry `index` of the table at physical address `pa`. */
static inline uint64_t *entry(uint64_t pa, uint64_t index)
{
	return &memory[(pa - base) / 8 + index];
}

static inline struct ptw_softmmu_config make_config(uint32_t regime, uint32_t pa_bits,
						    uint64_t root, uint64_t control,
						    uint64_t control2, uint32_t flags)
{
	return (struct ptw_softmmu_config){
		.size = sizeof(struct ptw_softmmu_config),
		.regs = {regime, pa_bits, root, control, control2, 0},
		.phys_offset = (uint64_t)(uintptr_t)memory - base,
		.flags = flags,
	};
}

/* A CPU, or null with cpu_error set. The memory of all CPUs is taken once per test. */
static inline struct ptw_softmmu *make_cpu(const struct ptw_softmmu_config *config)
{
	static uint64_t cpu_memory[MAX_CPUS][CPU_BYTES / 8] __attribute__((aligned(64)));
	static unsigned int used;
	struct ptw_softmmu *cpu = NULL;

	cr_assert_lt(used, (unsigned int)MAX_CPUS);
	cpu_error = ptw_softmmu_init(&cpu, cpu_memory[used], CPU_BYTES, config);
	if (cpu_error == PTW_OK)
		used++;
	cr_assert_eq(cpu == NULL, cpu_error != PTW_OK);
	return cpu;
}

/* The error with which a configuration is refused; PTW_OK if it is not. */
static inline int refusal(const struct ptw_softmmu_config *config)
{
	static uint64_t cpu_memory[CPU_BYTES / 8] __attribute__((aligned(64)));
	struct ptw_softmmu *cpu = NULL;
	int error = ptw_softmmu_init(&cpu, cpu_memory, CPU_BYTES, config);

	cr_assert_eq(ptw_softmmu_size(config) == 0, error != PTW_OK, "size and init disagree");
	return error;
}

static inline int access_at(struct ptw_softmmu *cpu, uint64_t ia, uint32_t access)
{
	memset(&result, 0xa5, sizeof(result));
	return ptw_softmmu_access(cpu, ia, access, &result);
}

#define assert_entry(pa, index, value)                                                             \
	cr_assert_eq(*entry(pa, index), (uint64_t)(value), "entry is %#" PRIx64 ", not %#" PRIx64, \
		     *entry(pa, index), (uint64_t)(value))
#define assert_oa(value)                                                                         \
	cr_assert_eq(result.oa, (uint64_t)(value), "output address %#" PRIx64 ", not %#" PRIx64, \
		     result.oa, (uint64_t)(value))

#endif /* PTW_TESTS_SOFTMMU_MACHINE_H */

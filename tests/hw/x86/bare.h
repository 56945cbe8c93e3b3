/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The machine below the tests: output, processors, and guests under VMX. Everything is identity
 * mapped, so addresses of the program are physical ones.
 */
#ifndef PTW_HW_X86_BARE_H
#define PTW_HW_X86_BARE_H

#include <ptw/types.h>

#include "machine.h"

/* machine.c: output on port 0xe9, which the emulator prints. */
void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
void stop(void) __attribute__((noreturn));

static inline void relax(void)
{
	__asm__ volatile("pause" ::: "memory");
}

static inline uint64_t read_msr(uint32_t msr)
{
	uint32_t low, high;

	__asm__ volatile("rdmsr" : "=a"(low), "=d"(high) : "c"(msr));
	return (uint64_t)high << 32 | low;
}

static inline void write_msr(uint32_t msr, uint64_t value)
{
	__asm__ volatile("wrmsr" ::"c"(msr), "a"((uint32_t)value), "d"((uint32_t)(value >> 32)));
}

/* Processors: 0 runs main, the others what they are given. */
unsigned int cpu_self(void);
unsigned int cpu_start_all(void);
void cpu_give(unsigned int cpu, void (*job)(void *), void *argument);
void cpu_wait(unsigned int cpu);
bool cpu_done(unsigned int cpu);
void cpu_nmi(unsigned int cpu);

/* What the processor has (SDM vol. 3D, appendix A.10). */
struct vmx_caps {
	bool ept;
	bool ad;
	bool large_1g;
};

void vmx_caps(struct vmx_caps *caps);

/* Exit reasons (SDM vol. 3D, appendix C). */
#define EXIT_EXCEPTION	   0
#define EXIT_TRIPLE_FAULT  2
#define EXIT_VMCALL	   18
#define EXIT_EPT_VIOLATION 48
#define EXIT_EPT_MISCONFIG 49

/* Registers of a guest as vmx_enter() keeps them. */
enum {
	RAX,
	RBX,
	RCX,
	RDX,
	RSI,
	RDI,
	RBP,
	R8 = 8,
	R12 = 12,
	R13 = 13
};

/* A guest; runs on the processor that prepared it. */
struct vcpu {
	uint64_t regs[16];
	uint64_t reason;
	uint64_t qualification;
	uint64_t gpa;
	uint64_t rip;
	uint64_t nmis;	/* exits by NMI, which vmx_run() handles itself */
	uint64_t fixed; /* faults that were repaired */
	int resume;
};

void vmx_on(void);
void vmx_prepare(struct vcpu *vcpu, uint64_t eptp, uint64_t cr3, uint64_t rip);
uint64_t vmx_run(struct vcpu *vcpu);

/*
 * Makes `cpu` drop everything that it cached of any EPT, and waits until it has done so. It must
 * be in a guest or in a job with NMIs possible, which is everywhere but in the first instructions
 * after an exit.
 */
void vmx_shootdown(unsigned int cpu);

/* How many shootdowns `cpu` answered. */
uint64_t vmx_answered(unsigned int cpu);

#endif /* PTW_HW_X86_BARE_H */

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Guests: VMXON, a VMCS for a flat 64-bit guest, running it, and dropping cached translations (SDM
 * vol. 3C, chapters on VMX; field numbers: vol. 3D, appendix B).
 *
 * The guest has no interrupts and an empty IDT: any fault of its own is an exit by exception.
 */
#include "bare.h"

#define MSR_FEATURE_CONTROL    0x3a
#define MSR_VMX_BASIC	       0x480
#define MSR_VMX_PIN	       0x481
#define MSR_VMX_PROC	       0x482
#define MSR_VMX_EXIT	       0x483
#define MSR_VMX_ENTRY	       0x484
#define MSR_VMX_CR0_FIXED0     0x486
#define MSR_VMX_CR4_FIXED0     0x488
#define MSR_VMX_PROC2	       0x48b
#define MSR_VMX_EPT_VPID       0x48c

#define PIN_NMI		       (1u << 3)
#define PROC_SECONDARY	       (1u << 31)
#define PROC2_EPT	       (1u << 1)
#define EXIT_HOST_64	       (1u << 9)
#define ENTRY_GUEST_64	       (1u << 9)

#define INVEPT_ALL	       2ul

#define GUEST_INTERRUPTIBILITY 0x4824 /* bit 3: NMIs are blocked */

extern const char vmx_exit[];
extern uint64_t gdt[], host_pml4[];

int vmx_enter(uint64_t regs[16], int resume);
void nmi_unblock(void);
void nmi_handler(void);

static uint32_t vmxon_region[CPUS][1024] __attribute__((aligned(4096)));
static uint32_t vmcs_region[CPUS][1024] __attribute__((aligned(4096)));

/* Shootdowns asked of each processor, and those it has answered. */
static uint64_t asked[CPUS], answered[CPUS];

static void vmwrite(uint64_t field, uint64_t value)
{
	bool failed;

	__asm__ volatile("vmwrite %2, %1" : "=@ccna"(failed) : "r"(field), "rm"(value) : "memory");
	if (failed) {
		say("Bail out! no VMCS field %lx\n", field);
		stop();
	}
}

static uint64_t vmread(uint64_t field)
{
	uint64_t value;

	__asm__ volatile("vmread %1, %0" : "=rm"(value) : "r"(field) : "cc");
	return value;
}

static uint64_t read_cr0(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr0, %0" : "=r"(value));
	return value;
}

static uint64_t read_cr4(void)
{
	uint64_t value;

	__asm__ volatile("mov %%cr4, %0" : "=r"(value));
	return value;
}

void vmx_caps(struct vmx_caps *caps)
{
	const uint64_t proc = read_msr(MSR_VMX_PROC) >> 32;

	*caps = (struct vmx_caps){0};
	if (!(proc & PROC_SECONDARY) || !(read_msr(MSR_VMX_PROC2) >> 32 & PROC2_EPT))
		return;
	caps->ept = true;
	caps->ad = read_msr(MSR_VMX_EPT_VPID) >> 21 & 1;
	caps->large_1g = read_msr(MSR_VMX_EPT_VPID) >> 17 & 1;
}

void vmx_on(void)
{
	uint32_t *region = vmxon_region[cpu_self()];
	uint64_t at = (uint64_t)region;
	bool failed;

	if (!(read_msr(MSR_FEATURE_CONTROL) & 1))
		write_msr(MSR_FEATURE_CONTROL, 5);
	__asm__ volatile("mov %0, %%cr0" ::"r"(read_cr0() | read_msr(MSR_VMX_CR0_FIXED0)));
	__asm__ volatile(
		"mov %0, %%cr4" ::"r"(read_cr4() | CR4_VMXE | read_msr(MSR_VMX_CR4_FIXED0)));
	region[0] = (uint32_t)read_msr(MSR_VMX_BASIC);
	__asm__ volatile("vmxon %1" : "=@ccna"(failed) : "m"(at) : "memory");
	if (failed) {
		say("Bail out! VMXON fails\n");
		stop();
	}
}

/* A control word: what we want, what must be set, and nothing that may not. */
static void control(uint64_t field, uint32_t msr, uint32_t want)
{
	const uint64_t allowed = read_msr(msr);

	if (want & ~(allowed >> 32)) {
		say("Bail out! VMX control %lx cannot have %x\n", field, want);
		stop();
	}
	vmwrite(field, want | (uint32_t)allowed);
}

static void prepare_controls(uint64_t eptp)
{
	control(0x4000, MSR_VMX_PIN, PIN_NMI);
	control(0x4002, MSR_VMX_PROC, PROC_SECONDARY);
	control(0x401e, MSR_VMX_PROC2, PROC2_EPT);
	control(0x400c, MSR_VMX_EXIT, EXIT_HOST_64);
	control(0x4012, MSR_VMX_ENTRY, ENTRY_GUEST_64);
	vmwrite(0x201a, eptp);
	vmwrite(0x4004, ~0u); /* every exception exits */
	vmwrite(0x4006, 0);
	vmwrite(0x4008, 0);
	vmwrite(0x400a, 0);
	vmwrite(0x400e, 0);
	vmwrite(0x4010, 0);
	vmwrite(0x4014, 0);
	vmwrite(0x4016, 0);
	vmwrite(0x6000, 0);
	vmwrite(0x6002, 0);
	vmwrite(0x6004, read_cr0());
	vmwrite(0x6006, read_cr4());
}

static void prepare_host(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) idtr;

	__asm__ volatile("sidt %0" : "=m"(idtr));
	vmwrite(0x0c00, SEL_DATA); /* ES */
	vmwrite(0x0c02, SEL_CODE);
	for (uint64_t field = 0x0c04; field <= 0x0c0a; field += 2) /* SS, DS, FS, GS */
		vmwrite(field, SEL_DATA);
	vmwrite(0x0c0c, SEL_TSS);
	vmwrite(0x4c00, 0); /* SYSENTER */
	vmwrite(0x6c00, read_cr0());
	vmwrite(0x6c02, (uint64_t)host_pml4);
	vmwrite(0x6c04, read_cr4());
	vmwrite(0x6c06, 0); /* FS, GS */
	vmwrite(0x6c08, 0);
	vmwrite(0x6c0a, (gdt[SEL_TSS / 8] >> 16 & 0xffffff) | gdt[SEL_TSS / 8] >> 56 << 24);
	vmwrite(0x6c0c, (uint64_t)gdt);
	vmwrite(0x6c0e, idtr.base);
	vmwrite(0x6c10, 0);
	vmwrite(0x6c12, 0);
	vmwrite(0x6c16, (uint64_t)vmx_exit);
}

static void prepare_guest(uint64_t cr3, uint64_t rip)
{
	vmwrite(0x2800, ~0ul); /* no shadow VMCS */
	vmwrite(0x2802, 0);
	/* ES, CS, SS, DS, FS, GS, LDTR, TR: selector, limit, access rights, base. */
	for (uint64_t n = 0; n < 8; n++) {
		vmwrite(0x0800 + 2 * n, n == 1 ? SEL_CODE :
					n == 7 ? SEL_TSS :
					n == 6 ? 0 :
						 SEL_DATA);
		vmwrite(0x4800 + 2 * n, n == 7 ? 103 : 0xffffffff);
		vmwrite(0x4814 + 2 * n, n == 1 ? 0xa09b :
					n == 6 ? 0x10000 :
					n == 7 ? 0x8b :
						 0xc093);
		vmwrite(0x6806 + 2 * n, 0);
	}
	vmwrite(0x4810, 0); /* GDTR, IDTR: none */
	vmwrite(0x4812, 0);
	vmwrite(0x6816, 0);
	vmwrite(0x6818, 0);
	vmwrite(GUEST_INTERRUPTIBILITY, 0);
	vmwrite(0x4826, 0); /* activity: active */
	vmwrite(0x482a, 0);
	vmwrite(0x6800, read_cr0());
	vmwrite(0x6802, cr3);
	vmwrite(0x6804, read_cr4());
	vmwrite(0x681a, 0x400); /* DR7 */
	vmwrite(0x681c, 0);
	vmwrite(0x681e, rip);
	vmwrite(0x6820, 2); /* RFLAGS */
	vmwrite(0x6822, 0);
	vmwrite(0x6824, 0);
	vmwrite(0x6826, 0);
}

void vmx_prepare(struct vcpu *vcpu, uint64_t eptp, uint64_t cr3, uint64_t rip)
{
	uint32_t *region = vmcs_region[cpu_self()];
	uint64_t at = (uint64_t)region;

	*vcpu = (struct vcpu){0};
	__asm__ volatile("vmclear %0" ::"m"(at) : "memory", "cc");
	region[0] = (uint32_t)read_msr(MSR_VMX_BASIC);
	__asm__ volatile("vmptrld %0" ::"m"(at) : "memory", "cc");
	prepare_controls(eptp);
	prepare_host();
	prepare_guest(cr3, rip);
}

static void invept_all(void)
{
	static const uint64_t none[2];

	__asm__ volatile("invept %0, %1" ::"m"(none), "r"(INVEPT_ALL) : "memory", "cc");
}

/*
 * Answers every shootdown asked for so far. The acquire load sees what the asker cleared before;
 * the release store, read with acquire in vmx_shootdown(), says that no old translation is left.
 */
static void answer(void)
{
	const unsigned int cpu = cpu_self();
	const uint64_t n = __atomic_load_n(&asked[cpu], __ATOMIC_ACQUIRE);

	invept_all();
	if (n > __atomic_load_n(&answered[cpu], __ATOMIC_RELAXED))
		__atomic_store_n(&answered[cpu], n, __ATOMIC_RELEASE);
}

void nmi_handler(void)
{
	answer();
}

void vmx_shootdown(unsigned int cpu)
{
	const uint64_t n = __atomic_add_fetch(&asked[cpu], 1, __ATOMIC_ACQ_REL);

	cpu_nmi(cpu);
	while (__atomic_load_n(&answered[cpu], __ATOMIC_ACQUIRE) < n)
		relax();
}

uint64_t vmx_answered(unsigned int cpu)
{
	return __atomic_load_n(&answered[cpu], __ATOMIC_ACQUIRE);
}

/* Runs until an exit that is not an NMI, and returns its reason. */
uint64_t vmx_run(struct vcpu *vcpu)
{
	for (;;) {
		if (vmx_enter(vcpu->regs, vcpu->resume)) {
			say("Bail out! VM entry fails, error %lu\n", vmread(0x4400));
			stop();
		}
		vcpu->resume = 1;
		vcpu->reason = vmread(0x4402);
		if (vcpu->reason == EXIT_EXCEPTION && (vmread(0x4404) & 0x700) == 0x200) {
			vcpu->nmis++;
			answer();
			nmi_unblock();
			/* Bochs 2.7 saves the guest as blocking NMIs after this exit. */
			vmwrite(GUEST_INTERRUPTIBILITY, vmread(GUEST_INTERRUPTIBILITY) & ~8ul);
			continue;
		}
		vcpu->qualification = vmread(0x6400);
		vcpu->gpa = vmread(0x2400);
		vcpu->rip = vmread(0x681e);
		if (vcpu->reason == EXIT_VMCALL)
			vmwrite(0x681e, vcpu->rip + vmread(0x440c));
		return vcpu->reason;
	}
}

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* QEMU's "virt" machine at EL2: boot, time, the other CPU, TLBs, the guest's exceptions. */
#include "hw.h"

#define PSCI_CPU_ON	0xc4000003ull
#define PSCI_SYSTEM_OFF 0x84000008ull

#define HCR_VM		1ull
#define HCR_RW		(1ull << 31)

/* Exception classes and fault status codes of ESR_EL2. */
#define EC_HVC			 0x16
#define EC_FETCH_ABORT		 0x20
#define EC_DATA_ABORT		 0x24
#define FSC_TRANSLATION		 0x04 /* 0x04 to 0x07, by level */
#define FSC_PERMISSION		 0x0f /* access flag from 0x08, permission from 0x0c */
#define FSC_TRANSLATION_LEVEL_M1 0x2b

/* The library says that the access may go on, and it faults again and again: give up. */
#define MOST_FAULTS 256

#define read_sysreg(name)                                      \
	({                                                     \
		uint64_t v_;                                   \
		__asm__ volatile("mrs %0, " #name : "=r"(v_)); \
		v_;                                            \
	})
#define write_sysreg(name, value) \
	__asm__ volatile("msr " #name ", %0" : : "r"((uint64_t)(value)) : "memory")

struct hw_features hw_features;
struct hw_vcpu hw_vcpus[2];
extern char hw_start[], hw_guest_code[];
unsigned char hw_stacks[2 * HW_STACK_BYTES] __attribute__((aligned(16)));

static uint64_t el2_table[512] __attribute__((aligned(4096)));
static uint64_t random_state[2] = {0x9e3779b97f4a7c15ull, 0xd1b54a32d192ed03ull};

/* What the other CPU is to do; null: nothing. Release by the giver, acquire by the taker; null
 * again: done, release by the taker, acquire in hw_join(). */
static void (*other_work)(void);
static uint32_t other_here;

void hw_begin(uint64_t cpu);
void hw_died(uint64_t esr, uint64_t elr, uint64_t far);
void hw_guest_enter(struct hw_vcpu *vcpu);

unsigned int ptw_bare_cpu(void)
{
	return read_sysreg(mpidr_el1) & 0xff;
}

static uint64_t smc(uint64_t function, uint64_t a, uint64_t b, uint64_t c)
{
	register uint64_t x0 __asm__("x0") = function;
	register uint64_t x1 __asm__("x1") = a;
	register uint64_t x2 __asm__("x2") = b;
	register uint64_t x3 __asm__("x3") = c;

	__asm__ volatile("smc #0" : "+r"(x0), "+r"(x1), "+r"(x2), "+r"(x3) : : "memory");
	return x0;
}

_Noreturn void hw_off(void)
{
	smc(PSCI_SYSTEM_OFF, 0, 0, 0);
	for (;;)
		;
}

void hw_died(uint64_t esr, uint64_t elr, uint64_t far)
{
	hw_say("Bail out! CPU %u: exception at EL2: ESR %lx ELR %lx FAR %lx\n", ptw_bare_cpu(),
	       (unsigned long)esr, (unsigned long)elr, (unsigned long)far);
	hw_off();
}

uint64_t hw_now_us(void)
{
	return read_sysreg(cntpct_el0) * 1000000 / read_sysreg(cntfrq_el0);
}

/* xorshift64*, one stream for each CPU; the same numbers in every run. */
uint64_t hw_random(uint64_t below)
{
	uint64_t *s = &random_state[ptw_bare_cpu()];

	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return (*s * 0x2545f4914f6cdd1dull >> 16) % below;
}

/* EL2's own stage 1: device memory below 1 GiB, normal write-back memory above, one to one. Atomic
 * accesses need the latter. */
static void el2_mmu_on(void)
{
	el2_table[0] = 0x0060000000000401ull; /* XN, AF, AP[1] below, block */
	el2_table[0] |= 1 << 6;
	el2_table[1] = 0x40000000ull | 1 << 10 | 3 << 8 | 1 << 6 | 1 << 2 | 1;
	write_sysreg(mair_el2, 0xff00);
	/* T0SZ 25, write-back, inner shareable, 4K, 40 bits. */
	write_sysreg(tcr_el2, 1ull << 31 | 1 << 23 | 2 << 16 | 3 << 12 | 1 << 10 | 1 << 8 | 25);
	write_sysreg(ttbr0_el2, (uintptr_t)el2_table);
	__asm__ volatile("tlbi alle2\n\tdsb nsh\n\tisb" : : : "memory");
	write_sysreg(sctlr_el2, 0x30c50830ull | 1 << 12 | 1 << 2 | 1);
	__asm__ volatile("isb" : : : "memory");
}

/* ID_AA64MMFR0_EL1, ID_AA64MMFR1_EL1. */
static void read_features(void)
{
	static const uint8_t pa_bits[8] = {32, 36, 40, 42, 44, 48, 52, 52};
	const uint64_t mmfr0 = read_sysreg(id_aa64mmfr0_el1);
	const unsigned int tg4 = mmfr0 >> 28 & 15, tg64 = mmfr0 >> 24 & 15, tg16 = mmfr0 >> 20 & 15;
	const unsigned int tg16_2 = mmfr0 >> 32 & 15, tg4_2 = mmfr0 >> 40 & 15;

	/* Stage 2's own fields: 0 as stage 1, 1 no, 2 yes, 3 with 52 bits. */
	hw_features.granule_4k = tg4_2 ? tg4_2 >= 2 : tg4 != 15;
	hw_features.granule_16k = tg16_2 ? tg16_2 >= 2 : tg16 != 0;
	hw_features.granule_64k = tg64 != 15;
	hw_features.lpa2_4k = tg4_2 ? tg4_2 == 3 : tg4 == 1;
	hw_features.lpa2_16k = tg16_2 ? tg16_2 == 3 : tg16 == 2;
	hw_features.pa_bits = pa_bits[mmfr0 & 7];
	hw_features.hafdbs = read_sysreg(id_aa64mmfr1_el1) & 15;
}

static void other_loop(void)
{
	__atomic_store_n(&other_here, 1, __ATOMIC_RELEASE);
	for (;;) {
		void (*work)(void) = __atomic_load_n(&other_work, __ATOMIC_ACQUIRE);

		if (work) {
			work();
			__atomic_store_n(&other_work, NULL, __ATOMIC_RELEASE);
		}
		ptw_bare_pause();
	}
}

void hw_run_other(void (*work)(void))
{
	__atomic_store_n(&other_work, work, __ATOMIC_RELEASE);
}

void hw_join(void)
{
	while (__atomic_load_n(&other_work, __ATOMIC_ACQUIRE))
		ptw_bare_pause();
}

void hw_begin(uint64_t cpu)
{
	uint64_t start;

	el2_mmu_on();
	write_sysreg(hcr_el2, HCR_RW | HCR_VM);
	write_sysreg(sctlr_el1, 0x30d00800ull); /* the guest's stage 1 is off */
	__asm__ volatile("ic iallu\n\tdsb nsh\n\tisb" : : : "memory");
	if (cpu)
		other_loop();
	read_features();
	if (ptw_bare_init((void *)HW_MEMORY, HW_MEMORY_BYTES, 2) != PTW_OK) {
		hw_say("Bail out! no memory for the library\n");
		hw_off();
	}
	hw_features.cpus = 1;
	if (smc(PSCI_CPU_ON, 1, (uintptr_t)hw_start, 0) == 0) {
		start = hw_now_us();
		while (!__atomic_load_n(&other_here, __ATOMIC_ACQUIRE) &&
		       hw_now_us() - start < 5000000)
			ptw_bare_pause();
		hw_features.cpus = __atomic_load_n(&other_here, __ATOMIC_ACQUIRE) ? 2 : 1;
	}
	hw_main();
	hw_off();
}

void hw_flush_all(bool local)
{
	if (local)
		__asm__ volatile("dsb nshst\n\ttlbi vmalls12e1\n\tdsb nsh\n\tisb" : : : "memory");
	else
		__asm__ volatile("dsb ishst\n\ttlbi vmalls12e1is\n\tdsb ish\n\tisb" : : : "memory");
}

/* By intermediate physical address, then what stage 1 made of it (D8.16): entries that combine both
 * stages are not found by the first. */
static void flush_range(uint64_t start, uint64_t end, unsigned int granule_lg2)
{
	__asm__ volatile("dsb ishst" : : : "memory");
	for (uint64_t ipa = start; ipa < end; ipa += 1ull << granule_lg2)
		__asm__ volatile("tlbi ipas2e1is, %0" : : "r"(ipa >> 12) : "memory");
	__asm__ volatile("dsb ish\n\ttlbi vmalle1is\n\tdsb ish\n\tisb" : : : "memory");
}

void hw_flush(void *context, const struct ptw_range *ranges, unsigned int count,
	      enum ptw_flush_kind kind, unsigned int level)
{
	struct hw_tlb *tlb = context;

	(void)level;
	__atomic_fetch_add(&tlb->calls, 1, __ATOMIC_RELAXED);
	if (tlb->local || kind == PTW_FLUSH_TABLE) {
		hw_flush_all(tlb->local);
		return;
	}
	for (unsigned int i = 0; i < count; i++) {
		if ((ranges[i].end - ranges[i].start) >> tlb->granule_lg2 > 16) {
			hw_flush_all(false);
			return;
		}
	}
	for (unsigned int i = 0; i < count; i++)
		flush_range(ranges[i].start, ranges[i].end, tlb->granule_lg2);
}

/* This CPU's guest runs on these tables, as VMID 1. */
void hw_use(const struct ptw_regs *regs)
{
	write_sysreg(vtcr_el2, regs->control);
	write_sysreg(vttbr_el2, regs->root | 1ull << 48);
	__asm__ volatile("isb" : : : "memory");
	hw_flush_all(true);
}

/* The library is asked once for each exception: a race that it loses comes back as the next one. */
static int guest_abort(struct hw_vcpu *v, uint32_t access)
{
	const unsigned int fsc = v->esr & 0x3f;
	const uint64_t ipa = (v->hpfar & 0xffffffffff0ull) << 8 | (v->far & 0xfff);
	int ret;

	if (!(fsc >= FSC_TRANSLATION && fsc <= FSC_PERMISSION) && fsc != FSC_TRANSLATION_LEVEL_M1)
		return PTW_ERR_CORRUPT_RESERVED;
	if (ipa != v->far)
		v->odd++;
	ret = ptw_fix_fault(v->pgtable, ipa, access);
	if (ret == PTW_OK)
		v->faults++;
	else
		v->refused++;
	return ret == PTW_ERR_AGAIN ? PTW_OK : ret;
}

int hw_guest(uint64_t ia, unsigned int op, uint64_t *value)
{
	struct hw_vcpu *v = &hw_vcpus[ptw_bare_cpu()];
	int ret;

	v->pc = v->code + ((uintptr_t)hw_guest_code & 0xffff);
	v->x[0] = ia;
	v->x[1] = value ? *value : 0;
	v->x[2] = op;
	v->x[3] = HW_SWEEP_PAGES;
	for (unsigned int tries = 0; tries < MOST_FAULTS; tries++) {
		hw_guest_enter(v);
		switch (v->esr >> 26 & 0x3f) {
		case EC_HVC:
			if (value)
				*value = v->x[1];
			return PTW_OK;
		case EC_FETCH_ABORT:
			ret = guest_abort(v, PTW_ACCESS_FETCH);
			break;
		case EC_DATA_ABORT:
			ret = guest_abort(v, v->esr & 1 << 6 ? PTW_ACCESS_WRITE : PTW_ACCESS_READ);
			break;
		default:
			hw_say("# guest exception ESR %lx\n", (unsigned long)v->esr);
			return PTW_ERR_UNSUPPORTED;
		}
		if (ret != PTW_OK)
			return ret;
	}
	return PTW_ERR_FAULT;
}

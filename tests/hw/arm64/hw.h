/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * arm64 stage 2 under QEMU's page walker: a program at EL2 that builds page tables with the library
 * and lets a guest at EL1 touch memory through them. What the walker marks in the tables is
 * compared with what the guest was told to touch.
 */
#ifndef PTW_TESTS_HW_ARM64_HW_H
#define PTW_TESTS_HW_ARM64_HW_H

#include <ptw/ptw.h>
#include <ptw/port.h>

#include "offsets.h"

/* RAM of the machine: the image, then the library's memory, then what the guest may touch. */
#define HW_MEMORY	 0x42000000ull
#define HW_MEMORY_BYTES	 0x06000000ull
#define HW_SCRATCH	 0x4c000000ull
#define HW_SCRATCH_BYTES 0x04000000ull

#define HW_SWEEP_PAGES	 256

/* A CPU's guest; start.S knows where the fields stand. */
struct hw_vcpu {
	uint64_t x[8];
	uint64_t lr;
	uint64_t pc;
	uint64_t esr;
	uint64_t far;
	uint64_t hpfar;
	struct ptw_pgtable *pgtable; /* whose faults are fixed */
	uint64_t code;		     /* input address of the guest's code */
	uint64_t faults;	     /* fixed by the library */
	uint64_t refused;	     /* given back to the test, or tried again */
	uint64_t odd;		     /* HPFAR_EL2 and FAR_EL2 disagreed */
};

/* machine.c */
struct hw_features {
	bool granule_4k, granule_16k, granule_64k; /* stage 2 */
	bool lpa2_4k, lpa2_16k;
	unsigned int pa_bits;
	unsigned int hafdbs; /* 1: accessed flag, 2: and dirty state */
	unsigned int cpus;
};

extern struct hw_features hw_features;
extern struct hw_vcpu hw_vcpus[2];

void hw_main(void);
void hw_say(const char *format, ...) __attribute__((format(printf, 1, 2)));
_Noreturn void hw_off(void);
uint64_t hw_random(uint64_t below);
uint64_t hw_now_us(void);

/* How the flush hook reaches the TLBs; context of hw_flush(). */
struct hw_tlb {
	bool local; /* only this CPU runs the guest */
	unsigned int granule_lg2;
	uint64_t calls;
};

void hw_flush(void *context, const struct ptw_range *ranges, unsigned int count,
	      enum ptw_flush_kind kind, unsigned int level);
void hw_flush_all(bool local);
void hw_use(const struct ptw_regs *regs);

/* Let this CPU's guest do one thing. PTW_OK, or why it may not. */
int hw_guest(uint64_t ia, unsigned int op, uint64_t *value);

/* Run `work` on the other CPU; hw_join() waits for its end. */
void hw_run_other(void (*work)(void));
void hw_join(void);

/* tap.c: one line per test. */
extern unsigned int hw_failures;
void hw_begin_test(const char *name);
void hw_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void hw_end_test(const char *format, ...) __attribute__((format(printf, 1, 2)));
void hw_skip(const char *name, const char *why);

#define HW_CHECK(what)                                                   \
	do {                                                             \
		if (!(what))                                             \
			hw_fail("%s:%d: %s", __FILE__, __LINE__, #what); \
	} while (0)

/* ledger.c: what must be in a page table. */
#define HW_REGIONS 6
#define HW_EXTENTS 2048
#define HW_LEAVES  8192

/* A run of leaf extents of one size. */
struct hw_region {
	unsigned int level;
	bool group; /* contiguous groups of leaves of that level */
	uint64_t ia;
	unsigned int count;
	/* filled in */
	uint64_t size;			  /* of an extent */
	unsigned int first;		  /* index of its first extent */
	unsigned int first_leaf, members; /* the same for leaves; leaves in an extent */
};

struct hw_ledger {
	struct ptw_pgtable *pgtable;
	struct ptw_config config;
	struct ptw_info info;
	struct hw_tlb tlb;
	struct hw_region regions[HW_REGIONS];
	unsigned int region_count; /* the last one is the guest's code */
	unsigned int extents;
	unsigned int leaves;
	bool soft_accessed, soft_dirty; /* faults set the bits */
	struct ptw_regs regs;
	uint8_t young[HW_EXTENTS];
	uint8_t dirty[HW_EXTENTS];
	uint8_t marked[HW_LEAVES]; /* accessed, of each member of a group */
	uint64_t faults;	   /* expected */
	uint64_t pages;		   /* compared */
	uint64_t differences;
	uint64_t touches;
	uint64_t free_bytes;
};

extern struct hw_ledger hw_ledger;

bool hw_ledger_begin(const struct ptw_config *config, const struct hw_region *regions,
		     unsigned int count, uint64_t code);
void hw_ledger_end(void);
/* The leaf with this input address was touched: what it costs in faults, and leaves. */
void hw_ledger_touched(const struct hw_region *r, unsigned int extent, uint64_t at,
		       unsigned int op);
uint64_t hw_extent_oa(const struct hw_region *r, unsigned int i);
uint64_t hw_touch_at(const struct hw_region *r, unsigned int i, uint64_t random);
void hw_ledger_touch(unsigned int region, unsigned int extent, unsigned int op);
void hw_ledger_touch_some(unsigned int count);
void hw_ledger_window(const struct hw_region *r, uint64_t *start, uint64_t *end);
void hw_ledger_harvest(const struct hw_region *r, uint64_t start, uint64_t end, uint32_t flags);
void hw_ledger_write_protect(const struct hw_region *r, uint64_t start, uint64_t end);
void hw_ledger_query(void);
void hw_ledger_rounds(unsigned int rounds, unsigned int touches);

/* race.c */
void hw_races(void);
/* cases.c */
void hw_cases(void);

#endif /* PTW_TESTS_HW_ARM64_HW_H */

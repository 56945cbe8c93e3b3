/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The guest's processors. Each has a software MMU that walks the hypervisor's table, and before it two small
 * caches, so that an access costs some instructions only:
 *
 *   data     guest virtual page to page of RAM, as QEMU said. Forgotten when the guest flushes its own TLB
 *            (flushes.h), as hardware's is, and with each epoch of the machine
 *   code     pages from which instructions came, by page of RAM. Forgotten with each epoch
 *
 * What is in them was accessed in this epoch, for reading or for writing, so its bits are set in the table.
 */
#ifndef PTW_QEMU_VCPU_H
#define PTW_QEMU_VCPU_H

#include "../sim/record/qemu_plugin.h"
#include "machine.h"

#define VCPU_DATA 256u
#define VCPU_CODE 64u
#define NO_PAGE	  UINT64_MAX

/* Instructions that a processor begins before it looks at the clock. */
#define VCPU_SLICE 20000u

struct vcpu {
	_Alignas(64) uint64_t epoch; /* of the machine, when the caches were last empty */
	uint64_t flushes;	     /* guest's flushes of all that it has heard of */
	bool again;		     /* one of its own is under way */
	uint64_t instructions;	     /* begun; not yet in the clock */
	uint64_t loads;		     /* data accesses, parts of wide ones included */
	uint64_t stores;
	uint64_t asked;	  /* of these, QEMU was asked */
	uint64_t io;	  /* of these, devices */
	uint64_t outside; /* of these, memory that is not RAM: firmware */
	uint64_t wrong;	  /* hits that QEMU denied (verify=on) */
	bool there;
	struct ptw_softmmu *mmu;
	uint64_t read[VCPU_DATA]; /* virtual pages */
	uint64_t write[VCPU_DATA];
	uint64_t read_page[VCPU_DATA]; /* page of RAM, or NO_PAGE */
	uint64_t write_page[VCPU_DATA];
	uint64_t code[VCPU_CODE]; /* pages of RAM */
};

struct vcpus {
	struct machine *machine;
	struct vcpu *list;
	unsigned int count; /* most there can be */
	uint64_t ram_base;  /* what QEMU calls the first byte of RAM */
	bool verify;	    /* ask QEMU at each access whether the cache is right */
	/* Of all guests' processors: an instruction was executed that flushes translations of all of them. */
	_Alignas(64) uint64_t flushes;
};

bool vcpus_create(struct vcpus *vcpus, struct machine *machine, unsigned int count);

/* In the thread of a processor that begins. */
bool vcpu_begin(struct vcpus *vcpus, unsigned int index);

/* An access that no cache answers. */
void vcpu_data(struct vcpus *vcpus, struct vcpu *cpu, qemu_plugin_meminfo_t info, uint64_t vaddr,
	       bool write);
void vcpu_code(struct vcpus *vcpus, struct vcpu *cpu, uint64_t page);

/* The guest flushes translations: of this processor, or of all. */
void vcpu_flush(struct vcpus *vcpus, struct vcpu *cpu, bool all);

/* Is the answer of the cache QEMU's? */
void vcpu_verify(struct vcpus *vcpus, struct vcpu *cpu, qemu_plugin_meminfo_t info, uint64_t vaddr,
		 bool write);

/* Into the trace, what an access found: what is in the cache now. */
void vcpu_record(const struct vcpu *cpu, qemu_plugin_meminfo_t info, uint64_t vaddr, bool write);

static inline bool vcpu_is_current(const struct vcpus *vcpus, const struct vcpu *cpu)
{
	return cpu->epoch == __atomic_load_n(&vcpus->machine->epoch, __ATOMIC_RELAXED) &&
	       cpu->flushes == __atomic_load_n(&vcpus->flushes, __ATOMIC_RELAXED);
}

static inline bool vcpu_has_data(const struct vcpus *vcpus, const struct vcpu *cpu, uint64_t vaddr,
				 bool write)
{
	const uint64_t page = vaddr >> PAGE_SHIFT;
	const uint64_t *cache = write ? cpu->write : cpu->read;

	return cache[page % VCPU_DATA] == page && vcpu_is_current(vcpus, cpu);
}

static inline bool vcpu_has_code(const struct vcpus *vcpus, const struct vcpu *cpu, uint64_t page)
{
	return cpu->code[page % VCPU_CODE] == page && vcpu_is_current(vcpus, cpu);
}

#endif /* PTW_QEMU_VCPU_H */

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The guest's memory as a hypervisor sees it: an EPT or stage-2 table that is filled by faults, the engine that
 * ages its pages, and a controller that puts idle ones out, which the guest then brings back by faults.
 *
 * A page's number is its place in RAM; the table maps it at the same guest physical address, counted from the
 * start of RAM. Nothing of the guest is really put out: only its translation goes.
 */
#ifndef PTW_QEMU_MACHINE_H
#define PTW_QEMU_MACHINE_H

#include <ptw/ptw.h>

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define PAGE_SHIFT 12

struct machine_config {
	const char *format; /* preset of the table */
	uint64_t pages;	    /* of RAM, a multiple of 64 */
	uint32_t
		target; /* millionths of the working set that may be brought back in a window; 0: nothing goes */
};

struct machine {
	/*
	 * Goes up when cached translations have become invalid: pages were aged or put out. Processors look at
	 * it at each access. On its own cache line, as nothing else is read so often.
	 */
	_Alignas(64) uint64_t epoch;
	_Alignas(64) pthread_mutex_t lock; /* of a step, of faults, and of whoever reports */
	uint64_t pages;
	const char *format;
	struct ptw_pgtable *pgtable;
	struct ptw_mmu mmu;
	struct ptw_space *space;
	struct ptw_consumer *consumer; /* the history's, beside the ageing of the engine */
	struct ptw_engine *engine;
	struct ptw_group *group;
	struct ptw_aging *aging;
	struct ptw_proactive *proactive; /* null: nothing goes */
	uint64_t *young;		 /* of the step that is made; else null */
	uint64_t *out;			 /* bitmap of the pages that are out */
	uint64_t faults;		 /* pages that came in the first time */
	uint64_t refaults;		 /* and after they were put out */
	uint64_t evicted;
};

/* False, with a message on standard error: there is no such machine. */
bool machine_create(struct machine *machine, const struct machine_config *config);

/* A processor met a page that is not mapped. Called without the lock; false: said on standard error. */
bool machine_fault(struct machine *machine, uint64_t page);

/*
 * One step: age, put out what is idle, and give the history's view: young gets a bit for each page that was used
 * since the last step. With the lock held.
 */
bool machine_step(struct machine *machine, uint64_t *young);

/* Cached translations are old from now on. */
static inline void machine_flush(struct machine *machine)
{
	__atomic_add_fetch(&machine->epoch, 1, __ATOMIC_RELEASE);
}

#endif /* PTW_QEMU_MACHINE_H */

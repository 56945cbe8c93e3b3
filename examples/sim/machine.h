/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A page table and one software CPU that uses it: what every policy here that harvests runs on. */
#ifndef PTW_SIM_MACHINE_H
#define PTW_SIM_MACHINE_H

#include <stdbool.h>
#include <stdint.h>

#include <ptw/ptw.h>

/* What a machine is made from. */
struct machine_config {
	const char *format; /* page-table format, by the name of a preset */
	uint32_t pages;	    /* page numbers are below this; each takes a granule */
	uint32_t tlb_sets;  /* 0: no TLB */
	uint32_t tlb_ways;
	char *error; /* SIM_ERROR_SIZE bytes, for what failed */
};

struct machine {
	struct ptw_pgtable *pgtable;
	struct ptw_softmmu *cpu;
	void *cpu_memory;
	char *error;
	uint32_t granule_lg2;
	uint32_t access_user; /* x86-64 and stage 1: references are made by a user program */
	struct ptw_map map;
	uint64_t *here; /* a bit for each page that is mapped */
	uint64_t pages;
	/* What harvests of many pages read, of those mapped; what they and last looks found young and cleared. */
	uint64_t batch_reads;
	uint64_t harvested;
};

/* False: error says why, and machine_destroy() is still due. A machine must not move in memory. */
bool machine_create(struct machine *machine, const struct machine_config *config);

/* Of one that was created, or is all zero. */
void machine_destroy(struct machine *machine);

/* Puts down what failed; always false. */
bool machine_fail(struct machine *machine, const char *what, int error);

/*
 * One access by the CPU, which leaves accessed and dirty bits behind. 1: done. 0: the page is not
 * mapped. Negative: failed, error says why.
 */
int machine_access(struct machine *machine, uint32_t page, bool write);

/* Map a page; `flags`: PTW_LEAF_YOUNG or 0. */
bool machine_map(struct machine *machine, uint32_t page, uint32_t frame, uint32_t flags);

/* Unmap it; 1 if it was young, 0 if not, negative: failed. */
int machine_unmap(struct machine *machine, uint32_t page);

/*
 * Test and clear accessed of a range of pages, into a bitmap whose bit 0 is page first / 64 * 64, or by words. 0 or an
 * error.
 */
int machine_harvest(struct machine *machine, uint64_t first, uint64_t pages, uint64_t *young,
		    ptw_word_fn word, void *sink);

/* The last look at a page: 1 young, 0 old, or an error. */
int machine_look(struct machine *machine, uint32_t page);

/* Make the CPU forget what its TLB has of these pages, half-open. */
void machine_forget(struct machine *machine, uint64_t start, uint64_t end);

#endif /* PTW_SIM_MACHINE_H */

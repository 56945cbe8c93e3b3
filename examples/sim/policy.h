/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a replacement policy is to the replay loop. The loop says which page is referenced and when
 * a tick passes; the policy alone knows what is resident and whom it puts out.
 *
 * gen ages pages by the accessed bits the library harvests. The others are what it is measured
 * against: mglru, clock and twolist know accessed bits and faults, too, the rest see every reference.
 * Only gen and mglru have a page table.
 */
#ifndef PTW_SIM_POLICY_H
#define PTW_SIM_POLICY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace;
struct history;
struct ptw_curve;

#define SIM_NO_PAGE	UINT32_MAX
#define SIM_AGES	256
#define SIM_GENERATIONS 16 /* most that a policy may tell the sizes of */
#define SIM_ERROR_SIZE	256

/* A what-if curve that a policy tells what it sees, and looks at the curve's pages for. */
struct sim_watch {
	struct ptw_curve *curve;
	uint64_t reads; /* page-table entries read for it */
	/* References in each tick: time goes on in equal parts between them. */
	const uint32_t *references;
};

/* What a policy is made for. It outlives the policy. */
struct sim_config {
	const struct trace *trace; /* whole, since opt looks ahead; no other policy may */
	uint32_t pages;		   /* page numbers are below this */
	uint32_t frames;	   /* pages that fit in memory, at least 1, at most the footprint */
	const char *format;	   /* page-table format, by a name from format_name() */
	uint32_t scan_interval;	   /* ticks between two harvests of the whole range */
	uint32_t tlb_sets;	   /* 0: no TLB, every reference walks the page table */
	uint32_t tlb_ways;
	bool quiet;		 /* no progress bar: many replays run at once */
	struct sim_watch *watch; /* only generations fills it; or NULL */
	struct history *history; /* what the replay loop fills for pictures, or NULL */
	char *error; /* SIM_ERROR_SIZE bytes: a policy that fails says why, in one line */
};

enum sim_event {
	SIM_HIT,
	SIM_FAULT,  /* the page was not resident and is now */
	SIM_FAILED, /* the policy cannot go on; config->error says why */
};

/* What one reference led to; eight bytes, so that it comes back in a register. */
struct sim_outcome {
	uint32_t event;	  /* enum sim_event */
	uint32_t evicted; /* page put out to make room, or SIM_NO_PAGE */
};

/* What it cost a policy to know what it knows, and what it knows in the end. */
struct sim_counters {
	uint64_t batch_reads;	/* entries of resident pages read by harvests of many */
	uint64_t single_checks; /* accessed bits looked at one page at a time */
	uint64_t harvested;	/* accessed bits found set and cleared, both ways together */
	uint64_t scans;		/* passes over everything that is resident */
	uint64_t scan_young;	/* pages found young, summed over these passes */
	uint64_t tlb_hits;	/* references answered by a TLB; only with a page table */
	bool has_idle_age;	/* the policy fills idle_age */
	/* Resident pages by age in scan intervals; the last: that old or older. */
	uint64_t idle_age[SIM_AGES];
};

struct sim_policy {
	const char *name;
	const char *about; /* a line for --help */
	bool reference;	   /* something to measure others by: no goal is about it */

	/* Name of the index-th page-table format, the default first; NULL past the last.
	 * The hook is NULL where there is no page table, and so no TLB either. */
	const char *(*format_name)(unsigned int index);

	/* NULL on failure, config->error says why. */
	void *(*create)(const struct sim_config *config);
	void (*destroy)(void *state);

	struct sim_outcome (*access)(void *state, uint32_t page, bool write);

	/* Its idle ages are its own, not counted in scan intervals. */
	bool own_ages;

	/* 65 536 more raw accesses have happened. False: cannot go on. Hook may be NULL. */
	bool (*tick)(void *state);

	/* All counters as of now; out is zeroed before. Hook may be NULL: nothing to count. */
	void (*counters)(void *state, struct sim_counters *out);

	/* Pages in each generation, the youngest first; returns how many there are, at most
	 * SIM_GENERATIONS. Hook is NULL where there are none. */
	unsigned int (*generations)(void *state, uint64_t sizes[SIM_GENERATIONS]);
};

extern const struct sim_policy sim_policy_generations;
extern const struct sim_policy sim_policy_idle_age;
extern const struct sim_policy sim_policy_learned;
extern const struct sim_policy sim_policy_mglru;
extern const struct sim_policy sim_policy_clock;
extern const struct sim_policy sim_policy_twolist;
extern const struct sim_policy sim_policy_lru;
extern const struct sim_policy sim_policy_arc;
extern const struct sim_policy sim_policy_lirs;
extern const struct sim_policy sim_policy_s3fifo;
extern const struct sim_policy sim_policy_opt;

#endif /* PTW_SIM_POLICY_H */

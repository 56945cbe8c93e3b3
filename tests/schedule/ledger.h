/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What operations.c, processors.c and ledger.c share. */
#ifndef PTW_TESTS_LEDGER_H
#define PTW_TESTS_LEDGER_H

#include "tests/schedule/operations.h"

#define CPU_BYTES 1024

/* What one thread has to say: nobody else writes it during a run. */
struct account {
	uint8_t young_set[PAGES_MAX]; /* transitions that covered the page */
	uint8_t dirty_set[PAGES_MAX];
	uint8_t young_told[PAGES_MAX]; /* reports that did */
	uint8_t dirty_told[PAGES_MAX];
	uint64_t young_set_extents;
	uint64_t young_told_extents;
	uint64_t leaves;       /* mapped less unmapped */
	bool loose[PAGES_MAX]; /* software may have set bits as well: not to be counted */
};

struct world {
	const struct scenario *scenario;
	struct ptw_pgtable *pgtable;
	struct ptw_info info;
	unsigned int pages;
	struct {
		struct account account[SCHEDULER_THREADS + 1];
		/* What a page holds: writes to it, and as of which write it was copied. */
		uint32_t written[PAGES_MAX];
		uint32_t copied[PAGES_MAX];
		/* An unmap, or a write-protection for good, has returned, and nothing undoes it. */
		uint8_t gone[PAGES_MAX];
		uint8_t read_only[PAGES_MAX];
	} live, saved;
	struct outcome outcome[SCHEDULER_THREADS][OPERATIONS_MAX];
};

extern struct world world;

/* processors.c */
void cpus_open(bool count_anew);
void cpu_access(const struct operation *op, struct outcome *out);
void cpus_flush(void *context, const struct ptw_range *ranges, unsigned int count,
		enum ptw_flush_kind kind, unsigned int level);

/* ledger.c: what came out of an operation */
void ledger_mapped(unsigned int self, const struct operation *op,
		   const struct ptw_change_result *r);
void ledger_unmapped(unsigned int self, const struct operation *op, int ret,
		     const struct ptw_change_result *r, const uint64_t *young,
		     const uint64_t *dirty);
void ledger_harvested(unsigned int self, const struct operation *op,
		      const struct ptw_harvest_result *r, const uint64_t *young,
		      const uint64_t *dirty);
void ledger_protected(unsigned int self, const struct operation *op, int ret,
		      const struct ptw_change_result *r, const uint64_t *dirty);
void ledger_cleared(unsigned int self, unsigned int page);
/* A leaf of `size` bytes was seen there. */
void ledger_seen(unsigned int page, uint64_t oa, uint64_t size, const char *by);
/* A processor made the extent of `pages` pages young or dirty. */
void ledger_set(unsigned int self, unsigned int page, unsigned int pages, bool young, bool dirty);

/* At the end: everything adds up; then destroy, and nothing is left. */
void ledger_check(void);
void ledger_close(void);

#endif /* PTW_TESTS_LEDGER_H */

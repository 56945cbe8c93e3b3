/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What every test starts from: an EPT made by the library, a guest under it, and lists of what the
 * guest shall touch with the bitmaps that must come of it.
 *
 * Guest-physical memory is the guest's linear memory, one to one:
 *   GUEST_INFRA  the guest's code, mailbox, list and page tables
 *   GUEST_DATA   DATA_PAGES pages to touch, which the guest maps in 4-KiB pages
 */
#ifndef PTW_HW_X86_WORLD_H
#define PTW_HW_X86_WORLD_H

#include <ptw/port.h>
#include <ptw/ptw.h>

#include "bare.h"

#define PAGE	    4096ul
#define BLOCK	    (512 * PAGE)
#define GUEST_INFRA 0x40000000ul
#define GUEST_DATA  0x80000000ul
#define DATA_AT	    0x2000000ul /* host-physical, 32 MiB, where 64 MiB begin */
#define DATA_BLOCKS 32ul
#define DATA_PAGES  (DATA_BLOCKS * 512)
#define DATA_END    (GUEST_DATA + DATA_PAGES * PAGE)
#define DATA_WORDS  (DATA_PAGES / 64)

/* Pages of GUEST_INFRA. */
#define INFRA_CODE    0
#define INFRA_MAILBOX 1
#define INFRA_LIST    2
#define LIST_PAGES    16
#define LIST_LENGTH   (LIST_PAGES * 512)
#define INFRA_PML4    18
#define INFRA_PDPT    19
#define INFRA_PD      20 /* of GUEST_INFRA; 21: of GUEST_DATA */
#define INFRA_PT      22 /* DATA_BLOCKS of them */
#define INFRA_PAGES   (INFRA_PT + DATA_BLOCKS)
#define INFRA_WORDS   ((INFRA_PAGES + 63) / 64)
#define INFRA_END     (GUEST_INFRA + INFRA_PAGES * PAGE)

#define GUEST_CODE    GUEST_INFRA
#define GUEST_MAILBOX (GUEST_INFRA + INFRA_MAILBOX * PAGE)
#define GUEST_LIST    (GUEST_INFRA + INFRA_LIST * PAGE)
#define GUEST_CR3     (GUEST_INFRA + INFRA_PML4 * PAGE)

/* Bits of the formats by the manuals' names, not by the library's. */
#define RAW_A  (1ul << 8)
#define RAW_D  (1ul << 9)
#define RAW_AD (1ul << 6) /* of the EPTP */

extern const char guest_page[], guest_list[], guest_serve[], guest_storm[];

/* What the guest does next, and what must come of it. */
struct touches {
	uint64_t young[DATA_WORDS];
	uint64_t dirty[DATA_WORDS];
	uint32_t length;
};

/* An EPT and how to see it. */
struct world {
	struct ptw_pgtable *pgtable;
	uint64_t eptp;
	uint64_t flushes;   /* calls of the flush hook */
	unsigned int shoot; /* processors 1 to this one run guests under it: the hook kicks them */
	bool deaf;	    /* the hook does nothing */
};

extern struct touches touches; /* of the test that runs */
extern uint64_t guest_infra[INFRA_PAGES][512];

static inline uint64_t *guest_mailbox(unsigned int offset)
{
	return &guest_infra[INFRA_MAILBOX][offset / 8];
}

static inline uint64_t guest_address(const char *label)
{
	return GUEST_CODE + (uint64_t)(label - guest_page);
}

/* Results: one line each; a number of differences that is not 0 fails. */
extern unsigned int tap_failed, tap_count;

void tap(bool good, const char *name);
void tap_compared(const char *name, uint64_t compared, uint64_t differences, uint64_t set);
void must(int error, const char *what);

/* Lists. */
uint32_t random32(void);
void touches_clear(void);
void touch(uint64_t page, unsigned int operation);
void touch_some(uint64_t first, uint64_t pages, unsigned int one_in, unsigned int operations);
uint64_t count_bits(const uint64_t *words, uint64_t n);
uint64_t differences(const uint64_t *a, const uint64_t *b, uint64_t n);

/* Worlds. `page_levels` is ptw_map's, of the data; `data` false: the data is not mapped. */
void world_create(struct world *world, const char *preset, uint32_t page_levels, bool data);
void world_destroy(struct world *world);
void world_map(struct world *world, uint64_t gpa, uint64_t pages, uint64_t hpa,
	       uint32_t page_levels);
void guest_tables_reset(void);

/* Runs the list on this processor; returns exits by EPT violation that the library repaired. */
uint64_t world_run(struct world *world, uint64_t eptp);
/* Runs a prepared guest until it calls; returns likewise. */
uint64_t world_finish(struct world *world, struct vcpu *vcpu);
int world_harvest(struct world *world, uint32_t flags, uint64_t *young, uint64_t *dirty);
int infra_harvest(struct world *world, uint32_t flags, uint64_t *young, uint64_t *dirty);

/* The entry on the way to `gpa` at `level` (0 = smallest pages), found without the library. */
uint64_t raw_entry(uint64_t eptp, uint64_t gpa, unsigned int level);

/* The guest on processor 1, which stays inside and does rounds; see guest.S. */
void serve_start(struct world *world, unsigned int cpu);
void serve_round(void);
void serve_stop(unsigned int cpu);

/* The tests. */
void tests_bits(const struct vmx_caps *caps);			/* tests_bits.c */
void tests_tracked(const struct vmx_caps *caps);		/* tests_tracked.c */
void tests_smp(const struct vmx_caps *caps, unsigned int cpus); /* tests_smp.c */

#endif /* PTW_HW_X86_WORLD_H */

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file softmmu_internal.h
 * What the files of the software MMU share: the CPU, the state of one walk, and the walk itself.
 *
 * A regime is a decoder: one entry at one level in, the verdict of the manual out. The loop around
 * it, with the compare-exchange and its retries, exists once, as an always-inlined template over
 * the decoder; every regime instantiates it into one function, which the CPU calls through a
 * pointer.
 */
#ifndef PTW_SOFTMMU_INTERNAL_H
#define PTW_SOFTMMU_INTERNAL_H

#include <ptw/error.h>
#include <ptw/port.h>
#include <ptw/softmmu.h>
#include <ptw/types.h>

#include "paging_cache.h"
#include "tlb.h"

#define SOFTMMU_INLINE static inline __attribute__((__always_inline__))

#define SOFTMMU_BIT(n) ((uint64_t)1 << (n))
/** Bits [high:low], as the manuals write them. */
#define SOFTMMU_BITS(high, low) ((~(uint64_t)0 >> (63 - (high))) & (~(uint64_t)0 << (low)))

#define SOFTMMU_ACCESS_KINDS	(PTW_ACCESS_READ | PTW_ACCESS_WRITE | PTW_ACCESS_FETCH)
#define SOFTMMU_ACCESS_ALL \
	(SOFTMMU_ACCESS_KINDS | PTW_ACCESS_USER | PTW_ACCESS_GUEST_PT | PTW_ACCESS_SPECULATIVE)

/**
 * What an access needs and what a translation allows: the values of enum ptw_access for privileged
 * accesses, the same three shifted left for unprivileged ones.
 */
enum {
	SOFTMMU_READ = PTW_ACCESS_READ,
	SOFTMMU_WRITE = PTW_ACCESS_WRITE,
	SOFTMMU_FETCH = PTW_ACCESS_FETCH,
	SOFTMMU_USER_SHIFT = 3,
	SOFTMMU_ANY_WRITE = SOFTMMU_WRITE | SOFTMMU_WRITE << SOFTMMU_USER_SHIFT,
};

/** After this many lost compare-exchanges on its way, a walk starts again at the root. */
#define SOFTMMU_RETRIES 64

/** One walk: what is asked, and what was found. */
struct softmmu_walk {
	uint64_t ia;	 /**< input address, sign or tag stripped, within the input size */
	uint32_t access; /**< enum ptw_access */
	uint32_t need;	 /**< the permissions this access needs */
	uint32_t path;	 /**< what the tables above say, in the regime's own code */
	uint32_t level;	 /**< out: where the walk ended */
	uint32_t perms;	 /**< out: what may be answered without another walk */
	uint64_t oa;	 /**< out: output address of the accessed byte */
};

/** The verdict on one entry that does not fault. */
struct softmmu_step {
	uint64_t next;	  /**< address of the next table, or of the leaf's first byte */
	uint64_t desired; /**< the entry as hardware leaves it behind */
	uint32_t path;	  /**< path with this entry included */
	uint32_t perms;	  /**< leaf: see struct softmmu_walk */
	bool leaf;
	bool sets_accessed; /**< desired sets an accessed bit that the entry has not */
	bool sets_dirty;    /**< desired makes a clean leaf dirty */
	uint8_t group_lg2;  /**< leaf: log2 of the entries of its contiguous group, 0: none */
};

/** What arm64 registers say beyond the geometry. */
struct softmmu_arm64 {
	uint64_t address_mask; /**< descriptor bits that are address bits at their own place */
	uint64_t dirty_value;  /**< bit 7 of a dirty leaf: stage 2 S2AP[1] = 1, stage 1 AP[2] = 0 */
	uint8_t group_lg2
		[PTW_MAX_LEVELS]; /**< entries of a contiguous group by level, 0: no groups */
	uint8_t high_shift;	  /**< where OA[51:48] or OA[51:50] start in a descriptor */
	uint8_t high_bits;	  /**< how many they are; 0: no 52-bit addresses */
	uint8_t high_oa;	  /**< lowest output address bit among them: 48 or 50 */
	bool ha;		  /**< hardware sets the accessed flag */
	bool hd;		  /**< hardware sets dirty; false without ha, where HD is inert */
	bool haft;		  /**< ... and the accessed flag of table descriptors; likewise */
	bool hierarchical;	  /**< stage 1: table descriptors restrict permissions (HPD0 = 0) */
	bool xnx;		  /**< stage 2: XN[1:0], not XN alone */
};

/** One software CPU. First what every access reads, last what only some do. */
struct ptw_softmmu {
	int (*walk)(struct ptw_softmmu *cpu, struct softmmu_walk *walk);
	uint64_t phys_offset;
	uint64_t root;	/**< physical address of the root table */
	uint32_t flags; /**< enum ptw_softmmu_flags */
	uint8_t root_level;
	uint8_t granule_lg2; /**< log2 of the bytes a level-0 leaf maps */
	uint8_t stride_lg2;  /**< log2 of the entries of a table below the root */
	uint8_t ia_bits;
	uint8_t oa_bits;     /**< output addresses are below 2^oa_bits */
	uint8_t ia_strip;    /**< enum softmmu_strip */
	uint8_t leaf_levels; /**< bit n: leaves are allowed at level n */
	bool tracks;	     /**< EPT: accessed and dirty flags are on */
	uint8_t fault_drops; /**< bit n: status n drops the cached table entries of its address */
	uint32_t guest_pt;   /**< enum ptw_access: what a guest's page walk counts as besides */
	uint64_t reserved_table[PTW_MAX_LEVELS]; /**< bits that must be 0 in a table entry */
	uint64_t reserved_leaf[PTW_MAX_LEVELS];	 /**< ... in a leaf */
	struct softmmu_arm64 arm64;
	uint64_t random;
	struct ptw_softmmu_counters counters;
	struct softmmu_tlb tlb;
	struct softmmu_paging_cache cache;
};

/** What stands above the input address. */
enum softmmu_strip {
	SOFTMMU_STRIP_NONE = 0, /**< zeros, or the address is outside */
	SOFTMMU_STRIP_SIGN,	/**< copies of the top bit (x86-64 canonical form), or zeros */
	SOFTMMU_STRIP_TAG,	/**< a tag in the top byte, ignored (arm64 TBI) */
};

/* The regimes: decode the registers into *cpu; PTW_OK or PTW_ERR_CONFIG. */
int ptw_softmmu_ept_setup(struct ptw_softmmu *cpu, const struct ptw_regs *regs);
int ptw_softmmu_x86_64_setup(struct ptw_softmmu *cpu, const struct ptw_regs *regs);
int ptw_softmmu_arm64_s1_setup(struct ptw_softmmu *cpu, const struct ptw_regs *regs);
int ptw_softmmu_arm64_s2_setup(struct ptw_softmmu *cpu, const struct ptw_regs *regs);
int ptw_softmmu_perverse_setup(struct ptw_softmmu *cpu, const struct ptw_regs *regs);

/* The instantiated walks. */
int ptw_softmmu_ept_walk(struct ptw_softmmu *cpu, struct softmmu_walk *walk);
int ptw_softmmu_x86_64_walk(struct ptw_softmmu *cpu, struct softmmu_walk *walk);
int ptw_softmmu_arm64_s1_walk(struct ptw_softmmu *cpu, struct softmmu_walk *walk);
int ptw_softmmu_arm64_s2_walk(struct ptw_softmmu *cpu, struct softmmu_walk *walk);
int ptw_softmmu_perverse_walk(struct ptw_softmmu *cpu, struct softmmu_walk *walk);

/** The next of this CPU's pseudo-random numbers (Vigna's xorshift64*). */
static inline uint32_t softmmu_random(struct ptw_softmmu *cpu)
{
	uint64_t x = cpu->random;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	cpu->random = x;
	return (uint32_t)((x * 0x2545f4914f6cdd1dull) >> 32);
}

SOFTMMU_INLINE unsigned int softmmu_level_shift(const struct ptw_softmmu *cpu, unsigned int level)
{
	return cpu->granule_lg2 + cpu->stride_lg2 * level;
}

SOFTMMU_INLINE uint64_t *softmmu_table(const struct ptw_softmmu *cpu, uint64_t address)
{
	return (uint64_t *)(uintptr_t)(address + cpu->phys_offset);
}

SOFTMMU_INLINE void softmmu_count_set(struct ptw_softmmu *cpu, const struct softmmu_walk *walk,
				      bool accessed, bool dirty)
{
	cpu->counters.accessed_set += accessed;
	cpu->counters.dirty_set += dirty;
	if (accessed && (walk->access & PTW_ACCESS_SPECULATIVE))
		cpu->counters.speculative++;
}

/** The verdict of a regime on one entry: PTW_SOFTMMU_OK and *step, or how it faults. */
typedef int softmmu_decode_fn(const struct ptw_softmmu *cpu, const struct softmmu_walk *walk,
			      unsigned int level, uint64_t entry, struct softmmu_step *step);

/** The update of a group of leaves; true: done, false: an exchange was lost, look again. */
typedef bool softmmu_group_fn(struct ptw_softmmu *cpu, const struct softmmu_walk *walk,
			      uint64_t *table, uint64_t index, const struct softmmu_step *step);

/**
 * The walk, from the root or the deepest cached table entry down to a leaf or a fault.
 *
 * One snapshot of an entry is taken and judged, and what hardware changes in it is written by a
 * compare-exchange on that snapshot: an entry that is not present is never written, since decode
 * faults on it, and one that changed meanwhile is judged anew. A table entry is updated when the
 * walk has used it, before the next table is read, and keeps its accessed bit whatever happens
 * below; a leaf only when the whole access is allowed. Entries above a cached one are not read, so
 * nothing is set in them: that was done when the one below was cached.
 *
 * An exchange is lost only if somebody else changed the entry: the walk is lock-free.
 */
SOFTMMU_INLINE int softmmu_walk_tables(struct ptw_softmmu *cpu, struct softmmu_walk *walk,
				       uint32_t path, softmmu_decode_fn *decode,
				       softmmu_group_fn *group)
{
	const uint64_t index_mask = SOFTMMU_BIT(cpu->stride_lg2) - 1;
	const struct softmmu_cached_table *cached;
	struct softmmu_step step;
	unsigned int level, shift, lost;
	uint64_t *table;
	uint64_t index;
	int status;

	cached = softmmu_cache_find(&cpu->cache, walk->ia, &level);
restart:
	lost = 0;
	if (cached) {
		level--;
		shift = softmmu_level_shift(cpu, level);
		table = softmmu_table(cpu, cached->table);
		index = walk->ia >> shift & index_mask;
		walk->path = cached->path;
		cpu->counters.paging_cache_hits++;
		cached = NULL; /* a restart is at the root: what is cached may be out of date */
	} else {
		level = cpu->root_level;
		shift = softmmu_level_shift(cpu, level);
		table = softmmu_table(cpu, cpu->root);
		index = walk->ia >> shift; /* all that is left: roots may be wider or narrower */
		walk->path = path;
	}
	for (;;) {
		uint64_t entry = ptw_port_load_table(&table[index]);

		for (;;) {
			status = decode(cpu, walk, level, entry, &step);
			if (status != PTW_SOFTMMU_OK) {
				walk->level = level;
				return status;
			}
			if (step.desired == entry)
				break;
			if (group && step.group_lg2) {
				if (group(cpu, walk, table, index, &step))
					break;
				entry = ptw_port_load_table(&table[index]);
			} else if (ptw_port_cas(&table[index], &entry, step.desired)) {
				if (step.leaf)
					softmmu_count_set(cpu, walk, step.sets_accessed,
							  step.sets_dirty);
				else
					cpu->counters.table_accessed_set += step.sets_accessed;
				break;
			}
			cpu->counters.cas_failures++;
			if (++lost == SOFTMMU_RETRIES)
				goto restart;
		}
		if (step.leaf)
			break;
		/* Its accessed bit is set by now, whatever happens below. */
		if (cpu->cache.levels)
			softmmu_cache_fill(&cpu->cache, walk->ia, level, step.next, step.path);
		walk->path = step.path;
		table = softmmu_table(cpu, step.next);
		level--;
		shift -= cpu->stride_lg2;
		index = walk->ia >> shift & index_mask;
	}
	walk->level = level;
	walk->perms = step.perms;
	walk->oa = step.next | (walk->ia & (SOFTMMU_BIT(shift) - 1));
	return PTW_SOFTMMU_OK;
}

#endif /* PTW_SOFTMMU_INTERNAL_H */

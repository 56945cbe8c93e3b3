/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file softmmu.h
 * Software MMU: the hardware's side of a page table, for tests, fuzzers and simulators.
 *
 * It translates an access as the architecture manuals say, from the values of the architectural
 * registers, and sets accessed and dirty bits with compare-exchange on a present entry, as hardware
 * does with its locked update. It knows the formats from constants of its own and shares nothing
 * with arch/, so that it can judge the library.
 *
 * Which calls may run at the same time:
 * | call | on the same CPU | on other CPUs; harvests, writers of the table |
 * |---|---|---|
 * | ptw_softmmu_access() | nothing | anything |
 * | ptw_softmmu_tlb_invalidate(), ptw_softmmu_tlb_invalidate_leaves() | nothing | anything |
 * | ptw_softmmu_counters() | anything for the address; nothing for the values | anything |
 * | ptw_softmmu_size(), ptw_softmmu_init() | nothing | anything |
 *
 * A real processor finishes its running walks before it answers a TLB shootdown, and only then
 * table memory may be freed and harvested dirty state be final. With software CPUs the caller's
 * flush hook has to do the same: stop each CPU between two accesses, invalidate there, then return.
 *
 * With `paging_cache` a CPU also caches table entries, each for the addresses below it: where the
 * next table is, and what the path allows. A walk begins below the deepest one it finds, so it
 * neither reads the entries above nor sets their accessed bits; they had them when they were
 * cached, as hardware caches no table entry that is not accessed. Software that clears the accessed
 * bit of a table entry thus sees it stay clear while pages below become young, until
 * ptw_softmmu_tlb_invalidate(). And a cached address of a table dangles if the table's memory is
 * used for something else without that call: the CPU goes on to read and write there, as real ones
 * do.
 *
 * Not modelled, and refused by ptw_softmmu_init() where registers ask for it: x86 SMEP, SMAP,
 * protection keys, shadow stacks and linear-address masking; arm64 permission indirection and
 * overlay (S2PIE, S2POE, TCR2_EL1.PIE, POE, E0POE), 128-bit descriptors, HDBSS, FEAT_THE's
 * AssuredOnly, E0PD and EPD0.
 * Memory types and shareability are ignored, except that EPT memory types 2, 3 and 7 are
 * misconfigurations.
 */
#ifndef PTW_SOFTMMU_H
#define PTW_SOFTMMU_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

/** Which translation regime the registers describe. */
enum ptw_regime {
	PTW_REGIME_EPT = 1, /**< Intel EPT: `root` = EPTP */
	PTW_REGIME_X86_64,  /**< x86-64 and AMD nested paging: `root` = CR3, `control` = CR4 (bit 12
			      *   LA57), `control2` = EFER (bit 11 NXE) */
	PTW_REGIME_ARM64_S2, /**< arm64 stage 2: `root` = VTTBR_EL2, `control` = VTCR_EL2 */
	PTW_REGIME_ARM64_S1, /**< arm64 stage 1, EL1&0: `root` = TTBR0_EL1, `control` = TCR_EL1,
			      *   `control3` = TCR2_EL1 (bit 11 HAFT) */
	PTW_REGIME_PERVERSE, /**< the test format: `root` = address of the root table, `control` =
			      *   number of levels (1 to 5) */
};

/** The register values that make a processor use a page table. Shape: one regime, four words. */
struct ptw_regs {
	uint32_t regime;   /**< enum ptw_regime */
	uint32_t pa_bits;  /**< width of a physical address in bits (MAXPHYADDR, PARange) */
	uint64_t root;	   /**< EPTP, CR3, VTTBR_EL2 or TTBR0_EL1 */
	uint64_t control;  /**< CR4, VTCR_EL2 or TCR_EL1 */
	uint64_t control2; /**< EFER on x86-64, else 0 */
	uint64_t control3; /**< TCR2_EL1 at arm64 stage 1, 0 where the register is absent; else 0 */
};

/**
 * What an access wants. Values combine: PTW_ACCESS_READ | PTW_ACCESS_WRITE is a read-modify-write.
 * With none of READ, WRITE and FETCH an access is a read.
 */
enum ptw_access {
	PTW_ACCESS_READ = 1,
	PTW_ACCESS_WRITE = 2,
	PTW_ACCESS_FETCH = 4,
	PTW_ACCESS_USER = 8,	  /**< unprivileged access (x86-64 CPL 3, arm64 EL0); nested paging
				      *   always sets it */
	PTW_ACCESS_GUEST_PT = 16, /**< the guest's own page walk: a write under EPT with A/D, a
				      *   user write under x86-64 (AMD nested paging) */
	PTW_ACCESS_SPECULATIVE = 32, /**< never architecturally performed: may set accessed, never
				      *   dirty; what it meets is returned but counts as no fault */
};

/** How a translation ended. */
enum ptw_softmmu_status {
	PTW_SOFTMMU_OK = 0,	  /**< translated */
	PTW_SOFTMMU_TRANSLATION,  /**< an entry on the path is not present (EPT violation,
				   *   translation fault, page fault with P=0) */
	PTW_SOFTMMU_PERMISSION,	  /**< present, but the access is not allowed */
	PTW_SOFTMMU_ACCESS_FLAG,  /**< arm64 without hardware AF: accessed flag is 0 */
	PTW_SOFTMMU_MISCONFIG,	  /**< reserved bits or an impossible combination (EPT
				   *   misconfiguration, page fault with RSVD) */
	PTW_SOFTMMU_ADDRESS_SIZE, /**< input or output address outside the configured size */
};

/** Optional behaviour of the processor. */
enum ptw_softmmu_flags {
	PTW_SOFTMMU_CONTIG_FREEDOM = 1, /**< arm64: set AF or dirty on an arbitrary entry of a
					 *   contiguous group, and not at all if another already has
					 *   it */
	PTW_SOFTMMU_SPECULATE = 2,	/**< now and then also sets accessed on a neighbouring page,
					 *   as speculation may */
	PTW_SOFTMMU_NO_1G = 4,		/**< x86: 1-GiB leaves are not supported */
	PTW_SOFTMMU_EXEC_ONLY = 8,	/**< EPT: execute-only entries are supported */
	PTW_SOFTMMU_LPA2 = 16,		/**< arm64: FEAT_LPA2 present, so DS may be 1 */
	PTW_SOFTMMU_XNX = 32,		/**< arm64: FEAT_XNX present */
};

/** Configuration of one software CPU. */
struct ptw_softmmu_config {
	size_t size;	      /**< sizeof(struct ptw_softmmu_config), so that it can grow */
	struct ptw_regs regs; /**< the page table to use, and how */
	uint64_t phys_offset; /**< host = pa + phys_offset (modulo 2^64); a multiple of 8 */
	uint32_t flags;	      /**< enum ptw_softmmu_flags */
	uint32_t tlb_sets;    /**< sets of the TLB, a power of two; 0: no TLB, every access walks */
	uint32_t tlb_ways;    /**< ways per set, 1 to 16; 0 with tlb_sets 0 */
	uint32_t seed;	      /**< of the pseudo-random choices that the flags ask for */
	/** Table entries to cache at each level that has any, a power of two up to 65536. An entry
	 *  has the slot of its number among the level's, modulo this. 0: none, every walk starts at
	 *  the root. */
	uint32_t paging_cache;
};

/** What a translation found. Written whole by ptw_softmmu_access(). */
struct ptw_softmmu_result {
	uint64_t oa;	    /**< output address of the accessed byte; 0 unless PTW_SOFTMMU_OK */
	uint64_t page_size; /**< bytes the leaf entry maps (not its contiguous group), also if it
			     *   denied the access; 0 if the walk found no valid leaf */
	uint32_t level;	  /**< level at which the walk ended, 0 = smallest pages; the root's if the
			     *   input address was out of range */
	uint32_t tlb_hit; /**< 1: answered from the TLB, no entry was read */
};

/** Counters of one software CPU; only its own thread writes them, with plain stores. */
struct ptw_softmmu_counters {
	uint64_t accesses;	     /**< calls of ptw_softmmu_access() */
	uint64_t tlb_hits;	     /**< accesses answered from the TLB */
	uint64_t walks;		     /**< the others; speculative neighbours are not counted */
	uint64_t faults;	     /**< accesses not PTW_SOFTMMU_OK, speculative ones excepted */
	uint64_t accessed_set;	     /**< leaf entries this CPU made accessed, from 0 to 1 */
	uint64_t dirty_set;	     /**< leaf entries this CPU made dirty, from clean */
	uint64_t table_accessed_set; /**< table entries this CPU made accessed, from 0 to 1 */
	uint64_t cas_failures;	     /**< updates lost, since the entry had changed meanwhile */
	uint64_t speculative;	     /**< those of accessed_set that speculation set */
	uint64_t paging_cache_hits;  /**< walks that began at a cached table entry, speculative ones
				      *   included */
};

/** One software CPU; opaque. Not shared between threads: one CPU, one thread at a time. */
struct ptw_softmmu;

/**
 * Bytes of memory one software CPU of this configuration needs, its caches included.
 *
 * @param config the configuration; only read
 * @return a multiple of 64 bytes, or 0 if ptw_softmmu_init() would refuse the configuration
 *
 * Context: any thread; reads *config only.
 * Ordering: none.
 * Progress: wait-free.
 * Errors: 0, for every error of ptw_softmmu_init() that lies in the configuration.
 */
PTW_API size_t ptw_softmmu_size(const struct ptw_softmmu_config *config);

/**
 * Make a software CPU in memory of the caller's.
 *
 * The registers are decoded once, here. The CPU holds nothing outside `memory`, so it needs no
 * destruction: the memory may be reused as soon as no call on the CPU runs any more. The page table
 * is not touched.
 *
 * @param cpu    receives the CPU; unchanged on error
 * @param memory where the CPU lives, aligned to 8 bytes (to 64, if CPUs shall not share cache
 * lines)
 * @param bytes  size of `memory` in bytes, at least ptw_softmmu_size()
 * @param config what CPU; not kept
 * @return PTW_OK or a negative code
 *
 * Context: any thread. Physical memory is reached as pa + phys_offset, so every address that
 * entries on a walked path hold must be readable and writable there: a foreign table with pointers
 * to nowhere crashes the process, as no memory bounds are declared here.
 * Ordering: none; hand the CPU to its thread by the means that order threads.
 * Progress: wait-free, in time proportional to the caches.
 * Errors: PTW_ERR_ARG: a null pointer, an unknown regime or flag, a TLB shape that is no power of
 * two sets of 1 to 16 ways, a paging_cache that is no power of two up to 65536, a phys_offset not
 * divisible by 8, or a larger configuration whose unknown part is not zero. PTW_ERR_ALIGN: `memory`
 * is not aligned. PTW_ERR_SIZE: `memory` or config->size is too small. PTW_ERR_CONFIG: register
 * values that no hardware accepts, on which hardware differs (an arm64 input size above PS), with
 * which every access faults (a root outside the output size or misaligned), or that ask for what is
 * not modelled.
 * Sources: Intel SDM volume 3A "Paging", 3C "Extended-Page-Table Pointer (EPTP)"; Arm ARM DDI 0487
 * D8 and the descriptions of VTCR_EL2, VTTBR_EL2, TCR_EL1, TCR2_EL1, TTBR0_EL1.
 */
PTW_API int ptw_softmmu_init(struct ptw_softmmu **cpu, void *memory, size_t bytes,
			     const struct ptw_softmmu_config *config);

/**
 * Do one access: translate it by TLB or table walk, and leave behind in the table what hardware
 * leaves behind.
 *
 * Accessed bits of entries that lead to tables (x86, EPT, arm64 with HAFT) are set on the way down
 * and stay set when the access faults further down, as the SDM allows and processors do. The leaf
 * is changed only if the whole access is allowed, accessed and dirty by one update. Only present
 * entries are ever written. On a TLB hit nothing is read or written; a hit that does not allow the
 * access, or a write to a translation cached while its leaf was clean, walks again. A page fault or
 * an EPT violation, unless speculative, drops the cached table entries of its address, so the next
 * access begins at the root; faults of the other formats drop nothing.
 *
 * @param cpu    the CPU
 * @param ia     input address in bytes; on x86-64 with or without its sign extension
 * @param access enum ptw_access
 * @param result written whole, for faults too; not null
 * @return enum ptw_softmmu_status, or PTW_ERR_ARG (then *result is unchanged)
 *
 * Context: the thread that owns the CPU. Every table that may be reached must stay in memory during
 * the call: either it runs in a read-side section of the RCU that frees tables, or the flush that
 * precedes freeing waits for it; with `paging_cache` only the flush will do, as what is cached
 * outlives a section. Anybody may change entries meanwhile.
 * Ordering: entries that may lead to a table are read with acquire, partner the release that
 * publishes a table; an update is a compare-exchange with acq_rel; on a fault, nothing beyond that.
 * The access itself is not performed and orders nothing.
 * Progress: lock-free. A compare-exchange that fails has met somebody else's change, and the entry
 * is judged anew; after 64 such failures the walk starts again, at the root whatever is cached.
 * Errors: PTW_ERR_ARG: unknown bits in `access`.
 * Sources: Intel SDM volume 3A "Accessed and Dirty Flags", 3C "Accessed and Dirty Flags for EPT",
 * "EPT Misconfigurations", "EPT Violations", "Caching Translation Information"; AMD APM volume 2
 * "Nested Paging"; Arm ARM DDI 0487 D8.5 "Hardware updates to the translation tables".
 */
PTW_API int ptw_softmmu_access(struct ptw_softmmu *cpu, uint64_t ia, uint32_t access,
			       struct ptw_softmmu_result *result);

/**
 * Drop every cached translation of input addresses in [start, end), and every cached table entry
 * that maps any of them: what PTW_FLUSH_TABLE asks for, and INVLPG, INVEPT and arm64's TLBI without
 * "last level" do. Table entries for other addresses stay, though INVLPG and INVEPT drop more.
 *
 * A leaf of which any part lies in the range is dropped whole, as INVLPG and TLBI do; of a
 * contiguous group only the entries in the range are, so the caller covers the group.
 *
 * @param cpu   the CPU
 * @param start first input address in bytes, of any alignment
 * @param end   address behind the last; 0 with a start above 0: up to the top of the address space;
 *              start 0 and end UINT64_MAX: everything. Nothing is dropped if start equals end.
 *
 * Context: the thread that owns the CPU, between two accesses; for other CPUs' TLBs it has to be
 * called there.
 * Ordering: none, so it is the caller's hand-over between threads that makes accesses after it see
 * entries changed before it.
 * Progress: wait-free; time proportional to the caches, or to the range if that is shorter.
 * Errors: none.
 * Sources: Intel SDM volume 3A "Invalidation of TLBs and Paging-Structure Caches"; Arm ARM DDI 0487
 * D8 "TLB maintenance".
 */
PTW_API void ptw_softmmu_tlb_invalidate(struct ptw_softmmu *cpu, uint64_t start, uint64_t end);

/**
 * Drop every cached translation of input addresses in [start, end) and keep cached table entries:
 * the least that PTW_FLUSH_LEAF asks for, and what arm64's TLBI by "last level" (VALE1, IPAS2LE1)
 * does.
 *
 * x86 processors have no such instruction and always drop table entries, too. There, the call is
 * for tests that want to know whether a caller asks for more than leaves where he has to.
 *
 * @param cpu   the CPU
 * @param start first input address in bytes, as for ptw_softmmu_tlb_invalidate()
 * @param end   address behind the last, likewise
 *
 * Context: the thread that owns the CPU, between two accesses.
 * Ordering: none, as for ptw_softmmu_tlb_invalidate().
 * Progress: wait-free; time proportional to the TLB, or to the range if that is shorter.
 * Errors: none.
 * Sources: Arm ARM DDI 0487 D8 "TLB maintenance".
 */
PTW_API void ptw_softmmu_tlb_invalidate_leaves(struct ptw_softmmu *cpu, uint64_t start,
					       uint64_t end);

/**
 * The counters of a CPU, counting from ptw_softmmu_init() and never reset.
 *
 * @param cpu the CPU
 * @return the counters themselves, in the CPU's memory: they go on changing
 *
 * Context: any thread may ask for the address; the values are read by the thread that owns the CPU,
 * or after it has handed the CPU over.
 * Ordering: none. Progress: wait-free. Errors: none.
 */
PTW_API const struct ptw_softmmu_counters *ptw_softmmu_counters(const struct ptw_softmmu *cpu);

PTW_END_DECLS

#endif /* PTW_SOFTMMU_H */

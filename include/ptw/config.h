/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file config.h
 * What a page table looks like: format, sizes, features; and the names of common choices.
 */
#ifndef PTW_CONFIG_H
#define PTW_CONFIG_H

#include <ptw/kernel.h>
#include <ptw/layout.h>
#include <ptw/pool.h>
#include <ptw/softmmu.h>
#include <ptw/types.h>

PTW_BEGIN_DECLS

/** Families of entry formats. All of them build and run on every host. */
enum ptw_format_id {
	PTW_FORMAT_EPT = 1,   /**< Intel EPT, 4 or 5 levels (SDM vol. 3C, 29.3) */
	PTW_FORMAT_X86_64,    /**< x86-64 4- or 5-level paging, AMD nested paging (SDM vol. 3A, 4.5; APM vol. 2, 5.3 and 15.25) */
	PTW_FORMAT_ARM64_S2,  /**< arm64 stage 2, 4K, 16K and 64K granules (Arm ARM, D8.3) */
	PTW_FORMAT_ARM64_S1,  /**< arm64 stage 1, EL1&0, one TTBR (Arm ARM, D8.3) */
	PTW_FORMAT_PERVERSE,  /**< test format: 8 entries a table, another encoding on each level */
};

/** What the processor has or software switched on. Values combine. */
enum ptw_feature {
	PTW_FEATURE_HW_ACCESSED = 1u << 0, /**< hardware sets accessed: EPTP bit 6, arm64 HA */
	PTW_FEATURE_HW_DIRTY = 1u << 1,    /**< hardware sets dirty: EPTP bit 6, arm64 HD */
	PTW_FEATURE_1G = 1u << 2,          /**< x86: 1-GiB leaves */
	PTW_FEATURE_EXEC_ONLY = 1u << 3,   /**< EPT: execute-only leaves */
	PTW_FEATURE_NX = 1u << 4,          /**< x86-64: EFER.NXE */
	PTW_FEATURE_CONTIG = 1u << 5,      /**< arm64: map contiguous groups where they fit */
	PTW_FEATURE_LPA = 1u << 6,         /**< arm64 64K: 52-bit output addresses */
	PTW_FEATURE_LPA2 = 1u << 7,        /**< arm64 4K, 16K: the processor has FEAT_LPA2 */
	PTW_FEATURE_DS = 1u << 8,          /**< arm64 4K, 16K: VTCR_EL2.DS or TCR_EL1.DS is 1; needs LPA2 */
	PTW_FEATURE_XNX = 1u << 9,         /**< arm64 stage 2: FEAT_XNX */
	PTW_FEATURE_TTST = 1u << 10,       /**< arm64: small translation tables, start at the last level */
	PTW_FEATURE_LVA = 1u << 11,        /**< arm64 64K: 52-bit input addresses in stage 1 */
	PTW_FEATURE_HAFT = 1u << 12,       /**< arm64: hardware sets accessed in table entries, too; needs HW_ACCESSED */
	PTW_FEATURE_S2PIE = 1u << 16,      /**< refused with PTW_ERR_CONFIG_MODE: moves the permissions */
	PTW_FEATURE_S2POE = 1u << 17,      /**< refused likewise */
	PTW_FEATURE_D128 = 1u << 18,       /**< refused likewise: 128-bit entries */
	PTW_FEATURE_MBEC = 1u << 19,       /**< refused likewise: EPT mode-based execute control splits X */
};

/** Half-open range of input addresses in bytes. */
struct ptw_range {
	uint64_t start; /**< first byte */
	uint64_t end;   /**< first byte behind */
};

/** What a flush must drop. */
enum ptw_flush_kind {
	PTW_FLUSH_LEAF = 1, /**< translations of leaf entries in the ranges */
	PTW_FLUSH_TABLE,    /**< also cached table entries: a table was unlinked */
};

/**
 * The caller's TLB flush. Synchronous: when it returns, no processor uses an old translation of the
 * ranges, and updates of accessed and dirty bits made through old ones are visible.
 *
 * Context: called outside read-side sections, on the thread of the operation, never on a young
 * harvest unless exact mode was asked for or it took dirty state along (see ptw_harvest()). Several
 * threads may be in it at the same time. May block, so a processor that is asked to flush must not
 * wait for the page table meanwhile: see ptw_fix_fault(). Must not change the same page table.
 * Ranges cover leaf extents whole.
 *
 * Ranges may be larger than what the caller changed. Where a table goes back, the range is all that its
 * parent entry mapped; if that empties the table above, this one goes back in the same call by a flush
 * of its own, and so on: unmapping one page that was alone flushes 2 MiB, 1 GiB and 512 GiB with
 * 4-KiB granules (see ptw_config.reclaim_delay). Past 16 ranges, neighbours grow together over the
 * gap between them. A hook that pays by the page had better drop everything from some size on.
 * @param context from the configuration
 * @param ranges input address ranges in bytes, ascending, not overlapping
 * @param count how many, 1 to 16
 * @param kind enum ptw_flush_kind
 * @param level highest level of a changed leaf entry, 0 = smallest pages; a hint. On x86 larger
 *        translations of the same addresses may be cached since a split: do not leave them out
 */
typedef void (*ptw_flush_fn)(void *context, const struct ptw_range *ranges, unsigned int count,
			     enum ptw_flush_kind kind, unsigned int level);

/** How operations on a page table behave. Values combine. */
enum ptw_config_flag {
	/** At the limit of the backlog: answer PTW_ERR_BACKLOG instead of waiting for a grace period. */
	PTW_BACKLOG_TELL = 1u << 0,
	/**
	 * The caller lets only one operation at a time change the page table: those in the rows map
	 * to reclaim of the table in <ptw/change.h>, and fix_fault. Harvests, walks and processors still
	 * run next to it. Saves what writers pay for each other; everything else is the same.
	 */
	PTW_WRITERS_EXCLUSIVE = 1u << 1,
	/** Clear two young neighbours by one instruction (see ptw_clear_available()). */
	PTW_CONFIG_PAIRS = 1u << 2,
	/** Clear a table with many young entries by one hardware transaction (likewise). */
	PTW_CONFIG_TRANSACTIONS = 1u << 3,
};

/** ptw_config.reclaim_delay: empty tables stay until ptw_reclaim() is called. */
#define PTW_RECLAIM_NEVER (~(uint32_t)0)

/** Configuration of a page table. Zero means the natural choice wherever a field says so. */
struct ptw_config {
	size_t size;          /**< sizeof(struct ptw_config), so that it can grow */
	uint32_t format;      /**< enum ptw_format_id */
	uint32_t granule_lg2; /**< arm64: 12, 14 or 16; elsewhere 12; 0: 12 */
	uint32_t levels;      /**< number of levels, 1 to 5; Arm start level s is 4 - s; 0: the fewest for ia_bits */
	uint32_t ia_bits;     /**< width of an input address; 0: all that `levels` full tables (or 48 bits) give */
	/** Width of an output address (MAXPHYADDR, PARange); 0: the most the format has. Tables must lie
	 *  in it too (see phys_offset), and stage 2 caps ia_bits at it. */
	uint32_t oa_bits;
	uint32_t features;    /**< enum ptw_feature */
	/** Null: the library's own; attached: hardware's rules alone, which access-tracked EPT has not,
	 *  so that it needs one here. */
	const struct ptw_layout *layout;
	/** Host address of a table = its physical address + phys_offset, modulo 2^64; a multiple of
	 *  the table size. 0: host addresses serve as physical ones, which need 47 bits of oa_bits. */
	uint64_t phys_offset;
	const struct ptw_pool_config *pool; /**< copied at creation; null: mmap, no budget */
	ptw_flush_fn flush;   /**< null: nothing caches translations, or the caller flushes by himself */
	void *flush_context;  /**< first argument of `flush` */
	uint32_t flags;       /**< enum ptw_config_flag */
	/** arm64: FEAT_BBM level of the processors, 0 to 2; with 2 a leaf changes its size without an
	 *  invalid entry in between. Perverse: 2 means no breaks at all. Elsewhere 0. */
	uint32_t bbm_level;
	/** When a table that became empty goes back: 0 at once; n, up to 32767: when n more calls have
	 *  removed something, so that an early refill finds it (at most 48 tables wait; then the
	 *  oldest go first); PTW_RECLAIM_NEVER: when ptw_reclaim() is called. */
	uint32_t reclaim_delay;
	/** Limit of the tables that wait for a grace period. A call that finds as many waits first, or
	 *  answers PTW_ERR_BACKLOG (see PTW_BACKLOG_TELL), and looks again whenever it has retired 512, or
	 *  this many; so each thread passes the limit by no more than that. 0: 65536. */
	uint32_t backlog_limit;
	/** How harvests search tables: enum ptw_kernel; 0: the best one (ptw_info.kernel tells).
	 *  Attached tables are read entry by entry whatever it says. */
	uint32_t kernel;
	uint32_t reserved; /**< 0 */
};

/**
 * The layout that the library's own page tables of this configuration have: for attaching to one of
 * them with all its software bits.
 * @param config its layout is not looked at
 * @return a constant, or null if there is no such format
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: null.
 */
PTW_API const struct ptw_layout *ptw_layout_own(const struct ptw_config *config);

/**
 * Fill in a configuration by name:
 * - "ept4", "ept5": hardware accessed and dirty bits; "ept4-tracked", "ept5-tracked": without them;
 * - "x86-64", "x86-64-la57";
 * - "arm64-s2-4k", "arm64-s2-16k", "arm64-s2-64k": hardware AF and dirty state, 48 bits; each also with
 *   "-swaf" (software manages both), "-contig" (contiguous groups), and "-lpa2" (64k: "-lpa": 52 bits);
 * - "arm64-s1-4k", "arm64-s1-16k", "arm64-s1-64k", each also with "-swaf" and "-lpa2" (64k: "-lpa");
 * - "arm64-s2-4k-haft", "arm64-s1-4k-haft": also accessed flags of table entries (FEAT_HAFT);
 * - "perverse": 5 levels.
 * ptw_preset_name() lists them.
 * @param name the preset
 * @param config written whole on success; untouched otherwise
 * @return PTW_OK, or PTW_ERR_ARG for an unknown name or a null pointer
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: as returned.
 */
PTW_API int ptw_preset(const char *name, struct ptw_config *config);

/**
 * Name of the n-th preset.
 * @param n counting from 0
 * @return its name, or null beyond the last
 *
 * Context: any. Ordering: none. Progress: wait-free. Errors: none.
 */
PTW_API const char *ptw_preset_name(unsigned int n);

PTW_END_DECLS

#endif /* PTW_CONFIG_H */

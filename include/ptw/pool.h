/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file pool.h
 * Where tables come from: chunks of memory with the metadata of their tables. A kernel's port asks for
 * each table, or page of small tables, and pays no attention to chunk_lg2.
 */
#ifndef PTW_POOL_H
#define PTW_POOL_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

/** Huge pages behind the tables. At most one. */
enum ptw_pool_flag {
	/** From the first table on. Whoever uses only a few has 2 MiB all the same. */
	PTW_POOL_HUGE_ALWAYS = 1,
	/** Never, also where the system would give them by itself. */
	PTW_POOL_HUGE_NEVER = 2,
};

/**
 * Source of memory; the default is mmap. Each page table has a pool of its own, made from a copy of
 * this. Chunks go back when the page table is destroyed. Both calls may come from any thread that
 * creates, changes or destroys; for each page table one at a time, but a kernel's port makes several
 * at once. They may block, but must not change that page table: whoever needs a chunk waits until
 * they return. Tables that go back do not.
 */
struct ptw_pool_config {
	size_t size;   /**< sizeof(struct ptw_pool_config), so that it can grow */
	void *context; /**< first argument of both functions */
	/** `bytes` of memory aligned to `align` (a power of two), or null. Asked for chunks, and for the
	 *  root table (concatenated ones in one piece). Memory that is not aligned goes back at once and
	 *  counts as none. */
	void *(*chunk_alloc)(void *context, size_t bytes, size_t align);
	/** Takes back what chunk_alloc gave. */
	void (*chunk_free)(void *context, void *memory, size_t bytes);
	/** Chunk size as a power of two; 0: 2 MiB, or what holds 512 tables if that is more. Rounded
	 *  up to what holds one table; such small chunks ask chunk_alloc for each table. */
	uint32_t chunk_lg2;
	/** enum ptw_pool_flag; a matter of the default source, in userspace: with a chunk_alloc only
	 *  NEVER may be set. 0: pools that hold 32 MiB already get huge pages for what they still grow
	 *  by, so that no more than an eighth is held in advance (from the second chunk on, leaf tables and
	 *  tables above them have chunks of their own, and each kind may have one that is not
	 *  full); below that, processors keep most translations anyway. */
	uint32_t flags;
	/** Budget in tables, roots not counted; 0: none. Beyond it: PTW_ERR_NOMEM. A table counts from
	 *  the moment it is asked for, until there turns out to be no memory for it. */
	uint64_t max_tables;
};

PTW_END_DECLS

#endif /* PTW_POOL_H */

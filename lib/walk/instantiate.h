/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Turns the templates into ordinary functions for one format.
 *
 * PTW_INSTANTIATE(name, format, layout, guarded) defines `const struct ptw_instance ptw_<name>`.
 * `layout` is a constant for the library's own layouts, and p->layout (run time data) for attached
 * page tables, whose walks are guarded.
 */
#ifndef PTW_LIB_INSTANTIATE_H
#define PTW_LIB_INSTANTIATE_H

#include "lib/walk/dense_template.h"
#include "lib/walk/entries_template.h"
#include "lib/walk/harvest_template.h"
#include "lib/walk/take_template.h"
#include "lib/walk/visit_template.h"

#define PTW_INSTANTIATE_COMMON(name, fmt, lay, guarded)                                            \
	static int name##_visit(struct ptw_walk_state *w, void *ctx, uint64_t *slot,               \
				unsigned int n, unsigned int level, uint64_t e)                    \
	{                                                                                          \
		const struct ptw_pgtable *p = w->pgtable;                                          \
		(void)p;                                                                           \
		(void)e;                                                                           \
		return ptw_visit_run(&(fmt), (lay), (guarded), w, ctx, slot, n, level);            \
	}                                                                                          \
	static int name##_pre(struct ptw_walk_state *w, void *ctx, uint64_t *slot,                 \
			      unsigned int level, uint64_t e, uint64_t ia)                         \
	{                                                                                          \
		return ptw_visit_table(&(fmt), w, ctx, slot, level, e, ia, PTW_VISIT_TABLE_PRE);   \
	}                                                                                          \
	static int name##_post(struct ptw_walk_state *w, void *ctx, uint64_t *slot,                \
			       unsigned int level, uint64_t e, uint64_t ia)                        \
	{                                                                                          \
		return ptw_visit_table(&(fmt), w, ctx, slot, level, e, ia, PTW_VISIT_TABLE_POST);  \
	}                                                                                          \
	static int name##_walk(struct ptw_walk_state *w, const struct ptw_walk *walk)              \
	{                                                                                          \
		static const struct ptw_walk_ops ops = {                                           \
			.run = name##_visit, .pre = name##_pre, .post = name##_post };             \
		const struct ptw_pgtable *p = w->pgtable;                                          \
		(void)p;                                                                           \
		return ptw_walk_template(&(fmt), (lay), (guarded), &ops, w, (void *)walk);         \
	}                                                                                          \
	static ptw_always_inline int name##_any_run(struct ptw_walk_state *w, void *ctx,           \
						    uint64_t *slot, unsigned int n,                \
						    unsigned int level, uint64_t e)                \
	{                                                                                          \
		const struct ptw_pgtable *p = w->pgtable;                                          \
		(void)p;                                                                           \
		(void)e;                                                                           \
		return ptw_harvest_run(&(fmt), (lay), (guarded), w, ctx, slot, n, level);          \
	}                                                                                          \
	static ptw_always_inline unsigned int name##_skip(                                         \
		struct ptw_walk_state *w, void *ctx, uint64_t *slot, unsigned int level)           \
	{                                                                                          \
		const struct ptw_harvest_job *job = ctx;                                           \
		if (__builtin_expect(!job->prune, 1))                                              \
			return 0;                                                                  \
		return ptw_prune_skip(w, ctx, slot, level);                                        \
	}                                                                                          \
	static int name##_harvest(struct ptw_walk_state *w, struct ptw_harvest_job *job)           \
	{                                                                                          \
		static const struct ptw_walk_ops ops = { .run = name##_any_run,                    \
							 .skip = name##_skip };                    \
		const struct ptw_pgtable *p = w->pgtable;                                          \
		(void)p;                                                                           \
		return ptw_walk_template(&(fmt), (lay), (guarded), &ops, w, job);                  \
	}                                                                                          \
	static int name##_test_young(const struct ptw_pgtable *p, uint64_t ia)                     \
	{                                                                                          \
		int ret;                                                                           \
		ptw_port_read_lock();                                                              \
		ret = ptw_test_young_template(&(fmt), (lay), (guarded), p, ia, false);             \
		ptw_port_read_unlock();                                                            \
		return ret;                                                                        \
	}                                                                                          \
	static int name##_test_clear_young(const struct ptw_pgtable *p, uint64_t ia)               \
	{                                                                                          \
		int ret;                                                                           \
		ptw_port_read_lock();                                                              \
		ret = ptw_test_young_template(&(fmt), (lay), (guarded), p, ia, true);              \
		ptw_port_read_unlock();                                                            \
		return ret;                                                                        \
	}                                                                                          \
	static void name##_entries(const struct ptw_pgtable *p, const uint64_t *words,             \
				   unsigned int n, unsigned int level, struct ptw_entries *job)    \
	{                                                                                          \
		(void)p;                                                                           \
		ptw_entries_run(&(fmt), (lay), (guarded), words, n, level, job);                   \
	}

/* An attached page table: its layout is data, its tables are not trusted. */
#define PTW_INSTANTIATE_ATTACHED(name, fmt)                                                        \
	PTW_INSTANTIATE_COMMON(name, fmt, p->layout, true)                                         \
	const struct ptw_instance ptw_##name = {                                                   \
		.format = &(fmt),                                                                  \
		.walk = name##_walk,                                                               \
		.harvest = name##_harvest,                                                         \
		.test_young = name##_test_young,                                                   \
		.test_clear_young = name##_test_clear_young,                                       \
		.entries = name##_entries,                                                         \
	}

/* The library's own page table in the format's own layout. */
#define PTW_INSTANTIATE_OWN(name, fmt, lay)                                                        \
	PTW_INSTANTIATE_COMMON(name, fmt, &(lay), false)                                           \
	static __attribute__((__noinline__)) int name##_other_run(                                 \
		struct ptw_walk_state *w, void *ctx, uint64_t *slot, unsigned int n,               \
		unsigned int level)                                                                \
	{                                                                                          \
		return ptw_harvest_run(&(fmt), &(lay), false, w, ctx, slot, n, level);             \
	}                                                                                          \
	static ptw_always_inline int name##_dense_run(struct ptw_walk_state *w, void *ctx,         \
						      uint64_t *slot, unsigned int n,              \
						      unsigned int level, uint64_t e)              \
	{                                                                                          \
		(void)e;                                                                           \
		return ptw_dense_run(&(fmt), &(lay), name##_other_run, w, ctx, slot, n, level);    \
	}                                                                                          \
	static ptw_always_inline int name##_dense_tables(struct ptw_walk_state *w, void *ctx,      \
							 const uint64_t *slot, uint64_t e,         \
							 unsigned int n)                           \
	{                                                                                          \
		return ptw_dense_tables(&(fmt), &(lay), w, ctx, slot, e, n);                       \
	}                                                                                          \
	static int ptw_##name##_harvest_dense(struct ptw_walk_state *w,                            \
					      struct ptw_harvest_job *job)                         \
	{                                                                                          \
		static const struct ptw_walk_ops ops = { .run = name##_dense_run,                  \
							 .skip = name##_skip,                      \
							 .tables = name##_dense_tables };          \
		return ptw_walk_template(&(fmt), &(lay), false, &ops, w, job);                     \
	}                                                                                          \
	static int ptw_##name##_harvest_few(const struct ptw_pgtable *p, uint64_t ia,              \
					    unsigned int n, uint64_t *word)                        \
	{                                                                                          \
		return ptw_dense_few(&(fmt), &(lay), p, ia, n, word);                              \
	}                                                                                          \
	static unsigned int name##_take(const struct ptw_pgtable *p, uint64_t *slot,               \
					unsigned int n, unsigned int level, uint64_t gone,         \
					bool dead, struct ptw_taken *taken)                        \
	{                                                                                          \
		return ptw_take_run(&(fmt), &(lay), false, p, slot, n, level, gone, dead, taken);  \
	}                                                                                          \
	static unsigned int name##_take_exclusive(const struct ptw_pgtable *p, uint64_t *slot,     \
						  unsigned int n, unsigned int level,              \
						  uint64_t gone, bool dead,                        \
						  struct ptw_taken *taken)                         \
	{                                                                                          \
		return ptw_take_run(&(fmt), &(lay), true, p, slot, n, level, gone, dead, taken);   \
	}                                                                                          \
	const struct ptw_instance ptw_##name = {                                                   \
		.format = &(fmt),                                                                  \
		.walk = name##_walk,                                                               \
		.harvest_dense = ptw_##name##_harvest_dense,                                       \
		.harvest_few = ptw_##name##_harvest_few,                                           \
		.take = name##_take,                                                               \
		.take_exclusive = name##_take_exclusive,                                           \
		.harvest = name##_harvest,                                                         \
		.test_young = name##_test_young,                                                   \
		.test_clear_young = name##_test_clear_young,                                       \
		.entries = name##_entries,                                                         \
	}

#endif /* PTW_LIB_INSTANTIATE_H */

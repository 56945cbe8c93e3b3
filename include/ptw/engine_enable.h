/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file engine_enable.h
 * What an engine may do, switched while it runs: the minimum age of what goes, the time between two ageings, and
 * capabilities.
 */
#ifndef PTW_ENGINE_ENABLE_H
#define PTW_ENGINE_ENABLE_H

#include <ptw/engine.h>

PTW_BEGIN_DECLS

/** Capabilities of an engine. The values are those of Linux's lru_gen/enabled, 8 being one that was proposed only. */
enum ptw_enable {
	/** Use matters. Without it nothing ages and nobody is asked: words of harvests and last looks are left out,
	 *  and pages go in the order in which they came, to a 64th of memory; those that have seen more than 158 such
	 *  parts come are alike. */
	PTW_ENABLE_CORE = 1,
	/** Ageing harvests. Without it a generation begins, and only last looks tell who was used. */
	PTW_ENABLE_LEAF_WALK = 2,
	/** Harvests may leave out what no young entry of an upper table leads to. For those who harvest to ask. */
	PTW_ENABLE_NONLEAF = 4,
	/** Harvests ask secondary MMUs, too. For those who harvest to ask. */
	PTW_ENABLE_SECONDARY_WALK = 8,
	PTW_ENABLE_ALL = 15,
};

/**
 * Set what an engine may do; it begins with PTW_ENABLE_ALL.
 * @param engine the engine
 * @param bits of enum ptw_enable; those that are not given are off
 * @return PTW_OK or PTW_ERR_ARG
 *
 * Context: any, at any time; calls that are under way may go by what was before. Ordering: none. Progress: wait-free.
 * Errors: as returned, nothing changed.
 */
PTW_API int ptw_engine_enable(struct ptw_engine *engine, uint32_t bits);

/**
 * What an engine may do.
 * @return bits of enum ptw_enable; 0 for null
 *
 * Context: any; also from a harvest callback, which is how it learns of PTW_ENABLE_NONLEAF and
 * PTW_ENABLE_SECONDARY_WALK. Ordering: none. Progress: wait-free. Errors: none.
 */
PTW_API uint32_t ptw_engine_enabled(const struct ptw_engine *engine);

/**
 * A guard against thrashing: no page is put out of a group whose oldest generation with pages began less than so long
 * ago. Where nothing goes for this reason alone, ptw_group_evict() and ptw_engine_reclaim() call
 * the engine's `thrashing` and return PTW_ERR_THRASHING. Commands (engine_text.h) do not ask.
 * @param engine the engine
 * @param age in units of its clock; 0, as it begins: none. Without a clock nothing gets any older
 * @return PTW_OK or PTW_ERR_ARG
 *
 * Context: any, at any time; calls that are under way may go by what was before. Ordering: none. Progress: wait-free.
 * Errors: as returned, nothing changed.
 */
PTW_API int ptw_engine_min_age(struct ptw_engine *engine, uint64_t age);

/**
 * A second clock for ageing: a group wants it (ptw_group_wants_ageing()) also if it was last aged, or made, so long
 * ago, whether anything was put out meanwhile or not.
 * @param group the group
 * @param interval in units of the engine's clock; 0, as it begins: never for this reason. Without a clock, or while
 *        the clock goes back, no time passes
 * @return PTW_OK or PTW_ERR_ARG
 *
 * Context: any, at any time; calls that are under way may go by what was before. Ordering: none. Progress: wait-free.
 * Errors: as returned, nothing changed.
 */
PTW_API int ptw_group_interval(struct ptw_group *group, uint64_t interval);

PTW_END_DECLS

#endif /* PTW_ENGINE_ENABLE_H */

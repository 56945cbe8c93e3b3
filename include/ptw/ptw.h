/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file ptw.h
 * libptw: which pages are hot, read out of page tables that are in use. Includes every public header.
 *
 * Calls take their arguments in structs of the same name, as in `ptw_map(..., const struct ptw_map *)`;
 * C++ must therefore write the `struct`.
 */
#ifndef PTW_PTW_H
#define PTW_PTW_H

#include <ptw/age.h>
#include <ptw/aging.h>
#include <ptw/ask.h>
#include <ptw/change.h>
#include <ptw/config.h>
#include <ptw/consumer.h>
#include <ptw/curve.h>
#include <ptw/engine.h>
#include <ptw/engine_enable.h>
#include <ptw/engine_reclaim.h>
#include <ptw/engine_save.h>
#include <ptw/engine_text.h>
#include <ptw/engine_tree.h>
#include <ptw/engine_type.h>
#include <ptw/entry.h>
#include <ptw/error.h>
#include <ptw/filter.h>
#include <ptw/harvest.h>
#include <ptw/invalidate.h>
#include <ptw/kernel.h>
#include <ptw/layout.h>
#include <ptw/mmu.h>
#include <ptw/partition.h>
#include <ptw/policy.h>
#include <ptw/pool.h>
#include <ptw/proactive.h>
#include <ptw/prune.h>
#include <ptw/shadow.h>
#include <ptw/softmmu.h>
#include <ptw/space.h>
#include <ptw/stall.h>
#include <ptw/table.h>
#include <ptw/thread.h>
#include <ptw/types.h>
#include <ptw/version.h>
#include <ptw/walk.h>

#endif /* PTW_PTW_H */

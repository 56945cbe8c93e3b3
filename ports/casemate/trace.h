/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Traces in the format of Casemate, a checker of Arm's break-before-make (Arm ARM D8.16): one
 * s-expression a line for each write to a table, barrier, TLB invalidation and register write.
 *
 * The environment variable PTW_TRACE_FILE names the file; it appears under that name when the process
 * ends. Without the variable nothing is recorded. A trace tells of one arm64 stage-2 page table whose
 * host addresses serve as physical ones (phys_offset 0). Threads are numbered in the order of their
 * first record; the checker, as it is built by default, takes four.
 *
 * A page is known as table memory from the first ptw_port_init_entry() on; other words that the
 * primitives change are not recorded. Software MMUs are: their updates of a leaf are writes, too.
 */
#ifndef PTW_PORTS_CASEMATE_TRACE_H
#define PTW_PORTS_CASEMATE_TRACE_H

#include <ptw/config.h>

PTW_BEGIN_DECLS

/* Threads 0 to 3 load this page table into VTTBR_EL2; nothing is checked before. */
void ptw_trace_root(const struct ptw_regs *regs);

/*
 * What a flush hook does on an Arm host: DSB, TLBI, DSB. By address, as long as these are few and no
 * table was unlinked: then a range that is too short shows.
 */
void ptw_trace_flush(const struct ptw_range *ranges, unsigned int count, enum ptw_flush_kind kind,
		     unsigned int granule_lg2);

PTW_END_DECLS

#endif /* PTW_PORTS_CASEMATE_TRACE_H */

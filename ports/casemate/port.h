/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The userspace port, with every write to a table put on record for an outside checker (trace.h).
 * Built in with -Dtrace=casemate.
 */
#ifndef PTW_PORTS_CASEMATE_PORT_H
#define PTW_PORTS_CASEMATE_PORT_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

/* `op` is an enum ptw_port_op, which the port defines below. The first takes the lock under which the
 * write and its line happen, the second lets it go: lines stand in the order of the writes. */
void ptw_trace_before(unsigned int op);
void ptw_trace_wrote(unsigned int op, const uint64_t *address, bool wrote, uint64_t value);

PTW_END_DECLS

#define PTW_PORT_HOOK(op, address)		  ptw_trace_before(op)
#define PTW_PORT_WROTE(op, address, wrote, value) ptw_trace_wrote(op, address, wrote, value)

#include <ptw/port/user.h>

#endif /* PTW_PORTS_CASEMATE_PORT_H */

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the port calls around each access to a table. */
#ifndef PTW_PORTS_CASEMATE_RECORD_H
#define PTW_PORTS_CASEMATE_RECORD_H

#include <ptw/types.h>

PTW_BEGIN_DECLS

/* `op` is an enum ptw_port_op, which the port defines below. The first takes the lock under which the
 * write and its line happen, the second lets it go: lines stand in the order of the writes. */
void ptw_trace_before(unsigned int op);
void ptw_trace_wrote(unsigned int op, const uint64_t *address, bool wrote, uint64_t value);

PTW_END_DECLS

#endif /* PTW_PORTS_CASEMATE_RECORD_H */

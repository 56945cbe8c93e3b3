/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The userspace port, with every write to a table put on record for an outside checker (trace.h).
 * Built in with -Dtrace=casemate.
 */
#ifndef PTW_PORTS_CASEMATE_PORT_H
#define PTW_PORTS_CASEMATE_PORT_H

#include "ports/casemate/record.h"

#define PTW_PORT_HOOK(op, address)		  ptw_trace_before(op)
#define PTW_PORT_WROTE(op, address, wrote, value) ptw_trace_wrote(op, address, wrote, value)

#include <ptw/port/user.h>

#endif /* PTW_PORTS_CASEMATE_PORT_H */

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/**
 * @file port/usdt.h
 * Trace points of the userspace port: at each one a no-op instruction, and a note beside the code that tells tracers
 * (bpftrace, perf, gdb, SystemTap) where it is and where its three arguments are: section .note.stapsdt, version 3.
 */
#ifndef PTW_PORT_USDT_H
#define PTW_PORT_USDT_H

#include <ptw/types.h>

/** A trace point; three arguments of 64 bits. */
#define ptw_port_trace(point, a, b, c)                                         \
	__asm__ volatile("990:\tnop\n"                                         \
			 "\t.pushsection .note.stapsdt,\"?\",\"note\"\n"       \
			 "\t.balign 4\n"                                       \
			 "\t.4byte 992f-991f, 994f-993f, 3\n"                  \
			 "991:\t.asciz \"stapsdt\"\n"                          \
			 "992:\t.balign 4\n"                                   \
			 "993:\t.8byte 990b\n"                                 \
			 "\t.8byte _.stapsdt.base\n"                           \
			 "\t.8byte 0\n"                                        \
			 "\t.asciz \"libptw\"\n"                               \
			 "\t.asciz \"" #point "\"\n"                           \
			 "\t.asciz \"8@%0 8@%1 8@%2\"\n"                       \
			 "994:\t.balign 4\n"                                   \
			 "\t.popsection\n"                                     \
			 "\t.ifndef _.stapsdt.base\n"                          \
			 "\t.pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
			 "\t.weak _.stapsdt.base\n"                            \
			 "\t.hidden _.stapsdt.base\n"                          \
			 "_.stapsdt.base:\n"                                   \
			 "\t.space 1\n"                                        \
			 "\t.size _.stapsdt.base, 1\n"                         \
			 "\t.popsection\n"                                     \
			 "\t.endif\n"                                          \
			 :                                                     \
			 : "nr"((uint64_t)(a)), "nr"((uint64_t)(b)), "nr"((uint64_t)(c)))

#endif /* PTW_PORT_USDT_H */

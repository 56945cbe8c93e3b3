/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Numbers that assembly and C share: the machine's (Intel SDM vol. 3), and where things are.
 */
#ifndef PTW_HW_X86_MACHINE_H
#define PTW_HW_X86_MACHINE_H

#define CPUS	      4 /* at most */
#define STACK_LG2     15
#define TRAMPOLINE_AT 0x8000
#define APIC	      0xfee00000
#define APIC_ID	      (APIC + 0x20)

#define SEL_CODE      0x08
#define SEL_DATA      0x10
#define SEL_CODE32    0x18
#define SEL_TSS	      0x20

#define CR0_PE	      (1 << 0)
#define CR0_MP	      (1 << 1)
#define CR0_EM	      (1 << 2)
#define CR0_NE	      (1 << 5)
#define CR0_NW	      (1 << 29)
#define CR0_CD	      (1 << 30)
#define CR0_PG	      (1 << 31)
#define CR4_PAE	      (1 << 5)
#define CR4_VMXE      (1 << 13)
#define MSR_EFER      0xc0000080
#define EFER_LME      (1 << 8)

#define VMCS_HOST_RSP 0x6c14

/* What the guest does to a page. */
#define OP_LOAD	 0
#define OP_STORE 1
#define OP_FETCH 2
#define OP_ADD	 3 /* a locked read-modify-write */

/* The guest's mailbox, 8 bytes each. */
#define MAILBOX_WANTED 0
#define MAILBOX_DONE   8
#define MAILBOX_LENGTH 16
#define MAILBOX_STOP   24
#define MAILBOX_PACE   32 /* how long to wait after each access */

#endif /* PTW_HW_X86_MACHINE_H */

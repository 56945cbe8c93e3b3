/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the guest runs, in 64-bit mode, with no stack and no interrupts: all it touches but its
 * code and its own page tables is what these loops say. The page is mapped at GUEST_CODE.
 */
#include "machine.h"

	.section .guest, "ax"
	.code64
	.balign 4096
	.globl guest_page
guest_page:

/* Does the access in rax: a page's address and OP_* in the low bits. Changes rax, rbx, rdx, r8. */
.macro one_access
	movl %eax, %edx
	andl $0xfff, %edx
	andq $~0xfff, %rax
	cmpl $OP_STORE, %edx
	je 81f
	cmpl $OP_FETCH, %edx
	je 82f
	cmpl $OP_ADD, %edx
	je 83f
	movq 8(%rax), %r8
	jmp 89f
81:	movq %rdx, 8(%rax)
	jmp 89f
83:	lock incq 8(%rax)
	jmp 89f
82:	leaq 89f(%rip), %rbx
	jmp *%rax /* the page begins with jmp *%rbx */
89:
.endm

/* rsi: list, rcx: its length. Ends in VMCALL. */
	.globl guest_list
guest_list:
	testq %rcx, %rcx
	jz 2f
1:	movq (%rsi), %rax
	addq $8, %rsi
	one_access
	decq %rcx
	jnz 1b
2:	vmcall
	jmp guest_list

/*
 * rdi: mailbox { wanted round, done round, length, stop, pace }, rsi: list. Does the list once for
 * every round without ever leaving the guest; VMCALL when told to stop.
 */
	.globl guest_serve
guest_serve:
1:	cmpq $0, MAILBOX_STOP(%rdi)
	jne 4f
	movq MAILBOX_WANTED(%rdi), %r9
	cmpq %r9, MAILBOX_DONE(%rdi)
	jne 2f
	pause
	jmp 1b
2:	movq MAILBOX_LENGTH(%rdi), %rcx
	movq %rsi, %r10
	testq %rcx, %rcx
	jz 9f
3:	movq (%r10), %rax
	addq $8, %r10
	one_access
	movq MAILBOX_PACE(%rdi), %r11
5:	decq %r11
	jns 5b
	decq %rcx
	jnz 3b
9:	movq %r9, MAILBOX_DONE(%rdi)
	jmp 1b
4:	vmcall
	jmp guest_serve

/*
 * rdi: mailbox, rbp: first page, r12: pages - 1 (a mask), r13: seed. Adds one to a counter in pages
 * chosen by a linear congruential generator until told to stop, and tells in rax how often.
 */
	.globl guest_storm
guest_storm:
	xorl %eax, %eax
	movabsq $6364136223846793005, %r14
1:	imulq %r14, %r13
	incq %r13
	movq %r13, %rbx
	shrq $33, %rbx
	andq %r12, %rbx
	shlq $12, %rbx
	incq 16(%rbp,%rbx)
	incq %rax
	cmpq $0, MAILBOX_STOP(%rdi)
	je 1b
	vmcall
	jmp guest_storm

	.section .note.GNU-stack, "", @progbits

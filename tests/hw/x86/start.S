/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * From 32-bit mode to C in long mode, for the first processor and, through a trampoline in low
 * memory, for the others; interrupt stubs; and the two ways into and out of a guest.
 */
#include "machine.h"

	.section .start, "ax"
	.code32
	.globl payload_start
payload_start:
	/* Only the first processor comes here, once. */
	cld
	movl $bss_start, %edi
	movl $bss_end, %ecx
	subl %edi, %ecx
	xorl %eax, %eax
	rep stosb

	/* Host tables: 4 GiB one to one, in 2-MiB pages. */
	movl $(host_pdpt + 3), host_pml4
	movl $(host_pd + 3), %eax
	movl $host_pdpt, %edi
	movl $4, %ecx
1:	movl %eax, (%edi)
	addl $4096, %eax
	addl $8, %edi
	loop 1b
	movl $0x83, %eax
	movl $host_pd, %edi
	movl $2048, %ecx
2:	movl %eax, (%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 2b

	/* The trampoline, without which no other processor could start. */
	movl $trampoline, %esi
	movl $TRAMPOLINE_AT, %edi
	movl $(trampoline_end - trampoline), %ecx
	rep movsb
	jmp enter_long_mode

	.globl enter_long_mode
enter_long_mode:
	lgdtl gdt_pointer
	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %fs
	movl %eax, %gs
	movl %eax, %ss
	movl %cr4, %eax
	orl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $host_pml4, %eax
	movl %eax, %cr3
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME, %eax
	wrmsr
	movl %cr0, %eax
	andl $~(CR0_CD | CR0_NW | CR0_EM), %eax
	orl $(CR0_PG | CR0_NE | CR0_MP | CR0_PE), %eax
	movl %eax, %cr0
	ljmpl $SEL_CODE, $long_mode

	.code64
long_mode:
	movl $APIC_ID, %eax
	movl (%rax), %edi
	shrl $24, %edi
	movl %edi, %eax
	incl %eax
	shll $STACK_LG2, %eax
	leaq stacks(%rax), %rsp
	xorl %ebp, %ebp
	call cpu_main
3:	hlt
	jmp 3b

	/* Copied to TRAMPOLINE_AT, entered in real mode with CS = TRAMPOLINE_AT / 16. */
	.code16
trampoline:
	cli
	xorw %ax, %ax
	movw %ax, %ds
	lgdtl TRAMPOLINE_AT + trampoline_gdt_pointer - trampoline
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $SEL_CODE32, $(TRAMPOLINE_AT + trampoline32 - trampoline)
	.code32
trampoline32:
	movl $SEL_DATA, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $enter_long_mode, %eax
	jmp *%eax
	.balign 4
trampoline_gdt_pointer:
	.word gdt_end - gdt - 1
	.long gdt
trampoline_end:

	.code64
	.text

	/*
	 * int vmx_enter(uint64_t guest[16], int resume): 0 after an exit, 1 if the entry failed.
	 * guest: rax rbx rcx rdx rsi rdi rbp - r8 to r15.
	 */
	.globl vmx_enter
vmx_enter:
	pushq %rbx
	pushq %rbp
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	pushq %rdi
	movl $VMCS_HOST_RSP, %eax
	vmwrite %rsp, %rax
	jna 2f
	cmpl $0, %esi
	movq 0(%rdi), %rax
	movq 8(%rdi), %rbx
	movq 16(%rdi), %rcx
	movq 24(%rdi), %rdx
	movq 32(%rdi), %rsi
	movq 48(%rdi), %rbp
	movq 64(%rdi), %r8
	movq 72(%rdi), %r9
	movq 80(%rdi), %r10
	movq 88(%rdi), %r11
	movq 96(%rdi), %r12
	movq 104(%rdi), %r13
	movq 112(%rdi), %r14
	movq 120(%rdi), %r15
	movq 40(%rdi), %rdi
	jne 1f
	vmlaunch
	jmp 2f
1:	vmresume
2:	movl $1, %eax
	addq $8, %rsp
	jmp 3f

	.globl vmx_exit
vmx_exit:
	xchgq %rdi, (%rsp)
	movq %rax, 0(%rdi)
	movq %rbx, 8(%rdi)
	movq %rcx, 16(%rdi)
	movq %rdx, 24(%rdi)
	movq %rsi, 32(%rdi)
	movq %rbp, 48(%rdi)
	movq %r8, 64(%rdi)
	movq %r9, 72(%rdi)
	movq %r10, 80(%rdi)
	movq %r11, 88(%rdi)
	movq %r12, 96(%rdi)
	movq %r13, 104(%rdi)
	movq %r14, 112(%rdi)
	movq %r15, 120(%rdi)
	popq %rax
	movq %rax, 40(%rdi)
	xorl %eax, %eax
3:	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %rbp
	popq %rbx
	cld
	ret

	/* An exit by NMI leaves NMIs blocked until the next IRET. */
	.globl nmi_unblock
nmi_unblock:
	movq %rsp, %rax
	pushq $SEL_DATA
	pushq %rax
	pushfq
	pushq $SEL_CODE
	leaq 1f(%rip), %rax
	pushq %rax
	iretq
1:	ret

	.globl nmi_entry
nmi_entry:
	pushq %rax
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %rbp
	movq %rsp, %rbp
	andq $-16, %rsp
	cld
	call nmi_handler
	movq %rbp, %rsp
	popq %rbp
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rax
	iretq

	/* Every other vector is the end: 32 stubs of 16 bytes. */
	.balign 16
	.globl trap_stubs
trap_stubs:
	.set vector, 0
	.rept 32
	.balign 16
	pushq $vector
	jmp trap_common
	.set vector, vector + 1
	.endr
trap_common:
	popq %rdi
	movq %rsp, %rsi
	andq $-16, %rsp
	call trap_handler

	.data
	.balign 8
	.globl gdt
gdt:
	.quad 0
	.quad 0x00af9a000000ffff /* SEL_CODE: 64 bits */
	.quad 0x00cf92000000ffff /* SEL_DATA */
	.quad 0x00cf9a000000ffff /* SEL_CODE32 */
	.quad 0		 /* SEL_TSS, 16 bytes, filled in by C; VM entries want a task register */
	.quad 0
gdt_end:
gdt_pointer:
	.word gdt_end - gdt - 1
	.quad gdt

	.bss
	.balign 4096
	.globl host_pml4
host_pml4:
	.skip 4096
host_pdpt:
	.skip 4096
host_pd:
	.skip 4 * 4096
stacks:
	.skip CPUS << STACK_LG2

	.section .note.GNU-stack, "", @progbits

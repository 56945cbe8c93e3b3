/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Where the CPUs begin, the way into the guest and back, and the guest itself.
 */
#include "offsets.h"

	.section .text.start, "ax"
	.globl hw_start
hw_start:
	mrs	x19, mpidr_el1
	and	x19, x19, #0xff
	adrp	x0, hw_stacks
	add	x0, x0, :lo12:hw_stacks
	add	x1, x19, #1
	mov	x2, #HW_STACK_BYTES
	madd	x0, x1, x2, x0
	mov	sp, x0
	adrp	x0, hw_vectors
	add	x0, x0, :lo12:hw_vectors
	msr	vbar_el2, x0
	isb
	mov	x0, x19
	bl	hw_begin
1:	wfi
	b	1b

/*
 * void hw_guest_enter(struct hw_vcpu *vcpu)
 * Runs the guest till its next exception to EL2. The guest uses x0 to x7 and x30 only.
 */
	.text
	.globl hw_guest_enter
hw_guest_enter:
	stp	x29, x30, [sp, #-96]!
	stp	x19, x20, [sp, #16]
	stp	x21, x22, [sp, #32]
	stp	x23, x24, [sp, #48]
	stp	x25, x26, [sp, #64]
	stp	x27, x28, [sp, #80]
	msr	tpidr_el2, x0
	ldr	x1, [x0, #VCPU_PC]
	msr	elr_el2, x1
	mov	x1, #0x3c5		// EL1h, DAIF masked
	msr	spsr_el2, x1
	mov	x8, x0
	ldr	x30, [x8, #VCPU_LR]
	ldp	x6, x7, [x8, #VCPU_X + 48]
	ldp	x4, x5, [x8, #VCPU_X + 32]
	ldp	x2, x3, [x8, #VCPU_X + 16]
	ldp	x0, x1, [x8, #VCPU_X]
	eret

	.macro	slot target
	.balign	0x80
	b	\target
	.endm

	.balign	0x800
hw_vectors:
	slot	hw_own_fault
	slot	hw_own_fault
	slot	hw_own_fault
	slot	hw_own_fault
	slot	hw_own_fault
	slot	hw_own_fault
	slot	hw_own_fault
	slot	hw_own_fault
	slot	hw_guest_leave		// from EL1: synchronous
	slot	hw_own_fault
	slot	hw_own_fault
	slot	hw_own_fault
	slot	hw_own_fault
	slot	hw_own_fault
	slot	hw_own_fault
	slot	hw_own_fault

hw_guest_leave:
	mrs	x8, tpidr_el2
	stp	x0, x1, [x8, #VCPU_X]
	stp	x2, x3, [x8, #VCPU_X + 16]
	stp	x4, x5, [x8, #VCPU_X + 32]
	stp	x6, x7, [x8, #VCPU_X + 48]
	str	x30, [x8, #VCPU_LR]
	mrs	x0, elr_el2
	str	x0, [x8, #VCPU_PC]
	mrs	x0, esr_el2
	str	x0, [x8, #VCPU_ESR]
	mrs	x0, far_el2
	str	x0, [x8, #VCPU_FAR]
	mrs	x0, hpfar_el2
	str	x0, [x8, #VCPU_HPFAR]
	ldp	x27, x28, [sp, #80]
	ldp	x25, x26, [sp, #64]
	ldp	x23, x24, [sp, #48]
	ldp	x21, x22, [sp, #32]
	ldp	x19, x20, [sp, #16]
	ldp	x29, x30, [sp], #96
	ret

hw_own_fault:
	mrs	x0, esr_el2
	mrs	x1, elr_el2
	mrs	x2, far_el2
	bl	hw_died
1:	wfi
	b	1b

/*
 * The guest: does what x2 says at address x0, tells, waits for the next order. x1: value to store,
 * or the value loaded. Position independent, without stage 1: its addresses are intermediate
 * physical ones.
 */
	.section .guest, "ax"
	.globl hw_guest_code
hw_guest_code:
	cmp	x2, #HW_STORE
	b.eq	1f
	cmp	x2, #HW_FETCH
	b.eq	2f
	cmp	x2, #HW_ADD
	b.eq	3f
	cmp	x2, #HW_SWEEP
	b.eq	5f
	ldr	x1, [x0]
	b	4f
1:	str	x1, [x0]
	b	4f
2:	blr	x0			// a RET stands there
	b	4f
3:	ldxr	x3, [x0]
	add	x3, x3, x1
	stxr	w4, x3, [x0]
	cbnz	w4, 3b
	b	4f
5:	str	x1, [x0]
	add	x0, x0, #4096
	sub	x3, x3, #1
	cbnz	x3, 5b
4:	hvc	#0
	b	hw_guest_code

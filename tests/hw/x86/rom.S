/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A ROM of 1 MiB that ends at 4 GiB: the reset vector, the way to protected mode, and the payload,
 * which is copied to RAM and entered there. No BIOS, no disk, no loader.
 */
#define PAYLOAD_AT 0x100000
#define CODE32	   0x08
#define DATA32	   0x10

	.section .payload, "a"
	.globl payload
payload:
	.incbin "payload.bin"
payload_end:

	/* The last 64 KiB: all that real mode reaches from the reset vector. */
	.section .boot, "ax"
	.code16
boot16:
	cli
	/* CS has its base at 0xffff0000 still, which is where this section begins. */
	lgdtl %cs:(gdt_pointer - boot16)
	movl %cr0, %eax
	orl $1, %eax
	movl %eax, %cr0
	ljmpl $CODE32, $boot32

	.code32
boot32:
	movl $DATA32, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	cld
	movl $payload, %esi
	movl $PAYLOAD_AT, %edi
	movl $payload_end, %ecx
	subl %esi, %ecx
	addl $3, %ecx
	shrl $2, %ecx
	rep movsl
	movl $PAYLOAD_AT, %eax
	jmp *%eax

	.balign 8
gdt:
	.quad 0
	.quad 0x00cf9a000000ffff /* code, 32 bits, flat */
	.quad 0x00cf92000000ffff /* data, flat */
gdt_pointer:
	.word . - gdt - 1
	.long gdt

	.section .reset, "ax"
	.code16
	jmp boot16
	.balign 16, 0xff

	.section .note.GNU-stack, "", @progbits

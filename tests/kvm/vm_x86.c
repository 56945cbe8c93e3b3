/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* 32-bit protected mode without paging: guest physical addresses, and no tables of its own. */
#include "vm.h"

#include <linux/kvm.h>
#include <string.h>
#include <sys/ioctl.h>

/* ebx: list, edi: control. */
__asm__(".pushsection .rodata\n"
	".code32\n"
	".globl vm_program, vm_program_end\n"
	"vm_program:\n"
	"1:	mov	%ebx, %esi\n"
	"2:	mov	(%esi), %eax\n"
	"	add	$4, %esi\n"
	"	test	%eax, %eax\n"
	"	jz	4f\n"
	"	test	$1, %al\n"
	"	jnz	3f\n"
	"	mov	(%eax), %edx\n"
	"	jmp	2b\n"
	"3:	dec	%eax\n"
	"	mov	%eax, (%eax)\n"
	"	jmp	2b\n"
	"4:	incl	4(%edi)\n"
	"	cmpl	$0, (%edi)\n"
	"	je	1b\n"
	"	out	%al, $0x10\n"
	"	jmp	1b\n"
	"vm_program_end:\n"
	".code64\n"
	".popsection\n");

void vm_setup_vcpu(struct vm *vm, uint32_t program, uint32_t list, uint32_t control)
{
	struct kvm_segment flat = {
		.limit = 0xffffffff, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1,
		.selector = 16,
	};
	/* Interrupts on, though there are none: with them off, Bochs keeps the host's away, too. */
	struct kvm_regs regs = {.rip = program, .rbx = list, .rdi = control, .rflags = 0x202};
	struct kvm_sregs sregs;

	if (ioctl(vm->vcpu, KVM_GET_SREGS, &sregs) < 0)
		die("KVM_GET_SREGS");
	sregs.ds = sregs.es = sregs.fs = sregs.gs = sregs.ss = flat;
	flat.type = 11;
	flat.selector = 8;
	sregs.cs = flat;
	sregs.cr0 |= 1;
	if (ioctl(vm->vcpu, KVM_SET_SREGS, &sregs) < 0)
		die("KVM_SET_SREGS");
	if (ioctl(vm->vcpu, KVM_SET_REGS, &regs) < 0)
		die("KVM_SET_REGS");
}

bool vm_done(const struct vm *vm)
{
	return vm->run->exit_reason == KVM_EXIT_IO && vm->run->io.port == DONE_PORT;
}

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * EL1 with the MMU off. Its accesses go past the caches then, which no emulator minds; on a real
 * processor without FEAT_S2FWB the list would have to be cleaned to memory first.
 */
#include "vm.h"

#include <linux/kvm.h>
#include <stddef.h>
#include <sys/ioctl.h>

/* x0: list, x1: control, x5: where a store ends the round. */
__asm__(".pushsection .rodata\n"
	".balign 4\n"
	".globl vm_program, vm_program_end\n"
	"vm_program:\n"
	"1:	mov	x2, x0\n"
	"2:	ldr	w3, [x2]\n"
	"	add	x2, x2, #4\n"
	"	cbz	w3, 4f\n"
	"	tbnz	w3, #0, 3f\n"
	"	ldr	w4, [x3]\n"
	"	b	2b\n"
	"3:	sub	w3, w3, #1\n"
	"	str	w3, [x3]\n"
	"	b	2b\n"
	"4:	ldr	w4, [x1, #4]\n"
	"	add	w4, w4, #1\n"
	"	str	w4, [x1, #4]\n"
	"	ldr	w4, [x1]\n"
	"	cbz	w4, 1b\n"
	"	str	w4, [x5]\n"
	"	b	1b\n"
	"vm_program_end:\n"
	".popsection\n");

static void set_register(struct vm *vm, size_t offset, uint64_t value)
{
	struct kvm_one_reg reg = {
		.id = KVM_REG_ARM64 | KVM_REG_SIZE_U64 | KVM_REG_ARM_CORE | offset / 4,
		.addr = (uint64_t)(uintptr_t)&value,
	};

	if (ioctl(vm->vcpu, KVM_SET_ONE_REG, &reg) < 0)
		die("KVM_SET_ONE_REG");
}

void vm_setup_vcpu(struct vm *vm, uint32_t program, uint32_t list, uint32_t control)
{
	struct kvm_vcpu_init init;

	if (ioctl(vm->fd, KVM_ARM_PREFERRED_TARGET, &init) < 0)
		die("KVM_ARM_PREFERRED_TARGET");
	if (ioctl(vm->vcpu, KVM_ARM_VCPU_INIT, &init) < 0)
		die("KVM_ARM_VCPU_INIT");
	set_register(vm, offsetof(struct kvm_regs, regs.pc), program);
	set_register(vm, offsetof(struct kvm_regs, regs.regs[0]), list);
	set_register(vm, offsetof(struct kvm_regs, regs.regs[1]), control);
	set_register(vm, offsetof(struct kvm_regs, regs.regs[5]), DONE_AT);
}

bool vm_done(const struct vm *vm)
{
	return vm->run->exit_reason == KVM_EXIT_MMIO && vm->run->mmio.phys_addr == DONE_AT;
}

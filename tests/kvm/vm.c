/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "vm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* No round takes so long, even under two emulators. */
#define ROUND_SECONDS 240

void die(const char *what)
{
	printf("not ok - %s: %s\n", what, strerror(errno));
	fflush(stdout);
	_exit(1);
}

static void set_region(const struct vm *vm, int number, const struct vm_slot *s, uint64_t first,
		       uint64_t pages)
{
	struct kvm_userspace_memory_region region = {
		.slot = (uint32_t)number,
		.guest_phys_addr = s->at + first * PAGE,
		.memory_size = pages * PAGE,
		.userspace_addr = (uint64_t)(uintptr_t)s->memory + first * PAGE,
	};

	if (ioctl(vm->fd, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		die("memory slot");
}

void vm_slot_set(struct vm *vm, int slot, bool there)
{
	struct vm_slot *s = &vm->slot[slot];
	uint64_t first = slot == SLOT_SMALL ? SMALL_SPLIT : s->pages;

	set_region(vm, slot, s, 0, there ? first : 0);
	if (first < s->pages)
		set_region(vm, SLOTS + slot, s, first, there ? s->pages - first : 0);
	s->there = there;
}

/* Memory aligned to a block, so that blocks of the guest can be blocks of the host. */
static void add_slot(struct vm *vm, int slot, uint32_t at, uint64_t pages, int advice)
{
	struct vm_slot *s = &vm->slot[slot];
	uint64_t bytes = pages * PAGE;
	uintptr_t memory = (uintptr_t)mmap(NULL, bytes + BLOCK, PROT_READ | PROT_WRITE,
					   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == (uintptr_t)MAP_FAILED)
		die("memory of the guest");
	s->memory = (uint8_t *)((memory + BLOCK - 1) & ~(BLOCK - 1));
	if (madvise(s->memory, bytes, advice) < 0)
		die("madvise");
	memset(s->memory, 1, bytes);
	s->at = at;
	s->pages = pages;
	vm_slot_set(vm, slot, true);
}

static void add_vcpu(struct vm *vm, unsigned long number)
{
	int bytes = ioctl(vm->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);

	vm->vcpu = ioctl(vm->fd, KVM_CREATE_VCPU, number);
	if (vm->vcpu < 0)
		die("KVM_CREATE_VCPU");
	vm->run = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_SHARED, vm->vcpu, 0);
	if (bytes < 0 || vm->run == MAP_FAILED)
		die("vCPU state");
	vm_setup_vcpu(vm, CONTROL_AT + (uint32_t)(PROGRAM_PAGE * PAGE),
		      CONTROL_AT + (uint32_t)(LIST_PAGE * PAGE), CONTROL_AT);
}

void vm_create(struct vm *vm, uint64_t small_pages, uint64_t huge_pages)
{
	uint8_t *control;

	memset(vm, 0, sizeof(*vm));
	vm->kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm->kvm < 0)
		die("/dev/kvm");
	vm->fd = ioctl(vm->kvm, KVM_CREATE_VM, 0);
	if (vm->fd < 0)
		die("KVM_CREATE_VM");
	add_slot(vm, SLOT_CONTROL, CONTROL_AT, CONTROL_PAGES, MADV_NOHUGEPAGE);
	add_slot(vm, SLOT_SMALL, SMALL_AT, small_pages, MADV_NOHUGEPAGE);
	add_slot(vm, SLOT_HUGE, HUGE_AT, huge_pages, MADV_HUGEPAGE);
	control = vm->slot[SLOT_CONTROL].memory;
	memset(control, 0, CONTROL_PAGES * PAGE);
	memcpy(control + PROGRAM_PAGE * PAGE, vm_program, (size_t)(vm_program_end - vm_program));
	vm->control = (struct control *)control;
	vm->list = (uint32_t *)(control + LIST_PAGE * PAGE);

	add_vcpu(vm, 0);
	vm_list_begin(vm);
	vm_once(vm);
	vm->parked = vm->vcpu;
	add_vcpu(vm, 1);
}

void vm_destroy(struct vm *vm)
{
	vm_stop(vm);
	close(vm->vcpu);
	close(vm->parked);
	close(vm->fd);
	close(vm->kvm);
}

void vm_list_begin(struct vm *vm)
{
	vm->list_length = 0;
	vm->list[0] = 0;
}

void vm_list_add(struct vm *vm, uint32_t address, bool write)
{
	if (vm->list_length == LIST_ROOM)
		die("the guest's list is full");
	vm->list[vm->list_length++] = address | (write ? LIST_WRITE : 0);
	vm->list[vm->list_length] = 0;
}

/* Accesses to addresses without memory end here too; they read as zero and go on. */
static void run_until_done(struct vm *vm)
{
	do {
		if (ioctl(vm->vcpu, KVM_RUN, 0) < 0 && errno != EINTR && errno != EAGAIN)
			die("KVM_RUN");
		if (vm->run->exit_reason != KVM_EXIT_MMIO && vm->run->exit_reason != KVM_EXIT_IO &&
		    vm->run->exit_reason != KVM_EXIT_INTR) {
			fprintf(stderr, "exit reason %u\n", vm->run->exit_reason);
			die("the guest has stopped");
		}
	} while (!vm_done(vm));
}

void vm_once(struct vm *vm)
{
	vm->control->stop = 1;
	run_until_done(vm);
}

static void *run_thread(void *context)
{
	run_until_done(context);
	return NULL;
}

void vm_whole_round(struct vm *vm)
{
	uint32_t before = vm->control->rounds;
	time_t end = time(NULL) + ROUND_SECONDS;

	/* The round that is on its way began before; the next one is whole. */
	while (vm->control->rounds - before < 2) {
		if (time(NULL) > end) {
			errno = ETIMEDOUT;
			die("the guest does not get on");
		}
		usleep(500);
	}
}

void vm_start(struct vm *vm)
{
	vm->control->stop = 0;
	if (pthread_create(&vm->thread, NULL, run_thread, vm))
		die("vCPU thread");
	vm->runs = true;
	vm_whole_round(vm);
}

void vm_stop(struct vm *vm)
{
	if (!vm->runs)
		return;
	vm->control->stop = 1;
	pthread_join(vm->thread, NULL);
	vm->runs = false;
}

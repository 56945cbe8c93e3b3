/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Runs beside the module kvm-age on a machine with KVM: makes a guest whose every access is known, and
 * compares what the library reads in KVM's tables with what KVM answers page by page, and with what
 * the guest did. Prints "ok - TEXT" and "not ok - TEXT"; tests/kvm/run.sh numbers them.
 *
 * usage: kvm-checks PATH_OF_KVM_AGE     all checks
 *        kvm-checks wrong               with a library that has a wrong accessed bit: must be noticed
 *        kvm-checks unfit               KVM was told to make page tables that cannot be aged
 *        kvm-checks hold                says "held" and has a machine until it is killed
 */
#include "checks.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* How much faster than page by page a harvest must be: an alarm, far from what is seen. */
#define FASTER 4
/* Turns of which the best one counts, and as many as it takes where others disturb: up to so many. */
#define TURNS	   3
#define TURNS_MOST 60

static void check_slot(struct vm *vm, struct vm_slot *s, const char *name, uint32_t touches)
{
	static struct pages expected, control, found, again;
	struct vm_slot *c = &vm->slot[SLOT_CONTROL];
	struct kvm_age_scan harvest;
	char text[200];

	memset(&expected, 0xff, sizeof(expected));
	touch_all(vm, s);
	compare(s, name, "after the guest touched all", &expected);

	harvest = scan(KVM_AGE_HARVEST, s, KVM_AGE_EXACT, &found);
	snprintf(text, sizeof(text), "%s: the harvest reports %" PRIu64 " young pages in %" PRIu64
		 " leaves", name, (uint64_t)harvest.young, (uint64_t)harvest.extents);
	say(harvest.young == s->pages && !differences(&found, &expected, s) &&
		    harvest.extents == (s == &vm->slot[SLOT_HUGE] ? s->pages * PAGE / BLOCK : s->pages),
	    text);
	memset(&expected, 0, sizeof(expected));
	compare(s, name, "after the harvest", &expected);

	make_old(vm);
	memset(&control, 0, sizeof(control));
	vm_list_begin(vm);
	for (uint32_t i = 0; i < touches; i++)
		touch(vm, s, draw((uint32_t)s->pages), &expected);
	expect_control(vm, &control);
	vm_once(vm);
	compare(s, name, "after it touched some", &expected);
	compare(c, "its program and list", "after that", &control);

	/* The other way round: what KVM has cleared, the library finds old. */
	scan(KVM_AGE_ASK_KVM, s, KVM_AGE_EXACT, &again);
	memset(&expected, 0, sizeof(expected));
	compare(s, name, "after KVM has cleared", &expected);
}

static bool refused(unsigned long command, void *argument, int error)
{
	if (ioctl(device, command, argument) < 0 && errno == error)
		return true;
	printf("# request %lx: want %s, got %s\n", command, strerror(error), strerror(errno));
	return false;
}

/* `ia_bits`: width of a guest physical address. */
static void check_refusals(const struct vm *vm, unsigned int ia_bits)
{
	const uint64_t end = (uint64_t)1 << (ia_bits - 12);
	/* In bytes, the last three are 2^64, an address with a sign, and half behind the end. */
	struct kvm_age_scan odd = {.page = 1, .pages = 64}, none = {.page = 64},
			    nowhere = {.page = CONTROL_AT / PAGE, .pages = 64}, flags = nowhere,
			    beyond[] = {{.page = (uint64_t)1 << 50, .pages = 64},
					{.page = (uint64_t)1 << 52, .pages = 64},
					{.page = ((uint64_t)1 << 52) - end / 2, .pages = 64},
					{.page = end - 64, .pages = 128}},
			    last = {.page = end - 64, .pages = 64};
	struct kvm_age_attach again = {.vm_fd = vm->fd}, wrong = {.vm_fd = 1}, no = {.vm_fd = -1};
	int attached = device;
	bool good = true;
	uint64_t word[2];

	flags.flags = 64;
	good &= refused(KVM_AGE_ATTACH, &again, EBUSY);
	good &= refused(KVM_AGE_HARVEST, &odd, EINVAL);
	good &= refused(KVM_AGE_HARVEST, &none, EINVAL);
	good &= refused(KVM_AGE_HARVEST, &flags, EINVAL);
	for (unsigned int i = 0; i < 4; i++) {
		beyond[i].bitmap = (uint64_t)(uintptr_t)word;
		good &= refused(KVM_AGE_HARVEST, &beyond[i], ERANGE);
		good &= refused(KVM_AGE_ASK_KVM, &beyond[i], ERANGE);
	}
	last.bitmap = (uint64_t)(uintptr_t)word;
	good &= !ioctl(device, KVM_AGE_HARVEST, &last) && !word[0];
	good &= refused(KVM_AGE_HARVEST, &nowhere, EFAULT);
	good &= refused(0, NULL, ENOTTY);
	device = open("/dev/kvm-age", O_RDWR | O_CLOEXEC);
	good &= refused(KVM_AGE_HARVEST, &nowhere, ENXIO);
	good &= refused(KVM_AGE_ATTACH, &wrong, EINVAL);
	good &= refused(KVM_AGE_ATTACH, &no, EBADF);
	close(device);
	device = attached;
	say(good, "the device refuses 17 wrong requests, each with its own error");
}

/* b / a with one decimal place. */
static const char *ratio(uint64_t a, uint64_t b, char text[24])
{
	uint64_t tenths = b * 10 / (a ? a : 1);

	snprintf(text, 24, "%" PRIu64 ".%" PRIu64, tenths / 10, tenths % 10);
	return text;
}

/* The library's pass over both slots, and KVM's over the same; the best one each. */
static void check_time(struct vm *vm, uint32_t flags, const char *what)
{
	static const unsigned long command[2] = {KVM_AGE_HARVEST, KVM_AGE_ASK_KVM};
	uint64_t best[SLOTS][2], young[2], ours = 0, theirs = 0;
	char text[250], all[24], small[24], huge[24];
	static struct pages p;

	memset(best, 0xff, sizeof(best));
	for (int turn = 0; turn < TURNS || (turn < TURNS_MOST && ours * FASTER >= theirs); turn++) {
		for (int who = 0; who < 2; who++) {
			make_old(vm);
			touch_all(vm, &vm->slot[SLOT_SMALL]);
			touch_all(vm, &vm->slot[SLOT_HUGE]);
			young[who] = 0;
			for (int i = SLOT_SMALL; i <= SLOT_HUGE; i++) {
				struct kvm_age_scan s = scan(command[who], &vm->slot[i], flags, &p);

				best[i][who] = s.ns < best[i][who] ? s.ns : best[i][who];
				young[who] += s.young;
			}
		}
		ours = best[SLOT_SMALL][0] + best[SLOT_HUGE][0];
		theirs = best[SLOT_SMALL][1] + best[SLOT_HUGE][1];
	}
	/* Clearing, KVM tells a block young at its first page. */
	if (!(flags & KVM_AGE_PEEK))
		young[1] += HUGE_PAGES - HUGE_PAGES * PAGE / BLOCK;
	snprintf(text, sizeof(text),
		 "%s %d young pages: harvest %" PRIu64 " us, KVM page by page %" PRIu64
		 " us: %s times as fast (4K %s, 2M %s)",
		 what, SMALL_PAGES + HUGE_PAGES, ours / 1000, theirs / 1000,
		 ratio(ours, theirs, all), ratio(best[SLOT_SMALL][0], best[SLOT_SMALL][1], small),
		 ratio(best[SLOT_HUGE][0], best[SLOT_HUGE][1], huge));
	say(young[0] == SMALL_PAGES + HUGE_PAGES && young[0] == young[1] &&
		    ours * FASTER < theirs, text);
	printf("# both in the same run, and under an emulator: a ratio, not a speed\n");
}

static void check_wrong(struct vm *vm)
{
	static struct pages ours, theirs;
	static const char *const name[] = {NULL, "4K", "2M"};
	char text[200];

	for (int i = SLOT_SMALL; i <= SLOT_HUGE; i++) {
		struct vm_slot *s = &vm->slot[i];
		uint64_t differ;

		/* Young and old, and clean and dirty, in every mixture. */
		touch_all(vm, s);
		scan(KVM_AGE_ASK_KVM, s, KVM_AGE_EXACT, &theirs);
		vm_list_begin(vm);
		for (uint32_t n = 0; n < s->pages * PAGE / BLOCK; n++)
			touch(vm, s, draw((uint32_t)s->pages), NULL);
		vm_once(vm);
		scan(KVM_AGE_HARVEST, s, KVM_AGE_PEEK, &ours);
		scan(KVM_AGE_ASK_KVM, s, KVM_AGE_PEEK, &theirs);
		differ = differences(&ours, &theirs, s);
		snprintf(text, sizeof(text),
			 "%s: a library with a wrong accessed bit is noticed: %" PRIu64
			 " pages compared, %" PRIu64 " differences",
			 name[i], s->pages, differ);
		say(differ, text);
	}
}

static __attribute__((noreturn)) void hold(void)
{
	int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);

	if (kvm < 0 || ioctl(kvm, KVM_CREATE_VM, 0) < 0)
		die("the machine that is held");
	puts("held");
	fflush(stdout);
	while (true)
		pause();
}

int main(int argc, char **argv)
{
	struct kvm_age_attach about;
	struct vm vm;

	if (argc != 2) {
		fprintf(stderr, "usage: %s PATH_OF_KVM_AGE | wrong | unfit | hold\n", argv[0]);
		return 2;
	}
	if (!strcmp(argv[1], "hold"))
		hold();
	watch_begin();
	vm_create(&vm, SMALL_PAGES, HUGE_PAGES);
	vm_list_begin(&vm);
	vm_once(&vm);
	device = open("/dev/kvm-age", O_RDWR | O_CLOEXEC);
	if (device < 0)
		die("/dev/kvm-age");
	about = (struct kvm_age_attach){.vm_fd = vm.fd};
	if (!strcmp(argv[1], "unfit")) {
		say(refused(KVM_AGE_ATTACH, &about, EOPNOTSUPP),
		    "a machine whose page tables cannot be aged is refused");
		vm_destroy(&vm);
		return 0;
	}
	if (ioctl(device, KVM_AGE_ATTACH, &about) < 0)
		die("KVM_AGE_ATTACH");
	if (!strcmp(argv[1], "wrong")) {
		check_wrong(&vm);
	} else {
		printf("# %s, layout %s, %u levels, root %#llx, %s\n", about.format, about.layout,
		       about.levels, (unsigned long long)about.root,
		       about.lockless ? "lockless: walks under RCU alone"
				      : "under KVM's mmu_lock for read, section by section");
		check_slot(&vm, &vm.slot[SLOT_SMALL], "4K", SUBSET);
		check_slot(&vm, &vm.slot[SLOT_HUGE], "2M", 12);
		check_race(&vm, &vm.slot[SLOT_SMALL], "4K", 4 * SUBSET);
		check_race(&vm, &vm.slot[SLOT_HUGE], "2M", 32);
		check_program(&vm, argv[1]);
		check_program_judge(&vm, argv[1]);
		check_time(&vm, KVM_AGE_PEEK, "looking at");
		check_time(&vm, 0, "clearing");
		check_refusals(&vm, about.ia_bits);
		check_parked(&vm);
		check_memory_goes(&vm, about.lockless);
	}
	vm_destroy(&vm);
	printf("kvm-checks: done\n");
	return 0;
}

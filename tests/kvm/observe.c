/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "checks.h"

#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/*
 * No check takes so long, even under two emulators; more than a round of the guest may take, and less than the
 * guest may say nothing (scripts/lib/kernel.sh).
 */
#define CHECK_SECONDS 360

int device;
static uint32_t random_state = 12345;
static char last_check[200] = "none"; /* its text, cut off */

uint32_t draw(uint32_t below)
{
	random_state = random_state * 1664525 + 1013904223;
	return (uint32_t)(((uint64_t)random_state * below) >> 32);
}

static void put(const char *text)
{
	if (write(STDOUT_FILENO, text, strlen(text)) < 0)
		_exit(1);
}

/* Whatever is waited for has not come. What the processors do goes to the kernel's log. */
static void on_alarm(int number)
{
	int trigger = open("/proc/sysrq-trigger", O_WRONLY | O_CLOEXEC);

	(void)number;
	put("not ok - the checks get on; for minutes none has ended since: ");
	put(last_check);
	put("\n");
	if (trigger < 0 || write(trigger, "l", 1) < 0 || write(trigger, "w", 1) < 0)
		put("# the kernel does not say what it does\n");
	_exit(1);
}

void watch_begin(void)
{
	signal(SIGALRM, on_alarm);
	alarm(CHECK_SECONDS);
}

void say(bool good, const char *text)
{
	printf("%s - %s\n", good ? "ok" : "not ok", text);
	fflush(stdout);
	snprintf(last_check, sizeof(last_check), "%s", text);
	alarm(CHECK_SECONDS);
}

struct kvm_age_scan scan(unsigned long command, const struct vm_slot *s, uint32_t flags,
			 struct pages *p)
{
	struct kvm_age_scan scan = {
		.page = s->at / PAGE,
		.pages = s->pages,
		.bitmap = (uint64_t)(uintptr_t)p->word,
		.flags = flags,
	};

	if (ioctl(device, command, &scan) < 0)
		die(command == KVM_AGE_HARVEST ? "KVM_AGE_HARVEST" : "KVM_AGE_ASK_KVM");
	return scan;
}

void make_old(const struct vm *vm)
{
	struct pages p;

	for (int i = 0; i < SLOTS; i++)
		scan(KVM_AGE_HARVEST, &vm->slot[i], KVM_AGE_EXACT, &p);
}

void compare(const struct vm_slot *s, const char *name, const char *when,
	     const struct pages *expected)
{
	static struct pages ours, theirs;
	uint64_t wrong = 0, differ;
	char text[200];

	scan(KVM_AGE_HARVEST, s, KVM_AGE_PEEK, &ours);
	scan(KVM_AGE_ASK_KVM, s, KVM_AGE_PEEK, &theirs);
	differ = differences(&ours, &theirs, s);
	if (expected)
		wrong = differences(&ours, expected, s);
	snprintf(text, sizeof(text),
		 "%s, %s: %" PRIu64 " pages compared with KVM, %" PRIu64 " young, %" PRIu64
		 " differences%s",
		 name, when, s->pages, count(&ours, s), differ,
		 !expected ? "" : wrong ? "; not the pages the guest touched" : "; exactly those touched");
	say(!differ && !wrong, text);
	if (wrong)
		printf("# %" PRIu64 " pages differ from what the guest touched\n", wrong);
}

void touch(struct vm *vm, const struct vm_slot *s, uint64_t page, struct pages *expected)
{
	uint64_t extent = s == &vm->slot[SLOT_HUGE] ? BLOCK / PAGE : 1;
	uint64_t first = page / extent * extent;

	vm_list_add(vm, s->at + (uint32_t)(page * PAGE) + draw(1000) * 4, draw(2));
	if (expected)
		for (uint64_t i = 0; i < extent; i++)
			set_page(expected, first + i);
}

void expect_control(const struct vm *vm, struct pages *expected)
{
	set_page(expected, 0);
	set_page(expected, PROGRAM_PAGE);
	for (uint64_t i = 0; i <= vm->list_length; i++)
		set_page(expected, LIST_PAGE + i * 4 / PAGE);
}

void touch_all(struct vm *vm, const struct vm_slot *s)
{
	vm_list_begin(vm);
	for (uint64_t page = 0; page < s->pages; page++)
		touch(vm, s, page, NULL);
	vm_once(vm);
}

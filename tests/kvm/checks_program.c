/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What the program kvm-age says of this process's guest. */
#include "checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A number behind `key` in JSON; -1: not there. */
static int64_t number_after(const char *json, const char *key)
{
	const char *at = strstr(json, key);

	return at ? strtoll(at + strlen(key), NULL, 10) : -1;
}

/*
 * The program: 3000 pages are touched, then 300 of them again and again during five scans. The first
 * one finds all, the others those.
 */
void check_program(struct vm *vm, const char *program)
{
	static struct pages first, more, control;
	static char json[8192];
	struct vm_slot *s = &vm->slot[SLOT_SMALL];
	int64_t now, then, never, want_now, want_then, want_never;
	char command[200], text[250];
	FILE *pipe;
	size_t n;

	memset(&first, 0, sizeof(first));
	memset(&more, 0, sizeof(more));
	memset(&control, 0, sizeof(control));
	make_old(vm);
	vm_list_begin(vm);
	for (unsigned int i = 0; i < 3000; i++)
		touch(vm, s, 1000 + i, &first);
	vm_once(vm);
	make_old(vm);
	vm_once(vm);
	expect_control(vm, &control);
	want_then = (int64_t)count(&control, &vm->slot[SLOT_CONTROL]);
	memset(&control, 0, sizeof(control));
	vm_list_begin(vm);
	for (unsigned int i = 0; i < 300; i++)
		touch(vm, s, 1000 + i * 7, &more);
	expect_control(vm, &control);
	vm_start(vm);
	snprintf(command, sizeof(command), "%s --json --exact --scans 5 --interval 1 %d", program,
		 (int)getpid());
	pipe = popen(command, "r");
	n = pipe ? fread(json, 1, sizeof(json) - 1, pipe) : 0;
	json[n] = 0;
	if (!pipe || pclose(pipe))
		die("kvm-age");
	vm_stop(vm);

	want_now = (int64_t)count(&control, &vm->slot[SLOT_CONTROL]);
	want_then += (int64_t)count(&first, s) - 300 - want_now;
	want_now += (int64_t)count(&more, s);
	want_never = CONTROL_PAGES + SMALL_PAGES + HUGE_PAGES - want_now - want_then;
	now = number_after(json, "\"age\": 0, \"pages\": ");
	then = number_after(json, "\"age\": 4, \"pages\": ");
	never = number_after(json, "\"age\": 255, \"pages\": ");
	snprintf(text, sizeof(text),
		 "kvm-age, five scans of the running guest: %" PRId64 " pages in use, %" PRId64
		 " idle for four scans, %" PRId64 " never used",
		 now, then, never);
	say(now == want_now && then == want_then && never == want_never, text);
	if (now != want_now || then != want_then || never != want_never)
		printf("# want %" PRId64 ", %" PRId64 ", %" PRId64 "\n%s\n", want_now, want_then,
		       want_never, json);
}

/* What it prints as a judge, of a guest that rests: once to be read here, once to be shown. */
void check_program_judge(struct vm *vm, const char *program)
{
	static struct pages some, control;
	static char json[8192];
	const char *answer;
	char command[200], text[250];
	const int64_t leaves = CONTROL_PAGES + SMALL_PAGES + HUGE_PAGES * PAGE / BLOCK;
	int64_t differ, kvm_young, entries, want;
	FILE *pipe;
	size_t n;

	memset(&some, 0, sizeof(some));
	memset(&control, 0, sizeof(control));
	make_old(vm);
	vm_list_begin(vm);
	for (unsigned int i = 0; i < 2000; i++)
		touch(vm, &vm->slot[SLOT_SMALL], draw(SMALL_PAGES), &some);
	expect_control(vm, &control);
	vm_once(vm);
	want = (int64_t)(count(&some, &vm->slot[SLOT_SMALL]) +
			 count(&control, &vm->slot[SLOT_CONTROL]));
	snprintf(command, sizeof(command), "%s --json --exact --judge --scans 1 %d", program,
		 (int)getpid());
	pipe = popen(command, "r");
	n = pipe ? fread(json, 1, sizeof(json) - 1, pipe) : 0;
	json[n] = 0;
	if (!pipe || pclose(pipe))
		die("kvm-age --judge");
	/* Slots meet in the middle of a word: one that is scanned for each of them is read twice. */
	entries = number_after(json, "\"entries\": ");
	answer = strstr(json, "\"judge\"");
	differ = answer ? number_after(answer, "\"differences\": ") : -1;
	kvm_young = answer ? number_after(answer, "\"kvm_young\": ") : -1;
	snprintf(text, sizeof(text),
		 "kvm-age --judge, the guest at rest: %d pages compared, %" PRId64
		 " young by KVM, %" PRId64 " differences; %" PRId64 " leaves read by the scan, of %" PRId64,
		 CONTROL_PAGES + SMALL_PAGES + HUGE_PAGES, kvm_young, differ, entries, leaves);
	say(!differ && kvm_young == want && entries == leaves, text);
	vm_once(vm);
	printf("# kvm-age --scans 3 --interval 0.2 --exact --judge\n");
	fflush(stdout);
	snprintf(command, sizeof(command),
		 "%s --scans 3 --interval 0.2 --exact --judge %d | sed 's/^/#  /'", program,
		 (int)getpid());
	if (system(command))
		die("kvm-age");
}

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "locked.h"

#if defined(__x86_64__)

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

/* A single call is some hundred instructions. */
#define STEPS_MAX 1000000u

/* What is counted lies between the calls of these; not the same, or they might become one. */
__attribute__((noinline)) static void begin_here(void)
{
	__asm__ __volatile__("# begin");
}

__attribute__((noinline)) static void end_here(void)
{
	__asm__ __volatile__("# end");
}

__attribute__((noreturn)) static void child(void (*run)(void *context), void *context)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) || raise(SIGSTOP))
		_exit(1);
	begin_here();
	run(context);
	end_here();
	_exit(0);
}

/*
 * A LOCK prefix, or an XCHG with memory, which is always locked (Intel SDM vol. 3A, "Bus Locking").
 * Prefixes come in any order, REX last.
 */
static bool is_locked(const unsigned char *code)
{
	static const unsigned char prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0x2e,
						 0x36, 0x3e, 0x26, 0x64, 0x65};

	while (memchr(prefixes, *code, sizeof(prefixes)))
		code++;
	if (*code == 0xf0)
		return true;
	if ((*code & 0xf0) == 0x40)
		code++;
	return (*code == 0x86 || *code == 0x87) && code[1] >> 6 != 3;
}

/* One instruction of the stopped child; false: it cannot be looked at. */
static bool look(pid_t pid, uint64_t rip, bool *locked)
{
	/* The longest instruction has 15 bytes. */
	unsigned char code[16];
	long word;

	for (unsigned int i = 0; i < 2; i++) {
		errno = 0;
		word = ptrace(PTRACE_PEEKTEXT, pid, (void *)(uintptr_t)(rip + 8 * i), NULL);
		if (word == -1 && errno)
			return false;
		memcpy(code + 8 * i, &word, 8);
	}
	*locked = is_locked(code);
	return true;
}

static int follow(pid_t pid)
{
	struct user_regs_struct regs;
	bool counting = false;
	int count = 0;
	int status;

	for (unsigned int i = 0; i < STEPS_MAX; i++) {
		bool locked;

		if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status) ||
		    ptrace(PTRACE_GETREGS, pid, NULL, &regs))
			return -1;
		if (regs.rip == (uintptr_t)begin_here)
			counting = true;
		if (regs.rip == (uintptr_t)end_here)
			return counting ? count : -1;
		if (counting) {
			if (!look(pid, regs.rip, &locked))
				return -1;
			count += locked;
		}
		if (ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL))
			return -1;
	}
	return -1;
}

int locked_count(void (*run)(void *context), void *context)
{
	pid_t pid = fork();
	int status;
	int count;

	if (pid < 0)
		return -1;
	if (!pid)
		child(run, context);
	count = follow(pid);
	/* It may be over already. */
	kill(pid, SIGKILL);
	waitpid(pid, &status, 0);
	return count;
}

#else

int locked_count(void (*run)(void *context), void *context)
{
	(void)run;
	(void)context;
	return -1;
}

#endif

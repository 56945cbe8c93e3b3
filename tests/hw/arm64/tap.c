/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Lines on the serial port: a test is "ok" or "not ok" by whether anything failed since it began.
 */
#include "hw.h"

#define UART_DATA 0x09000000ul

unsigned int hw_failures;

static const char *test_name;
static unsigned int test_failures;
static struct ptw_bare_lock say_lock;

static void put(char c)
{
	*(volatile uint32_t *)UART_DATA = (unsigned char)c;
}

static void put_text(const char *s)
{
	while (*s)
		put(*s++);
}

static void put_number(uint64_t v, unsigned int base)
{
	char digits[24];
	unsigned int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	while (n)
		put(digits[--n]);
}

/* %s, %d, %u, %x, %lu, %lx. */
static void say_args(const char *f, __builtin_va_list args)
{
	for (; *f; f++) {
		bool wide = false;
		int64_t d;

		if (*f != '%') {
			put(*f);
			continue;
		}
		f++;
		if (*f == 'l') {
			wide = true;
			f++;
		}
		switch (*f) {
		case 's':
			put_text(__builtin_va_arg(args, const char *));
			break;
		case 'd':
			d = __builtin_va_arg(args, int);
			if (d < 0)
				put('-');
			put_number((uint64_t)(d < 0 ? -d : d), 10);
			break;
		default:
			put_number(wide ? __builtin_va_arg(args, uint64_t) :
					  __builtin_va_arg(args, unsigned int),
				   *f == 'x' ? 16 : 10);
			break;
		}
	}
}

void hw_say(const char *format, ...)
{
	__builtin_va_list args;

	ptw_bare_lock(&say_lock);
	__builtin_va_start(args, format);
	say_args(format, args);
	__builtin_va_end(args);
	ptw_bare_unlock(&say_lock);
}

void hw_begin_test(const char *name)
{
	test_name = name;
	test_failures = 0;
}

/* The first few say enough. */
void hw_fail(const char *format, ...)
{
	__builtin_va_list args;

	if (test_failures++ >= 8)
		return;
	ptw_bare_lock(&say_lock);
	put_text("# ");
	put_text(test_name);
	put_text(": ");
	__builtin_va_start(args, format);
	say_args(format, args);
	__builtin_va_end(args);
	put('\n');
	ptw_bare_unlock(&say_lock);
}

void hw_end_test(const char *format, ...)
{
	__builtin_va_list args;

	ptw_bare_lock(&say_lock);
	put_text(test_failures ? "not ok - " : "ok - ");
	put_text(test_name);
	put_text(": ");
	__builtin_va_start(args, format);
	say_args(format, args);
	__builtin_va_end(args);
	put('\n');
	ptw_bare_unlock(&say_lock);
	if (test_failures)
		hw_failures++;
}

void hw_skip(const char *name, const char *why)
{
	hw_say("ok - %s # SKIP %s\n", name, why);
}

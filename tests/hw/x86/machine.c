/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Output, traps and processors. Wakes the others by INIT and SIPI (SDM vol. 3A, "MP
 * Initialization").
 */
#include <stdarg.h>

#include "bare.h"

#define PORT_DEBUG    0xe9
#define PORT_SHUTDOWN 0x8900
#define APIC_SVR      (APIC + 0xf0)
#define APIC_ICR_LOW  (APIC + 0x300)
#define APIC_ICR_HIGH (APIC + 0x310)
#define ICR_NMI	      0x4400u
#define ICR_INIT_ALL  0xc4500u /* all but self, assert */
#define ICR_SIPI_ALL  0xc4600u
#define ICR_PENDING   0x1000u

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint16_t type;
	uint16_t offset_middle;
	uint32_t offset_high;
	uint32_t reserved;
} __attribute__((packed));

struct job {
	void (*run)(void *argument);
	void *argument;
	uint32_t given; /* jobs given; the release store of cpu_give() is read with acquire */
	uint32_t done;	/* jobs done; the release store of cpu_main() is read with acquire */
};

extern const char trap_stubs[], nmi_entry[];
extern uint64_t gdt[];

void cpu_main(unsigned int cpu);
void trap_handler(uint64_t vector, const uint64_t *stack);
void main_tests(void);

static struct gate idt[32] __attribute__((aligned(16)));
static uint8_t tss[104] __attribute__((aligned(16)));
static struct job jobs[CPUS];
static uint32_t cpus_up;

static void out8(uint16_t port, uint8_t value)
{
	__asm__ volatile("outb %0, %1" ::"a"(value), "Nd"(port));
}

static volatile uint32_t *apic(uint64_t address)
{
	return (volatile uint32_t *)address;
}

static void say_number(uint64_t value, unsigned int base, bool minus)
{
	char digits[24];
	int n = 0;

	if (minus)
		out8(PORT_DEBUG, '-');
	do {
		digits[n++] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	while (n)
		out8(PORT_DEBUG, (uint8_t)digits[--n]);
}

/* Knows %s, %d, %u, %lu, %lx, %x. Processor 0 only: lines would mix. */
void say(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	for (const char *p = format; *p; p++) {
		bool wide;

		if (*p != '%') {
			out8(PORT_DEBUG, (uint8_t)*p);
			continue;
		}
		p++;
		wide = *p == 'l';
		if (wide)
			p++;
		if (*p == 's') {
			for (const char *s = va_arg(arguments, const char *); *s; s++)
				out8(PORT_DEBUG, (uint8_t)*s);
		} else if (*p == 'd') {
			int value = va_arg(arguments, int);

			say_number(value < 0 ? -(uint64_t)value : (uint64_t)value, 10, value < 0);
		} else {
			uint64_t value = wide ? va_arg(arguments, uint64_t) :
						va_arg(arguments, unsigned int);

			say_number(value, *p == 'x' ? 16 : 10, false);
		}
	}
	va_end(arguments);
}

void stop(void)
{
	for (const char *s = "Shutdown"; *s; s++)
		out8(PORT_SHUTDOWN, (uint8_t)*s);
	for (;;)
		__asm__ volatile("cli; hlt");
}

void trap_handler(uint64_t vector, const uint64_t *stack)
{
	say("Bail out! trap %lu on CPU %u, stack %lx %lx %lx\n", vector, cpu_self(), stack[0],
	    stack[1], stack[2]);
	stop();
}

static void set_gate(unsigned int vector, const char *handler)
{
	const uint64_t at = (uint64_t)handler;

	idt[vector] = (struct gate){
		.offset_low = (uint16_t)at,
		.selector = SEL_CODE,
		.type = 0x8e00, /* present interrupt gate */
		.offset_middle = (uint16_t)(at >> 16),
		.offset_high = (uint32_t)(at >> 32),
	};
}

static void set_traps(void)
{
	const uint64_t at = (uint64_t)tss;

	for (unsigned int vector = 0; vector < 32; vector++)
		set_gate(vector, trap_stubs + vector * 16);
	set_gate(2, nmi_entry);
	/* Nobody switches to its stacks: one for all processors is enough. */
	gdt[SEL_TSS / 8] =
		(sizeof(tss) - 1) | (at & 0xffffff) << 16 | 0x89ull << 40 | (at >> 24 & 0xff) << 56;
	gdt[SEL_TSS / 8 + 1] = at >> 32;
}

static void load_traps(void)
{
	struct {
		uint16_t limit;
		uint64_t base;
	} __attribute__((packed)) pointer = {sizeof(idt) - 1, (uint64_t)idt};

	__asm__ volatile("lidt %0" ::"m"(pointer));
}

unsigned int cpu_self(void)
{
	return *apic(APIC_ID) >> 24;
}

static void icr(unsigned int cpu, uint32_t command)
{
	*apic(APIC_ICR_HIGH) = cpu << 24;
	*apic(APIC_ICR_LOW) = command;
	while (*apic(APIC_ICR_LOW) & ICR_PENDING)
		relax();
}

void cpu_nmi(unsigned int cpu)
{
	icr(cpu, ICR_NMI);
}

/* Returns how many processors there are: those that have come up once nobody comes any more. */
unsigned int cpu_start_all(void)
{
	uint32_t seen;

	*apic(APIC_SVR) = 0x1ff;
	icr(0, ICR_INIT_ALL);
	for (unsigned int i = 0; i < 10000; i++)
		relax();
	icr(0, ICR_SIPI_ALL | TRAMPOLINE_AT >> 12);
	do {
		seen = __atomic_load_n(&cpus_up, __ATOMIC_ACQUIRE);
		for (unsigned int i = 0; i < 100000; i++)
			relax();
	} while (seen != __atomic_load_n(&cpus_up, __ATOMIC_ACQUIRE));
	return seen;
}

void cpu_give(unsigned int cpu, void (*run)(void *), void *argument)
{
	jobs[cpu].run = run;
	jobs[cpu].argument = argument;
	__atomic_store_n(&jobs[cpu].given, jobs[cpu].given + 1, __ATOMIC_RELEASE);
}

bool cpu_done(unsigned int cpu)
{
	return __atomic_load_n(&jobs[cpu].done, __ATOMIC_ACQUIRE) == jobs[cpu].given;
}

void cpu_wait(unsigned int cpu)
{
	while (!cpu_done(cpu))
		relax();
}

void cpu_main(unsigned int cpu)
{
	struct job *job = &jobs[cpu];

	if (cpu == 0)
		set_traps();
	load_traps();
	__asm__ volatile("ltr %w0" ::"r"(SEL_TSS));
	/* Loading it marks the descriptor as busy; the next processor wants it free again. */
	__atomic_store_n((uint8_t *)&gdt[SEL_TSS / 8] + 5, 0x89, __ATOMIC_RELAXED);
	*apic(APIC_SVR) = 0x1ff;
	vmx_on();
	__atomic_add_fetch(&cpus_up, 1, __ATOMIC_ACQ_REL);
	if (cpu == 0) {
		main_tests();
		stop();
	}
	for (;;) {
		while (__atomic_load_n(&job->given, __ATOMIC_ACQUIRE) == job->done)
			relax();
		job->run(job->argument);
		__atomic_store_n(&job->done, job->done + 1, __ATOMIC_RELEASE);
	}
}

/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "guest.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "ram.h"
#include "report.h"
#include "say.h"

/* Where an arm64 machine of QEMU (virt) has its RAM; of others QEMU tells plugins places in RAM. */
#define VIRT_RAM UINT64_C(0x40000000)

/* Steps between two files with counters. */
#define METRICS_EVERY 10u

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

uint64_t guest_ms(const struct guest *guest)
{
	return (now_ns() - guest->began) / 1000000;
}

void guest_step(struct guest *guest)
{
	struct ptw_group_state state = {.size = sizeof(state)};
	struct history_now now = {.instructions = guest->instructions, .ms = guest_ms(guest)};
	const uint64_t began = now_ns();

	memset(guest->young, 0, guest->machine.pages / 8);
	if (!machine_step(&guest->machine, guest->young))
		abort();
	ptw_group_state(guest->machine.group, &state);
	now.resident = state.resident;
	now.refaults = guest->machine.refaults;
	now.evicted = guest->machine.evicted;
	history_step(&guest->history, guest->young, &now);
	guest->step_ns += now_ns() - began;
	if (guest->options.metrics && guest->history.steps % METRICS_EVERY == 0)
		report_metrics_file(guest);
}

static void *steps(void *context)
{
	struct guest *guest = context;

	ptw_thread_register();
	for (;;) {
		usleep(guest->options.interval * 1000);
		pthread_mutex_lock(&guest->machine.lock);
		guest_step(guest);
		pthread_mutex_unlock(&guest->machine.lock);
	}
	return NULL;
}

/* QEMU's signals are QEMU's. */
static bool start_thread(struct guest *guest)
{
	pthread_t thread;
	sigset_t all, old;
	int ret;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&thread, NULL, steps, guest);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret)
		say("no thread for ageing: %s", strerror(ret));
	return !ret;
}

bool guest_create(struct guest *guest, unsigned int processors)
{
	const bool arm64 = strcmp(guest->target, "aarch64") == 0;
	struct machine_config config = {.format = arm64 ? "arm64-s2-4k" : "ept4",
					.target = guest->options.target};
	struct ram ram;

	guest->began = now_ns();
	guest->fetches = ram_find(&ram);
	guest->ram = ram.start;
	if (!guest->options.ram)
		guest->options.ram = ram.bytes;
	if (!guest->options.ram) {
		say("where the guest's RAM lies is not known; give QEMU -object "
		    "memory-backend-memfd,id=ram,size=512M -machine memory-backend=ram, or the "
		    "plugin ram=512M, which leaves instruction fetches out");
		return false;
	}
	config.pages = guest->options.ram >> PAGE_SHIFT & ~UINT64_C(63);
	guest->young = calloc(config.pages / 64 + 1, sizeof(*guest->young));
	if (!guest->young || !config.pages || !history_create(&guest->history, config.pages)) {
		say("not enough memory for a guest of %llu bytes",
		    (unsigned long long)guest->options.ram);
		return false;
	}
	if (!machine_create(&guest->machine, &config) ||
	    !vcpus_create(&guest->vcpus, &guest->machine, processors))
		return false;
	guest->vcpus.ram_base = arm64 ? VIRT_RAM : 0;
	guest->vcpus.verify = guest->options.verify;
	guest->next = guest->options.every;
	return !guest->options.interval || start_thread(guest);
}

void guest_slice(struct guest *guest, struct vcpu *cpu)
{
	const uint64_t now =
		__atomic_add_fetch(&guest->instructions, cpu->instructions, __ATOMIC_RELAXED);

	cpu->instructions = 0;
	if (!guest->options.every || now < __atomic_load_n(&guest->next, __ATOMIC_RELAXED))
		return;
	pthread_mutex_lock(&guest->machine.lock);
	if (guest->instructions >= guest->next) {
		guest_step(guest);
		__atomic_store_n(&guest->next, guest->next + guest->options.every,
				 __ATOMIC_RELAXED);
	}
	pthread_mutex_unlock(&guest->machine.lock);
}

void guest_mark(struct guest *guest, const char *text)
{
	pthread_mutex_lock(&guest->machine.lock);
	history_mark(&guest->history, guest->instructions, guest_ms(guest), text);
	pthread_mutex_unlock(&guest->machine.lock);
}

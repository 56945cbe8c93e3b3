/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "guest.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Debian 12's libc has no wrappers for both. */
static int open_process(int pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

static int take_fd(int process, int fd)
{
	return (int)syscall(SYS_pidfd_getfd, process, fd, 0);
}

static int complain(const char *what)
{
	fprintf(stderr, "kvm-age: %s: %s\n", what, strerror(errno));
	return -1;
}

/* The number that process `pid` knows its virtual machine by. */
static int find_machine(int pid)
{
	char path[64], target[64];
	struct dirent *entry;
	int found = -1;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	if (!dir)
		return complain(path);
	while ((entry = readdir(dir))) {
		ssize_t n = readlinkat(dirfd(dir), entry->d_name, target, sizeof(target) - 1);

		if (n < 0)
			continue;
		target[n] = 0;
		if (strcmp(target, "anon_inode:kvm-vm"))
			continue;
		if (found >= 0) {
			fprintf(stderr,
				"kvm-age: process %d has several virtual machines; name one by "
				"--fd: ls -l %s shows them as anon_inode:kvm-vm\n",
				pid, path);
			closedir(dir);
			return -1;
		}
		found = atoi(entry->d_name);
	}
	closedir(dir);
	if (found < 0)
		fprintf(stderr, "kvm-age: process %d has no virtual machine\n", pid);
	return found;
}

int guest_open(struct guest *g, int pid, int vm_fd)
{
	int process, ret;

	memset(g, 0, sizeof(*g));
	if (vm_fd < 0)
		vm_fd = find_machine(pid);
	if (vm_fd < 0)
		return -1;
	g->device = open("/dev/kvm-age", O_RDWR | O_CLOEXEC);
	if (g->device < 0) {
		complain("/dev/kvm-age");
		fprintf(stderr, "kvm-age: load the modules first, as root: libptw, then kvm-age\n");
		return -1;
	}
	process = open_process(pid);
	if (process < 0)
		return complain("pidfd_open");
	g->about.vm_fd = take_fd(process, vm_fd);
	close(process);
	if (g->about.vm_fd < 0)
		return complain("pidfd_getfd");
	vm_fd = g->about.vm_fd;
	ret = ioctl(g->device, KVM_AGE_ATTACH, &g->about);
	if (ret < 0)
		complain(errno == EINVAL       ? "that is no virtual machine"
			 : errno == EAGAIN     ? "the guest has not run yet"
			 : errno == EOPNOTSUPP ? "its page tables have no accessed bits"
					       : "attach");
	close(vm_fd);
	return ret;
}

static void forget_slots(struct guest *g)
{
	for (uint32_t i = 0; i < g->run_count; i++) {
		free(g->runs[i].young);
		free(g->runs[i].kvm);
		free(g->runs[i].member);
		free(g->runs[i].age.last);
	}
	free(g->runs);
	free(g->slots);
	g->runs = NULL;
	g->slots = NULL;
	g->count = g->run_count = 0;
}

void guest_close(struct guest *g)
{
	forget_slots(g);
	if (g->device > 0)
		close(g->device);
}

/* How many slots from `slots` on, of `count`, make up one run. */
static uint32_t run_length(const struct kvm_age_slot *slots, uint32_t count)
{
	uint32_t n = 1;

	while (n < count && slots[n].page / 64 <= (slots[n - 1].page + slots[n - 1].pages) / 64)
		n++;
	return n;
}

static int begin_run(struct run_ages *r, const struct kvm_age_slot *slots, uint32_t count)
{
	uint64_t words;
	uint8_t *bytes;

	r->first = slots[0].page & ~(uint64_t)63;
	r->pages = slots[count - 1].page + slots[count - 1].pages - r->first;
	words = (r->pages + 63) / 64;
	r->young = calloc(words, sizeof(*r->young));
	r->kvm = calloc(words, sizeof(*r->kvm));
	r->member = calloc(words, sizeof(*r->member));
	bytes = malloc(r->pages);
	if (!r->young || !r->kvm || !r->member || !bytes) {
		free(bytes);
		return complain("ages of the pages");
	}
	for (uint32_t n = 0; n < count; n++) {
		uint64_t from = slots[n].page - r->first;

		for (uint64_t i = from; i < from + slots[n].pages; i++)
			r->member[i / 64] |= (uint64_t)1 << (i % 64);
	}
	return ptw_age_init(&r->age, bytes, r->pages);
}

/* The list as it is now; *count entries, to be freed. */
static struct kvm_age_slot *read_slots(const struct guest *g, uint32_t *count)
{
	struct kvm_age_slot *list = NULL, *more;
	struct kvm_age_slots ask = {0};

	do {
		more = realloc(list, (ask.room + 1) * sizeof(*list));
		if (!more)
			break;
		list = more;
		*count = ask.room;
		ask.slots = (uint64_t)(uintptr_t)list;
		if (ioctl(g->device, KVM_AGE_SLOTS, &ask) < 0)
			break;
		if (ask.room <= *count) {
			*count = ask.room;
			return list;
		}
	} while (true);
	complain("memory slots");
	free(list);
	return NULL;
}

/* Ages of the slots in g->slots, which begin now. */
static int begin_runs(struct guest *g)
{
	g->runs = calloc(g->count + 1, sizeof(*g->runs));
	if (!g->runs)
		return complain("memory slots");
	for (uint32_t i = 0, length; i < g->count; i += length) {
		length = run_length(&g->slots[i], g->count - i);
		if (begin_run(&g->runs[g->run_count++], &g->slots[i], length) < 0)
			return -1;
	}
	return 0;
}

int guest_slots(struct guest *g, bool *changed)
{
	uint32_t count = 0;
	struct kvm_age_slot *list = read_slots(g, &count);

	if (!list)
		return -1;
	*changed = !g->slots || count != g->count || memcmp(list, g->slots, count * sizeof(*list));
	if (!*changed) {
		free(list);
		return 0;
	}
	forget_slots(g);
	g->slots = list;
	g->count = count;
	return begin_runs(g);
}

/* One call for one run; the bitmap is cut to its slots. Returns young pages, -1 for an error. */
static int64_t scan_run(const struct guest *g, struct run_ages *r, unsigned long command,
			uint32_t flags, uint64_t *bitmap, struct kvm_age_scan *scan)
{
	int64_t young = 0;

	*scan = (struct kvm_age_scan){
		.page = r->first,
		.pages = r->pages,
		.bitmap = (uint64_t)(uintptr_t)bitmap,
		.flags = flags,
	};
	if (ioctl(g->device, command, scan) < 0)
		return complain(command == KVM_AGE_HARVEST ? "harvest" : "asking KVM");
	for (uint64_t w = 0; w < (r->pages + 63) / 64; w++) {
		bitmap[w] &= r->member[w];
		young += __builtin_popcountll(bitmap[w]);
	}
	return young;
}

int guest_scan(struct guest *g, uint32_t flags, struct scan_sum *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (uint32_t i = 0; i < g->run_count; i++) {
		struct run_ages *r = &g->runs[i];
		struct kvm_age_scan scan;
		int64_t young = scan_run(g, r, KVM_AGE_HARVEST, flags, r->young, &scan);

		if (young < 0)
			return -1;
		ptw_age_advance(&r->age);
		ptw_age_mark_bitmap(&r->age, 0, r->young, (r->pages + 63) / 64);
		sum->young += (uint64_t)young;
		sum->entries += scan.entries;
		sum->busy += scan.busy;
		sum->calls += scan.calls;
		sum->ns += scan.ns;
	}
	return 0;
}

int guest_compare(struct guest *g, struct scan_sum *sum)
{
	memset(sum, 0, sizeof(*sum));
	for (uint32_t i = 0; i < g->run_count; i++) {
		struct run_ages *r = &g->runs[i];
		struct kvm_age_scan ours, theirs;
		int64_t young = scan_run(g, r, KVM_AGE_HARVEST, KVM_AGE_PEEK, r->young, &ours);
		int64_t kvm_young = scan_run(g, r, KVM_AGE_ASK_KVM, KVM_AGE_PEEK, r->kvm, &theirs);

		if (young < 0 || kvm_young < 0)
			return -1;
		for (uint64_t w = 0; w < (r->pages + 63) / 64; w++)
			sum->differences += (uint64_t)__builtin_popcountll(r->young[w] ^ r->kvm[w]);
		sum->young += (uint64_t)young;
		sum->kvm_young += (uint64_t)kvm_young;
		sum->entries += ours.entries;
		sum->calls += theirs.calls;
		sum->ns += ours.ns;
		sum->kvm_ns += theirs.ns;
	}
	return 0;
}

void guest_histogram(const struct guest *g, uint64_t histogram[PTW_AGE_MAX + 1])
{
	uint64_t of_run[PTW_AGE_MAX + 1];

	memset(histogram, 0, (PTW_AGE_MAX + 1) * sizeof(*histogram));
	for (uint32_t i = 0; i < g->run_count; i++) {
		ptw_age_histogram(&g->runs[i].age, g->runs[i].member, of_run);
		for (unsigned int age = 0; age <= PTW_AGE_MAX; age++)
			histogram[age] += of_run[age];
	}
}

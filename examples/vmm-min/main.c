/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A VMM in one file: a guest in /dev/kvm, its memory described to libptw by a slot, KVM's dirty log
 * as an MMU that somebody else asks (ptw/mmu.h, "remote"), and what a VMM wants that for first:
 * copying the memory of a guest that goes on writing, in rounds until little is left (pre-copy live
 * migration). The copy is compared at the end.
 *
 * The log is KVM's bitmap, or with --log ring its dirty ring: entries in the order in which pages
 * were written, as PML of x86 and HDBSS of arm64 have it. Both end in the same function, dirty_since().
 */
#include <ptw/ptw.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGES  8192u /* 32 MiB */
#define SIZE   ((size_t)PAGES << 12)
#define RING   65536u /* bytes of the dirty ring: 4096 entries */
#define ROUNDS 30u
#define FEW    64u /* pages: so few are left for when the guest stands */

static const char help[] =
	"usage: vmm-min [--log bitmap|ring] [--hot PAGES] [--json]\n"
	"Runs a guest of 32 MiB under KVM, and copies its memory while it writes, as live migration does.\n"
	"  --log bitmap|ring  where KVM tells dirty pages (bitmap)\n"
	"  --hot PAGES        the guest writes to so many pages, a power of two up to 4096 (32)\n"
	"  --json             one object instead of a table\n"
	"Exit status: 0 the copy is right, 1 it is not, 2 it could not run, 77 no KVM here.\n"
	"Example: vmm-min --log ring --hot 256\n";

/*
 * The guest, flat 32-bit code at address 0: eax = eax * 1664525 + 1013904223 draws a page of the
 * mask at 0xff8 (times 4096, and from page 16 on); eax is written to it; the count at 0xff0 goes up.
 */
static const uint8_t code[] = {
	0x69, 0xc0, 0x0d, 0x66, 0x19, 0x00, /* imul eax, eax, 1664525 */
	0x05, 0x5f, 0xf3, 0x6e, 0x3c,	    /* add eax, 1013904223 */
	0x89, 0xc2,			    /* mov edx, eax */
	0x23, 0x15, 0xf8, 0x0f, 0x00, 0x00, /* and edx, [0xff8] */
	0x89, 0x82, 0x00, 0x00, 0x01, 0x00, /* mov [edx + 0x10000], eax */
	0xff, 0x05, 0xf0, 0x0f, 0x00, 0x00, /* inc dword [0xff0] */
	0xeb, 0xdf,			    /* jmp to the beginning */
};

static struct {
	int kvm, vm, vcpu;
	uint8_t *memory; /* the guest's */
	uint8_t *copy;	 /* what has been sent */
	struct kvm_run *run;
	struct kvm_dirty_gfn *ring; /* null: the bitmap */
	uint32_t next;		    /* entry of the ring */
	pthread_mutex_t lock;	    /* of pending */
	uint64_t pending[PAGES / 64];
	pthread_t thread;
	atomic_bool stop, stopped;
} vm;

static void give_up(const char *what)
{
	fprintf(stderr, "vmm-min: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void bad_usage(const char *word)
{
	fprintf(stderr, "vmm-min: bad option or value '%s'; --help lists what there is\n", word);
	exit(2);
}

static int control(int fd, unsigned long request, void *argument, const char *what)
{
	const int ret = ioctl(fd, request, argument);

	if (ret < 0)
		give_up(what);
	return ret;
}

/* What the log has is noted in `pending`, with the lock. False: a ring without entries. */
static bool read_log(void)
{
	uint64_t bits[PAGES / 64] = { 0 };
	struct kvm_dirty_log log = { .slot = 0, .dirty_bitmap = bits };
	bool any = false;

	if (!vm.ring) {
		control(vm.vm, KVM_GET_DIRTY_LOG, &log, "KVM_GET_DIRTY_LOG");
		for (unsigned int i = 0; i < PAGES / 64; i++)
			vm.pending[i] |= bits[i];
		return true;
	}
	for (;;) {
		struct kvm_dirty_gfn *entry = &vm.ring[vm.next % (RING / sizeof(*entry))];

		/* Acquire; partner: the kernel's release of the flag, after offset. */
		if (!(__atomic_load_n(&entry->flags, __ATOMIC_ACQUIRE) & KVM_DIRTY_GFN_F_DIRTY))
			break;
		vm.pending[entry->offset / 64] |= (uint64_t)1 << entry->offset % 64;
		__atomic_store_n(&entry->flags, KVM_DIRTY_GFN_F_RESET, __ATOMIC_RELEASE);
		vm.next++;
		any = true;
	}
	/* The pages are protected again; what is written from now on is told again. */
	if (any)
		control(vm.vm, KVM_RESET_DIRTY_RINGS, NULL, "KVM_RESET_DIRTY_RINGS");
	return any;
}

/* The MMU's one operation: what was written to words of 64 frames since this was last asked. */
static int dirty_since(void *context, struct ptw_mmu_ask *ask)
{
	(void)context;
	pthread_mutex_lock(&vm.lock);
	read_log();
	for (uint64_t word = ask->start / 64; word < ask->end / 64; word++) {
		const uint64_t dirty = vm.pending[word];

		ask->dirty[word - ask->start / 64] |= dirty;
		ask->dirty_pages += (unsigned int)__builtin_popcountll(dirty);
		vm.pending[word] = 0;
	}
	pthread_mutex_unlock(&vm.lock);
	return PTW_OK;
}

static void kick(int signal)
{
	(void)signal;
}

static void *vcpu(void *context)
{
	unsigned int empty = 0;

	(void)context;
	while (!atomic_load(&vm.stop)) {
		if (ioctl(vm.vcpu, KVM_RUN, NULL) && errno != EINTR)
			give_up("KVM_RUN");
		if (vm.run->exit_reason == KVM_EXIT_DIRTY_RING_FULL) {
			pthread_mutex_lock(&vm.lock);
			empty = read_log() ? 0 : empty + 1;
			pthread_mutex_unlock(&vm.lock);
			/* It may have been emptied by the other thread just then, but not always. */
			if (empty > 1000) {
				fputs("vmm-min: the dirty ring is full, and has nothing in it: this KVM let it "
				      "run over; --log bitmap works\n",
				      stderr);
				exit(2);
			}
		} else if (vm.run->exit_reason != KVM_EXIT_INTR && !atomic_load(&vm.stop)) {
			fprintf(stderr, "vmm-min: the guest ended with exit %u\n", vm.run->exit_reason);
			exit(2);
		}
	}
	atomic_store(&vm.stopped, true);
	return NULL;
}

static void start_guest(bool ring, uint32_t hot)
{
	struct kvm_userspace_memory_region region = { .flags = KVM_MEM_LOG_DIRTY_PAGES,
						      .memory_size = SIZE };
	struct kvm_enable_cap cap = { .cap = KVM_CAP_DIRTY_LOG_RING, .args = { RING } };
	const struct sigaction action = { .sa_handler = kick };
	struct kvm_sregs sregs;
	/* Interrupts on, though there are none: with them off, Bochs keeps the host's away, too. */
	struct kvm_regs regs = { .rflags = 0x202 };
	long run_size;

	vm.kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
	if (vm.kvm < 0) {
		fprintf(stderr, "vmm-min: skipped, /dev/kvm: %s; it takes a host with KVM and leave to use it\n",
			strerror(errno));
		exit(77);
	}
	if (ring && ioctl(vm.kvm, KVM_CHECK_EXTENSION, KVM_CAP_DIRTY_LOG_RING) < (int)RING) {
		fputs("vmm-min: skipped, this kernel has no dirty ring; --log bitmap works\n", stderr);
		exit(77);
	}
	vm.vm = control(vm.kvm, KVM_CREATE_VM, NULL, "KVM_CREATE_VM");
	if (ring)
		control(vm.vm, KVM_ENABLE_CAP, &cap, "KVM_CAP_DIRTY_LOG_RING");
	vm.memory = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	vm.copy = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (vm.memory == MAP_FAILED || vm.copy == MAP_FAILED)
		give_up("memory");
	memcpy(vm.memory, code, sizeof(code));
	memcpy(vm.memory + 0xff8, &(uint32_t){ (hot - 1) << 12 }, 4);
	region.userspace_addr = (uintptr_t)vm.memory;
	control(vm.vm, KVM_SET_USER_MEMORY_REGION, &region, "KVM_SET_USER_MEMORY_REGION");
	vm.vcpu = control(vm.vm, KVM_CREATE_VCPU, NULL, "KVM_CREATE_VCPU");
	run_size = control(vm.kvm, KVM_GET_VCPU_MMAP_SIZE, NULL, "KVM_GET_VCPU_MMAP_SIZE");
	vm.run = mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, vm.vcpu, 0);
	if (ring)
		vm.ring = mmap(NULL, RING, PROT_READ | PROT_WRITE, MAP_SHARED, vm.vcpu,
			       KVM_DIRTY_LOG_PAGE_OFFSET * sysconf(_SC_PAGESIZE));
	if (vm.run == MAP_FAILED || vm.ring == MAP_FAILED)
		give_up("KVM's memory");
	/* Flat 32-bit segments, no paging. */
	control(vm.vcpu, KVM_GET_SREGS, &sregs, "KVM_GET_SREGS");
	sregs.cs = (struct kvm_segment){ .limit = 0xffffffff, .selector = 8, .type = 11, .present = 1,
					 .db = 1, .s = 1, .g = 1 };
	sregs.ds = (struct kvm_segment){ .limit = 0xffffffff, .selector = 16, .type = 3, .present = 1,
					 .db = 1, .s = 1, .g = 1 };
	sregs.es = sregs.fs = sregs.gs = sregs.ss = sregs.ds;
	sregs.cr0 |= 1;
	control(vm.vcpu, KVM_SET_SREGS, &sregs, "KVM_SET_SREGS");
	control(vm.vcpu, KVM_SET_REGS, &regs, "KVM_SET_REGS");
	sigaction(SIGUSR1, &action, NULL);
	if (pthread_create(&vm.thread, NULL, vcpu, NULL))
		give_up("thread");
}

static void stop_guest(void)
{
	atomic_store(&vm.stop, true);
	/* A signal that comes before KVM_RUN is lost: again, until it has stopped. */
	while (!atomic_load(&vm.stopped)) {
		vm.run->immediate_exit = 1;
		pthread_kill(vm.thread, SIGUSR1);
		usleep(1000);
	}
	pthread_join(vm.thread, NULL);
}

/* The space: no primary, one MMU, one slot that is all of the guest's memory. */
static struct ptw_space *describe(struct ptw_mmu *mmu)
{
	const struct ptw_mmu_remote remote = { .size = sizeof(remote), .fetch = dirty_since,
					       .frames = PAGES, .what = PTW_HARVEST_DIRTY };
	const struct ptw_space_config config = { .size = sizeof(config) };
	struct ptw_slot slot = { .size = sizeof(slot), .pages = PAGES };
	struct ptw_space *space;
	int ret = ptw_mmu_remote_create(&remote, mmu);

	if (!ret)
		ret = ptw_space_create(&config, &space);
	if (!ret)
		ret = ptw_space_register(space, mmu, NULL, &slot.mmu);
	if (!ret)
		ret = ptw_space_add_slot(space, &slot);
	if (!ret)
		return space;
	fprintf(stderr, "vmm-min: the space: %s\n", ptw_strerror(ret));
	exit(2);
}

/* Copies what was written since the last round; how many pages. */
static uint64_t send_round(struct ptw_space *space, bool all)
{
	uint64_t dirty[PAGES / 64] = { 0 }, sent = 0;
	const struct ptw_ask ask = { .size = sizeof(ask), .flags = PTW_HARVEST_DIRTY,
				     .effort = PTW_EFFORT_ALL, .dirty = dirty };
	const int ret = ptw_space_harvest(space, 0, PAGES, &ask, NULL);

	if (ret) {
		fprintf(stderr, "vmm-min: dirty pages: %s\n", ptw_strerror(ret));
		exit(2);
	}
	for (uint64_t page = 0; page < PAGES; page++) {
		if (!all && !(dirty[page / 64] >> page % 64 & 1))
			continue;
		memcpy(vm.copy + (page << 12), vm.memory + (page << 12), 4096);
		sent++;
	}
	return sent;
}

static double seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void print_table(bool ring, uint32_t writes, double downtime, const uint64_t *sent,
			unsigned int rounds, bool right)
{
	printf("guest memory 32 MiB, dirty pages by KVM's %s; %" PRIu32 " writes; stood for %.3f ms\n",
	       ring ? "ring" : "bitmap", writes, downtime);
	puts("round  pages");
	for (unsigned int i = 0; i <= rounds; i++)
		printf("%5u  %5" PRIu64 "%s\n", i, sent[i], i == rounds ? "  the guest stands" : "");
	printf("the copy is %s\n", right ? "right" : "WRONG");
}

static void print_json(bool ring, uint32_t writes, double downtime, const uint64_t *sent,
		       unsigned int rounds, bool right)
{
	printf("{\"log\": \"%s\", \"writes\": %" PRIu32 ", \"downtime_ms\": %.3f, \"rounds\": [",
	       ring ? "ring" : "bitmap", writes, downtime);
	for (unsigned int i = 0; i <= rounds; i++)
		printf("%s%" PRIu64, i ? ", " : "", sent[i]);
	printf("], \"equal\": %s}\n", right ? "true" : "false");
}

int main(int argc, char **argv)
{
	static const struct option options[] = { { "log", required_argument, NULL, 'l' },
						 { "hot", required_argument, NULL, 'h' },
						 { "json", no_argument, NULL, 'j' },
						 { "help", no_argument, NULL, 'H' }, { 0 } };
	bool ring = false, json = false;
	unsigned long hot = 32;
	uint64_t sent[ROUNDS + 1];
	unsigned int rounds = 0;
	struct ptw_space *space;
	struct ptw_mmu mmu;
	uint32_t writes;
	double downtime;
	bool right;
	int option;

	opterr = 0;
	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		if (option == 'l' && (!strcmp(optarg, "ring") || !strcmp(optarg, "bitmap"))) {
			ring = optarg[0] == 'r';
		} else if (option == 'h' && (hot = strtoul(optarg, NULL, 10)) && hot <= 4096 && !(hot & (hot - 1))) {
			continue;
		} else if (option == 'j') {
			json = true;
		} else {
			if (option == 'H')
				return fputs(help, stdout) == EOF;
			bad_usage(argv[optind - 1]);
		}
	}
	if (optind < argc)
		bad_usage(argv[optind]);
	start_guest(ring, (uint32_t)hot);
	space = describe(&mmu);
	do {
		sent[rounds] = send_round(space, !rounds);
		usleep(20000); /* the network */
	} while (sent[rounds++] > FEW && rounds < ROUNDS);
	downtime = seconds();
	stop_guest();
	sent[rounds] = send_round(space, false);
	downtime = seconds() - downtime;
	memcpy(&writes, vm.memory + 0xff0, 4);
	right = !memcmp(vm.memory, vm.copy, SIZE);
	(json ? print_json : print_table)(ring, writes, downtime * 1e3, sent, rounds, right);
	ptw_space_destroy(space);
	ptw_mmu_destroy(&mmu);
	return right ? 0 : 1;
}

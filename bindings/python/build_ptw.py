# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Makes the module _ptw: the stable calls of libptw, compiled against its headers.

What stands here may leave out fields ("...;"), but must not contradict the headers: the C compiler would say so. pkg-config
finds the library; PTW_CFLAGS and PTW_LIBS take its place, for one that is not installed.
"""
import os
import shlex
import subprocess

import cffi

CDEF = """
const char *ptw_strerror(int error);
const char *ptw_version_string(void);
const char *ptw_preset_name(unsigned int n);
void ptw_thread_register(void);

#define PTW_ERR_AGAIN ...
#define PTW_ERR_BLOCK ...
#define PTW_PROT_READ ...
#define PTW_PROT_WRITE ...
#define PTW_PROT_EXEC ...
#define PTW_PROT_USER ...
#define PTW_LEAF_YOUNG ...
#define PTW_LEAF_DIRTY ...
#define PTW_HARVEST_ACCESSED ...
#define PTW_HARVEST_DIRTY ...
#define PTW_HARVEST_PEEK ...
#define PTW_HARVEST_EXACT ...
#define PTW_ACCESS_READ ...
#define PTW_ACCESS_WRITE ...
#define PTW_ACCESS_USER ...
#define PTW_SOFTMMU_LPA2 ...
#define PTW_AGE_MAX ...
#define PTW_EVICTED ...
#define PTW_EVICT_FAILED ...
#define PTW_EVICT_YOUNG ...

struct ptw_config { size_t size; uint32_t format; uint32_t granule_lg2; uint32_t levels; ...; };
struct ptw_pgtable;
struct ptw_info { size_t size; uint32_t granule_lg2; uint32_t levels; uint32_t ia_bits; uint64_t tables; uint64_t bytes; ...; };
struct ptw_map { size_t size; uint32_t prot; uint32_t memtype; uint32_t flags; uint32_t page_levels; ...; };
struct ptw_unmap { size_t size; uint32_t flags; uint64_t *young; uint64_t *dirty; ...; };
struct ptw_change_result {
    size_t size; uint64_t reached; uint64_t leaves; uint64_t young_extents; uint64_t young_pages;
    uint64_t dirty_extents; uint64_t dirty_pages; ...;
};
struct ptw_harvest { size_t size; uint32_t flags; uint64_t *young; uint64_t *dirty; uint64_t *summary; ...; };
struct ptw_harvest_result {
    size_t size; uint64_t resume; uint64_t entries; uint64_t young_extents; uint64_t young_pages;
    uint64_t dirty_extents; uint64_t dirty_pages; uint64_t owned; uint64_t busy; uint64_t sections; ...;
};
int ptw_preset(const char *name, struct ptw_config *config);
int ptw_pgtable_create(const struct ptw_config *config, struct ptw_pgtable **out);
int ptw_pgtable_destroy(struct ptw_pgtable *pgtable);
int ptw_pgtable_info(const struct ptw_pgtable *pgtable, struct ptw_info *info);
int ptw_map(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end, uint64_t oa,
            const struct ptw_map *map, struct ptw_change_result *result);
int ptw_unmap(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end, const struct ptw_unmap *unmap,
              struct ptw_change_result *result);
int ptw_harvest(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end, const struct ptw_harvest *harvest,
                struct ptw_harvest_result *result);
uint64_t ptw_bitmap_words(uint64_t start, uint64_t end, unsigned int granule_lg2);

struct ptw_regs { ...; };
struct ptw_softmmu_config { size_t size; struct ptw_regs regs; uint32_t flags; uint32_t tlb_sets; uint32_t tlb_ways; ...; };
struct ptw_softmmu_result { uint64_t oa; uint64_t page_size; uint32_t level; uint32_t tlb_hit; ...; };
struct ptw_softmmu;
int ptw_pgtable_regs(const struct ptw_pgtable *pgtable, struct ptw_regs *regs);
int ptw_fix_fault(struct ptw_pgtable *pgtable, uint64_t ia, uint32_t access);
size_t ptw_softmmu_size(const struct ptw_softmmu_config *config);
int ptw_softmmu_init(struct ptw_softmmu **cpu, void *memory, size_t bytes, const struct ptw_softmmu_config *config);
int ptw_softmmu_access(struct ptw_softmmu *cpu, uint64_t ia, uint32_t access, struct ptw_softmmu_result *result);
void ptw_softmmu_tlb_invalidate(struct ptw_softmmu *cpu, uint64_t start, uint64_t end);

struct ptw_age { uint64_t pages; uint64_t epoch; ...; };
int ptw_age_init(struct ptw_age *age, uint8_t *bytes, uint64_t pages);
uint64_t ptw_age_mark_bitmap(struct ptw_age *age, uint64_t first_page, const uint64_t *young, uint64_t words);
void ptw_age_advance(struct ptw_age *age);
void ptw_age_histogram(const struct ptw_age *age, const uint64_t *member, uint64_t *histogram);

struct ptw_engine;
struct ptw_group;
struct ptw_policy_ops { size_t size; ...; };
struct ptw_engine_config {
    size_t size; uint64_t pages; uint32_t groups; uint64_t (*clock)(void *context); void *context;
    const struct ptw_policy_ops *policy; ...;
};
typedef int (*ptw_word_fn)(void *sink, uint64_t page, uint64_t young, uint64_t dirty);
struct ptw_group_ops {
    int (*harvest)(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink);
    int (*look)(void *context, uint64_t page, uint64_t *around);
    int (*evict)(void *context, const uint64_t *page, unsigned int n, uint8_t *result);
};
struct ptw_group_config { size_t size; struct ptw_group_ops ops; void *context; struct ptw_group *parent; ...; };
struct ptw_group_state {
    size_t size; uint64_t resident; uint64_t isolated; uint64_t youngest; uint64_t oldest; uint64_t pages[4];
    uint64_t birth[4]; uint64_t ticks; uint64_t faults; uint64_t refaults; uint64_t evicted; uint64_t failed;
    uint64_t looks; uint64_t looked; uint64_t around; uint64_t agings; uint64_t words; uint64_t aged; ...;
};
int ptw_engine_create(const struct ptw_engine_config *config, struct ptw_engine **out);
void ptw_engine_destroy(struct ptw_engine *engine);
int ptw_engine_check(struct ptw_engine *engine);
int ptw_group_create(struct ptw_engine *engine, const struct ptw_group_config *config, struct ptw_group **out);
int ptw_group_destroy(struct ptw_group *group);
int ptw_group_attach(struct ptw_group *group, uint64_t first, uint64_t pages);
int ptw_group_age(struct ptw_group *group);
int ptw_group_wants_ageing(struct ptw_group *group);
int ptw_group_evict(struct ptw_group *group, uint64_t want, uint64_t *evicted);
int ptw_group_state(const struct ptw_group *group, struct ptw_group_state *state);
int ptw_group_ages(struct ptw_group *group, uint64_t *histogram);
int ptw_page_add(struct ptw_engine *engine, uint64_t page);
int ptw_page_remove(struct ptw_engine *engine, uint64_t page);
int ptw_page_age(struct ptw_engine *engine, uint64_t page);

static const struct ptw_policy_ops *policy_of(unsigned int n);
static int word_given(ptw_word_fn word, void *sink, uint64_t page, uint64_t young);
extern "Python" int ptw_py_harvest(void *context, uint64_t first, uint64_t pages, ptw_word_fn word, void *sink);
extern "Python" int ptw_py_look(void *context, uint64_t page, uint64_t *around);
extern "Python" int ptw_py_evict(void *context, const uint64_t *page, unsigned int n, uint8_t *result);
extern "Python" uint64_t ptw_py_clock(void *context);
"""

SOURCE = """
#include <ptw/ptw.h>

static const struct ptw_policy_ops *policy_of(unsigned int n)
{
    const struct ptw_policy_ops *const policies[] = {
        &ptw_policy_generations, &ptw_policy_idle_age, &ptw_policy_learned};

    return policies[n];
}

static int word_given(ptw_word_fn word, void *sink, uint64_t page, uint64_t young)
{
    return word(sink, page, young, 0);
}
"""


def flags(what, variable):
    if variable in os.environ:
        return shlex.split(os.environ[variable])
    return shlex.split(subprocess.run(["pkg-config", what, "libptw"], check=True, text=True,
                                      stdout=subprocess.PIPE).stdout)


ffibuilder = cffi.FFI()
ffibuilder.cdef(CDEF)
ffibuilder.set_source("_ptw", SOURCE, extra_compile_args=flags("--cflags", "PTW_CFLAGS") + ["-Werror"],
                      extra_link_args=flags("--libs", "PTW_LIBS"))

if __name__ == "__main__":
    ffibuilder.compile(verbose=True)

// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! libptw from Rust: page tables that any thread may change and harvest, and processors that use them.
//!
//! A module of one file, without a crate: put it beside yours and link with `-lptw`. Structures are written out by hand;
//! `layouts()` tells their sizes and offsets, which a test holds against the C headers.

use std::ffi::{c_void, CStr, CString};
use std::marker::PhantomData;
use std::mem::{size_of, MaybeUninit};
use std::ops::Range;
use std::os::raw::{c_char, c_int, c_uint};
use std::ptr::{null, null_mut};

pub const READ: u32 = 1;
pub const WRITE: u32 = 2;
pub const USER: u32 = 8;
pub const ACCESSED: u32 = 1;
pub const DIRTY: u32 = 2;

/// What the library returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Error(pub i32);

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // The library's texts are static.
        let text = unsafe { CStr::from_ptr(raw::ptw_strerror(self.0)) };
        f.write_str(&text.to_string_lossy())
    }
}

impl std::error::Error for Error {}

fn check(code: c_int) -> Result<c_int, Error> {
    if code < 0 {
        Err(Error(code))
    } else {
        Ok(code)
    }
}

mod raw {
    use super::*;

    #[repr(C)]
    pub struct Config {
        pub size: usize,
        pub format: u32,
        pub granule_lg2: u32,
        pub levels: u32,
        pub ia_bits: u32,
        pub oa_bits: u32,
        pub features: u32,
        pub layout: *const c_void,
        pub phys_offset: u64,
        pub pool: *const c_void,
        pub flush: Option<unsafe extern "C" fn(*mut c_void, *const c_void, c_uint, c_int, c_uint)>,
        pub flush_context: *mut c_void,
        pub flags: u32,
        pub bbm_level: u32,
        pub reclaim_delay: u32,
        pub backlog_limit: u32,
        pub kernel: u32,
        pub reserved: u32,
    }

    #[repr(C)]
    pub struct Info {
        pub size: usize,
        pub format: *const c_char,
        pub layout: *const c_char,
        pub granule_lg2: u32,
        pub index_lg2: u32,
        pub levels: u32,
        pub root_lg2: u32,
        pub ia_bits: u32,
        pub oa_bits: u32,
        pub leaf_levels: u32,
        pub attached: u32,
        pub exact: u32,
        pub kernel: u32,
        pub root: u64,
        pub tables: u64,
        pub tables_retired: u64,
        pub bytes: u64,
        pub tables_empty: u64,
        pub tables_reclaimed: u64,
        pub tables_revived: u64,
        pub table_accessed: u32,
        pub reserved: u32,
    }

    #[repr(C)]
    pub struct Map {
        pub size: usize,
        pub prot: u32,
        pub memtype: u32,
        pub flags: u32,
        pub page_levels: u32,
    }

    #[repr(C)]
    pub struct Unmap {
        pub size: usize,
        pub flags: u32,
        pub reserved: u32,
        pub young: *mut u64,
        pub dirty: *mut u64,
    }

    #[repr(C)]
    pub struct Harvest {
        pub size: usize,
        pub flags: u32,
        pub reserved: u32,
        pub young: *mut u64,
        pub dirty: *mut u64,
        pub word: *const c_void,
        pub run: *const c_void,
        pub context: *mut c_void,
        pub oa_start: u64,
        pub oa_end: u64,
        pub budget: u64,
        pub summary: *mut u64,
        pub prune: *mut c_void,
        pub cursor: *mut u64,
    }

    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    pub struct Extent {
        pub start: u64,
        pub length: u64,
        pub level: u32,
        pub what: u32,
    }

    #[repr(C)]
    #[derive(Default)]
    pub struct HarvestResult {
        pub size: usize,
        pub resume: u64,
        pub entries: u64,
        pub young_extents: u64,
        pub young_pages: u64,
        pub dirty_extents: u64,
        pub dirty_pages: u64,
        pub owned: u64,
        pub busy: u64,
        pub sections: u64,
        pub head: Extent,
        pub tail: Extent,
    }

    #[repr(C)]
    #[derive(Clone, Copy, Default)]
    pub struct Regs {
        pub regime: u32,
        pub pa_bits: u32,
        pub root: u64,
        pub control: u64,
        pub control2: u64,
        pub control3: u64,
    }

    #[repr(C)]
    #[derive(Default)]
    pub struct CpuConfig {
        pub size: usize,
        pub regs: Regs,
        pub phys_offset: u64,
        pub flags: u32,
        pub tlb_sets: u32,
        pub tlb_ways: u32,
        pub seed: u32,
        pub paging_cache: u32,
    }

    #[repr(C)]
    #[derive(Default)]
    pub struct Access {
        pub oa: u64,
        pub page_size: u64,
        pub level: u32,
        pub tlb_hit: u32,
    }

    extern "C" {
        pub fn ptw_strerror(code: c_int) -> *const c_char;
        pub fn ptw_preset(name: *const c_char, config: *mut Config) -> c_int;
        pub fn ptw_pgtable_create(config: *const Config, out: *mut *mut c_void) -> c_int;
        pub fn ptw_pgtable_destroy(table: *mut c_void) -> c_int;
        pub fn ptw_pgtable_info(table: *const c_void, info: *mut Info) -> c_int;
        pub fn ptw_pgtable_regs(table: *const c_void, regs: *mut Regs) -> c_int;
        pub fn ptw_map(table: *mut c_void, start: u64, end: u64, oa: u64, map: *const Map, result: *mut c_void) -> c_int;
        pub fn ptw_unmap(table: *mut c_void, start: u64, end: u64, unmap: *const Unmap, result: *mut c_void) -> c_int;
        pub fn ptw_harvest(table: *mut c_void, start: u64, end: u64, harvest: *const Harvest, result: *mut HarvestResult) -> c_int;
        pub fn ptw_softmmu_size(config: *const CpuConfig) -> usize;
        pub fn ptw_softmmu_init(cpu: *mut *mut c_void, memory: *mut c_void, bytes: usize, config: *const CpuConfig) -> c_int;
        pub fn ptw_softmmu_access(cpu: *mut c_void, ia: u64, access: u32, result: *mut Access) -> c_int;
        pub fn ptw_read_lock();
        pub fn ptw_read_unlock();
        pub fn ptw_softmmu_tlb_invalidate(cpu: *mut c_void, start: u64, end: u64);
    }
}

/// What a harvest found. Bit i of `young` and `dirty` is page `first_page + i`.
#[derive(Clone, Debug, Default)]
pub struct Found {
    pub first_page: u64,
    pub young: Vec<u64>,
    pub dirty: Vec<u64>,
    pub entries: u64,
    pub young_pages: u64,
    pub dirty_pages: u64,
    pub busy: u64,
}

impl Found {
    /// Numbers of the pages whose bit is set.
    pub fn pages(bitmap: &[u64], first_page: u64) -> impl Iterator<Item = u64> + '_ {
        (0..bitmap.len() as u64 * 64)
            .filter(move |bit| bitmap[(bit / 64) as usize] >> (bit % 64) & 1 == 1)
            .map(move |bit| first_page + bit)
    }
}

/// A page table. Every call may be made by any thread at any time: the library takes no lock.
pub struct PageTable {
    table: *mut c_void,
    granule_lg2: u32,
}

// Operations of the library may run next to each other, but for destroy; drop has the table alone.
unsafe impl Send for PageTable {}
unsafe impl Sync for PageTable {}

impl PageTable {
    /// By the name of a preset, as "ept4" or "arm64-s2-4k".
    pub fn new(preset: &str) -> Result<Self, Error> {
        let name = CString::new(preset).map_err(|_| Error(-1))?;
        let mut config = MaybeUninit::<raw::Config>::zeroed();
        let mut table = null_mut();
        let mut info = MaybeUninit::<raw::Info>::zeroed();
        unsafe {
            check(raw::ptw_preset(name.as_ptr(), config.as_mut_ptr()))?;
            check(raw::ptw_pgtable_create(config.as_ptr(), &mut table))?;
            let made = PageTable { table, granule_lg2: 0 };
            (*info.as_mut_ptr()).size = size_of::<raw::Info>();
            check(raw::ptw_pgtable_info(table, info.as_mut_ptr()))?;
            let granule_lg2 = (*info.as_ptr()).granule_lg2;
            std::mem::forget(made);
            Ok(PageTable { table, granule_lg2 })
        }
    }

    pub fn page_size(&self) -> u64 {
        1 << self.granule_lg2
    }

    /// Map `range` to output addresses from `oa` on, in pages.
    pub fn map(&self, range: Range<u64>, oa: u64, prot: u32) -> Result<(), Error> {
        let how = raw::Map { size: size_of::<raw::Map>(), prot, memtype: 0, flags: 0, page_levels: 1 };
        check(unsafe { raw::ptw_map(self.table, range.start, range.end, oa, &how, null_mut()) })?;
        Ok(())
    }

    /// Unmap `range`; what its pages were comes back.
    pub fn unmap(&self, range: Range<u64>) -> Result<Found, Error> {
        let mut found = self.room(&range, ACCESSED | DIRTY)?;
        let how = raw::Unmap {
            size: size_of::<raw::Unmap>(),
            flags: 0,
            reserved: 0,
            young: found.young.as_mut_ptr(),
            dirty: found.dirty.as_mut_ptr(),
        };
        check(unsafe { raw::ptw_unmap(self.table, range.start, range.end, &how, null_mut()) })?;
        Ok(found)
    }

    /// Test and clear accessed, dirty or both (`ACCESSED | DIRTY`) of `range`.
    pub fn harvest(&self, range: Range<u64>, what: u32) -> Result<Found, Error> {
        let mut found = self.room(&range, what)?;
        let mut result = raw::HarvestResult { size: size_of::<raw::HarvestResult>(), ..Default::default() };
        let pointer = |bitmap: &mut Vec<u64>| if bitmap.is_empty() { null_mut() } else { bitmap.as_mut_ptr() };
        let how = raw::Harvest {
            size: size_of::<raw::Harvest>(),
            flags: what,
            reserved: 0,
            young: pointer(&mut found.young),
            dirty: pointer(&mut found.dirty),
            word: null(),
            run: null(),
            context: null_mut(),
            oa_start: 0,
            oa_end: 0,
            budget: 0,
            summary: null_mut(),
            prune: null_mut(),
            cursor: null_mut(),
        };
        check(unsafe { raw::ptw_harvest(self.table, range.start, range.end, &how, &mut result) })?;
        found.entries = result.entries;
        found.young_pages = result.young_pages;
        found.dirty_pages = result.dirty_pages;
        found.busy = result.busy;
        Ok(found)
    }

    /// A processor that uses this page table, without a TLB if `sets` is 0.
    pub fn cpu(&self, sets: u32, ways: u32) -> Result<Cpu<'_>, Error> {
        let mut config = raw::CpuConfig {
            size: size_of::<raw::CpuConfig>(),
            tlb_sets: sets,
            tlb_ways: ways,
            ..Default::default()
        };
        unsafe {
            check(raw::ptw_pgtable_regs(self.table, &mut config.regs))?;
            let bytes = raw::ptw_softmmu_size(&config);
            // Lines of 64 bytes.
            let mut memory = vec![Line([0; 64]); bytes / 64 + 1].into_boxed_slice();
            let mut cpu = null_mut();
            check(raw::ptw_softmmu_init(&mut cpu, memory.as_mut_ptr().cast(), bytes, &config))?;
            Ok(Cpu { cpu, _memory: memory, _table: PhantomData })
        }
    }

    fn room(&self, range: &Range<u64>, what: u32) -> Result<Found, Error> {
        if range.start >= range.end {
            return Err(Error(-1));
        }
        let first_page = range.start >> self.granule_lg2 & !63;
        let words = (((range.end - 1) >> self.granule_lg2) - first_page) / 64 + 1;
        let room = |bit| vec![0; if what & bit != 0 { words as usize } else { 0 }];
        Ok(Found { first_page, young: room(ACCESSED), dirty: room(DIRTY), ..Default::default() })
    }
}

impl Drop for PageTable {
    fn drop(&mut self) {
        unsafe { raw::ptw_pgtable_destroy(self.table) };
    }
}

#[repr(align(64))]
#[derive(Clone)]
struct Line([u8; 64]);

/// The hardware's side. For one thread at a time; cannot outlive its page table.
pub struct Cpu<'a> {
    cpu: *mut c_void,
    _memory: Box<[Line]>,
    _table: PhantomData<&'a PageTable>,
}

unsafe impl Send for Cpu<'_> {}

impl Cpu<'_> {
    /// The output address, or None: a fault.
    pub fn access(&mut self, address: u64, what: u32) -> Option<u64> {
        let mut found = raw::Access::default();
        // Tables that another thread unlinks stay in memory as long as the section lasts.
        let said = unsafe {
            raw::ptw_read_lock();
            let said = raw::ptw_softmmu_access(self.cpu, address, what, &mut found);
            raw::ptw_read_unlock();
            said
        };
        match said {
            0 => Some(found.oa),
            _ => None,
        }
    }

    /// Forget the cached translations of `range`.
    pub fn invalidate(&mut self, range: Range<u64>) {
        unsafe { raw::ptw_softmmu_tlb_invalidate(self.cpu, range.start, range.end) };
    }
}

/// Size and offsets of every structure here, a line each: `name size offset...`.
pub fn layouts() -> Vec<String> {
    macro_rules! layout {
        ($name:literal, $kind:ty, $($field:ident),*) => {{
            let thing = MaybeUninit::<$kind>::zeroed();
            let base = thing.as_ptr();
            let mut line = format!("{} {}", $name, size_of::<$kind>());
            $(line += &format!(" {}", unsafe { std::ptr::addr_of!((*base).$field) as usize } - base as usize);)*
            line
        }};
    }
    vec![
        layout!("ptw_config", raw::Config, size, format, oa_bits, layout, phys_offset, flush, flags, kernel, reserved),
        layout!("ptw_info", raw::Info, size, format, granule_lg2, kernel, root, bytes, table_accessed),
        layout!("ptw_map", raw::Map, size, prot, memtype, flags, page_levels),
        layout!("ptw_unmap", raw::Unmap, size, flags, young, dirty),
        layout!("ptw_harvest", raw::Harvest, size, flags, young, dirty, word, run, context, oa_start, oa_end, budget, summary, prune, cursor),
        layout!("ptw_extent", raw::Extent, start, length, level, what),
        layout!("ptw_harvest_result", raw::HarvestResult, size, resume, entries, young_pages, dirty_pages, owned, busy, sections, head, tail),
        layout!("ptw_regs", raw::Regs, regime, pa_bits, root, control, control2, control3),
        layout!("ptw_softmmu_config", raw::CpuConfig, size, regs, phys_offset, flags, tlb_sets, tlb_ways, seed, paging_cache),
        layout!("ptw_softmmu_result", raw::Access, oa, page_size, level, tlb_hit),
    ]
}

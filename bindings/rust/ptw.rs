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
use std::time::Duration;

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

const BLOCK: Error = Error(-16);
const AGAIN: Error = Error(-17);

/// A call that ended early. With `?` in a function that returns `Error` only that is left: who needs each use of a page
/// takes `found` first.
#[derive(Clone, Debug)]
pub struct Ended {
    pub error: Error,
    /// What lies before is done, and the same call from there on does the rest, once what was in the way is gone.
    pub reached: u64,
    /// Where that lies: the page that a map found mapped, or the begin of the block that an unmap would cut, which may lie before
    /// or behind `reached`.
    pub at: u64,
    /// What was cleared or removed by then; no later call will tell. Of a map: nothing.
    pub found: Box<Found>,
}

impl std::fmt::Display for Ended {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}, at {:#x}", self.error, self.at)
    }
}

impl std::error::Error for Ended {}

impl From<Ended> for Error {
    fn from(ended: Ended) -> Error {
        ended.error
    }
}

/// With entries that another operation owns: it has no limit while there is progress, and about a second without.
struct Patience {
    at: u64,
    tries: u32,
}

impl Patience {
    const TRIES: u32 = 1000;
    const SHORT: u32 = 16;

    /// Pauses. Whether to go on at `at`, which a call that returned `error` reached.
    fn lasts(&mut self, error: Error, at: u64) -> bool {
        self.tries = if at == self.at { self.tries + 1 } else { 1 };
        self.at = at;
        if error != AGAIN || self.tries > Patience::TRIES {
            return false;
        }
        match self.tries {
            0..=Patience::SHORT => std::thread::yield_now(),
            _ => std::thread::sleep(Duration::from_millis(1)),
        }
        true
    }
}

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
    #[derive(Default)]
    pub struct ChangeResult {
        pub size: usize,
        pub reached: u64,
        pub leaves: u64,
        pub tables: u64,
        pub holes: u64,
        pub young_extents: u64,
        pub young_pages: u64,
        pub dirty_extents: u64,
        pub dirty_pages: u64,
        pub head: Extent,
        pub tail: Extent,
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
        pub fn ptw_map(table: *mut c_void, start: u64, end: u64, oa: u64, map: *const Map, result: *mut ChangeResult) -> c_int;
        pub fn ptw_unmap(table: *mut c_void, start: u64, end: u64, unmap: *const Unmap, result: *mut ChangeResult) -> c_int;
        pub fn ptw_harvest(table: *mut c_void, start: u64, end: u64, harvest: *const Harvest, result: *mut HarvestResult) -> c_int;
        pub fn ptw_softmmu_size(config: *const CpuConfig) -> usize;
        pub fn ptw_softmmu_init(cpu: *mut *mut c_void, memory: *mut c_void, bytes: usize, config: *const CpuConfig) -> c_int;
        pub fn ptw_softmmu_access(cpu: *mut c_void, ia: u64, access: u32, result: *mut Access) -> c_int;
        pub fn ptw_read_lock();
        pub fn ptw_read_unlock();
        pub fn ptw_softmmu_tlb_invalidate(cpu: *mut c_void, start: u64, end: u64);
    }
}

/// What a harvest found, or an unmap removed. Bit i of `young` and `dirty` is page `first_page + i`; `entries` are those read, or written.
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
    /// Of the address bits that the table has.
    mask: u64,
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
            let mut made = PageTable { table, granule_lg2: 0, mask: 0 };
            (*info.as_mut_ptr()).size = size_of::<raw::Info>();
            check(raw::ptw_pgtable_info(table, info.as_mut_ptr()))?;
            made.granule_lg2 = (*info.as_ptr()).granule_lg2;
            made.mask = (1 << (*info.as_ptr()).ia_bits) - 1;
            Ok(made)
        }
    }

    pub fn page_size(&self) -> u64 {
        1 << self.granule_lg2
    }

    /// Map `range` to output addresses from `oa` on, in pages. Waits for entries that another operation owns, for a second at most.
    pub fn map(&self, range: Range<u64>, oa: u64, prot: u32) -> Result<(), Ended> {
        let how = raw::Map { size: size_of::<raw::Map>(), prot, memtype: 0, flags: 0, page_levels: 1 };
        let mut at = range.start;
        let mut patience = Patience { at, tries: 0 };
        loop {
            let mut result = raw::ChangeResult {
                size: size_of::<raw::ChangeResult>(),
                reached: at & self.mask,
                ..Default::default()
            };
            let there = oa.wrapping_add(at - range.start);
            let said = check(unsafe { raw::ptw_map(self.table, at, range.end, there, &how, &mut result) });
            let error = match said {
                Ok(_) => return Ok(()),
                Err(error) => error,
            };
            let lies = self.address(&range, result.reached);
            // Without a leaf nothing was done, wherever the error lies.
            if result.leaves != 0 {
                at = lies;
            }
            if !patience.lasts(error, at) {
                return Err(Ended { error, reached: at, at: lies, found: Box::default() });
            }
        }
    }

    /// Unmap `range`; what its pages were comes back. Waits for entries that another operation owns, for a second at most.
    pub fn unmap(&self, range: Range<u64>) -> Result<Found, Ended> {
        let mut found = self.room(&range, ACCESSED | DIRTY)?;
        let mut at = range.start;
        let mut patience = Patience { at, tries: 0 };
        loop {
            // Bit 0 follows from where a call begins.
            let word = (((at >> self.granule_lg2 & !63) - found.first_page) / 64) as usize;
            let how = raw::Unmap {
                size: size_of::<raw::Unmap>(),
                flags: 0,
                reserved: 0,
                young: found.young[word..].as_mut_ptr(),
                dirty: found.dirty[word..].as_mut_ptr(),
            };
            let mut result = raw::ChangeResult {
                size: size_of::<raw::ChangeResult>(),
                reached: at & self.mask,
                ..Default::default()
            };
            let said = check(unsafe { raw::ptw_unmap(self.table, at, range.end, &how, &mut result) });
            found.entries += result.leaves;
            found.young_pages += result.young_pages;
            found.dirty_pages += result.dirty_pages;
            let error = match said {
                Ok(_) => return Ok(found),
                Err(error) => error,
            };
            let lies = self.address(&range, result.reached);
            // A block that the range cuts lies anywhere, and what is before it may be there still.
            if error != BLOCK {
                at = lies;
            }
            if !patience.lasts(error, at) {
                return Err(Ended { error, reached: at, at: lies, found: Box::new(found) });
            }
        }
    }

    /// Test and clear accessed, dirty or both (`ACCESSED | DIRTY`) of `range`.
    pub fn harvest(&self, range: Range<u64>, what: u32) -> Result<Found, Ended> {
        let mut found = self.room(&range, what)?;
        let mut result = raw::HarvestResult {
            size: size_of::<raw::HarvestResult>(),
            resume: range.start & self.mask,
            ..Default::default()
        };
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
        let said = check(unsafe { raw::ptw_harvest(self.table, range.start, range.end, &how, &mut result) });
        found.entries = result.entries;
        found.young_pages = result.young_pages;
        found.dirty_pages = result.dirty_pages;
        found.busy = result.busy;
        match said {
            Ok(_) => Ok(found),
            Err(error) => {
                let reached = self.address(&range, result.resume);
                Err(Ended { error, reached, at: reached, found: Box::new(found) })
            }
        }
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

    /// The library tells addresses without their sign; this one has that of the range.
    fn address(&self, range: &Range<u64>, told: u64) -> u64 {
        range.start.wrapping_add(told).wrapping_sub(range.start & self.mask)
    }

    fn room(&self, range: &Range<u64>, what: u32) -> Result<Found, Ended> {
        if range.start >= range.end {
            return Err(Ended { error: Error(-1), reached: range.start, at: range.start, found: Box::default() });
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
        layout!("ptw_info", raw::Info, size, format, granule_lg2, ia_bits, kernel, root, bytes, table_accessed),
        layout!("ptw_map", raw::Map, size, prot, memtype, flags, page_levels),
        layout!("ptw_unmap", raw::Unmap, size, flags, young, dirty),
        layout!("ptw_change_result", raw::ChangeResult, size, reached, leaves, tables, holes, young_extents, young_pages,
            dirty_extents, dirty_pages, head, tail),
        layout!("ptw_harvest", raw::Harvest, size, flags, young, dirty, word, run, context, oa_start, oa_end, budget, summary, prune, cursor),
        layout!("ptw_extent", raw::Extent, start, length, level, what),
        layout!("ptw_harvest_result", raw::HarvestResult, size, resume, entries, young_pages, dirty_pages, owned, busy, sections, head, tail),
        layout!("ptw_regs", raw::Regs, regime, pa_bits, root, control, control2, control3),
        layout!("ptw_softmmu_config", raw::CpuConfig, size, regs, phys_offset, flags, tlb_sets, tlb_ways, seed, paging_cache),
        layout!("ptw_softmmu_result", raw::Access, oa, page_size, level, tlb_hit),
    ]
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Two processors use a guest's memory while a third thread harvests it, without a lock; at the end no use was lost.
//!
//! Then tables are unlinked and freed under two processors.
//!
//! usage: hot_pages [PRESET]     hot_pages --layouts tells how structures are laid out

#[allow(dead_code)] // a module for others, too
mod ptw;

use ptw::{Found, PageTable, ACCESSED, READ, WRITE};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

const PAGES: u64 = 1 << 14;

/// Uses pages that a small generator draws, and tells which.
fn vcpu(table: &PageTable, mut state: u64) -> Result<BTreeSet<u64>, ptw::Error> {
    let mut cpu = table.cpu(0, 0)?;
    let mut used = BTreeSet::new();
    for _ in 0..200_000 {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        // Squares make some pages hotter than others.
        let draw = state >> 33 & 0xffff;
        let page = draw * draw >> 18;
        if cpu.access(page * table.page_size(), READ).is_some() {
            used.insert(page);
        }
    }
    Ok(used)
}

fn run(preset: &str) -> Result<bool, ptw::Error> {
    let table = PageTable::new(preset)?;
    let all = 0..PAGES * table.page_size();
    table.map(all.clone(), 0, READ | WRITE)?;
    let over = AtomicBool::new(false);
    let (used, mut found, scans) = std::thread::scope(|scope| {
        let cpus = [1, 2].map(|seed| {
            let table = &table;
            scope.spawn(move || vcpu(table, seed))
        });
        let harvester = scope.spawn(|| {
            let (mut found, mut scans) = (BTreeSet::new(), 0);
            while !over.load(Ordering::Relaxed) {
                let young = table.harvest(all.clone(), ACCESSED)?;
                found.extend(Found::pages(&young.young, young.first_page));
                scans += 1;
            }
            Ok::<_, ptw::Error>((found, scans))
        });
        let mut used = BTreeSet::new();
        for cpu in cpus {
            used.extend(cpu.join().expect("a processor panicked")?);
        }
        over.store(true, Ordering::Relaxed);
        let (found, scans) = harvester.join().expect("the harvester panicked")?;
        Ok::<_, ptw::Error>((used, found, scans))
    })?;
    let last = table.harvest(all.clone(), ACCESSED)?;
    found.extend(Found::pages(&last.young, last.first_page));
    println!("{preset}: {} pages used, {} found by {} harvests", used.len(), found.len(), scans + 1);
    let rest = table.unmap(all)?;
    Ok(used == found && rest.young.iter().all(|word| *word == 0))
}

/// Tables come and go under two processors. An access finds the page or nothing, never what a table is used for later.
fn remap(preset: &str) -> Result<bool, ptw::Error> {
    let table = PageTable::new(preset)?;
    // As much as one table maps, twice.
    let size = table.page_size() * table.page_size() / 8;
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let cpus = [1, 2].map(|seed: u64| {
            let (table, over) = (&table, &over);
            scope.spawn(move || {
                let (mut cpu, mut page, mut right) = (table.cpu(0, 0)?, seed, true);
                while !over.load(Ordering::Relaxed) {
                    page = (page + 1) % (size / table.page_size());
                    let address = page * table.page_size();
                    right &= cpu.access(address, READ).map_or(true, |oa| oa == address);
                }
                Ok::<_, ptw::Error>(right)
            })
        });
        let turns = (0..2000).try_for_each(|turn| {
            let range = turn % 2 * size..(turn % 2 + 1) * size;
            table.map(range.clone(), range.start, READ | WRITE)?;
            table.unmap(range)?;
            Ok::<_, ptw::Error>(())
        });
        over.store(true, Ordering::Relaxed);
        let mut right = true;
        for cpu in cpus {
            right &= cpu.join().expect("a processor panicked")?;
        }
        turns.map(|()| right)
    })
}

fn main() {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "ept4".to_string());
    if argument == "--layouts" {
        ptw::layouts().iter().for_each(|line| println!("{line}"));
        return;
    }
    match run(&argument).and_then(|right| Ok(right && remap(&argument)?)) {
        Ok(true) => {}
        Ok(false) => {
            eprintln!("hot_pages: what was found is not what was used");
            std::process::exit(1);
        }
        Err(error) => {
            eprintln!("hot_pages: {argument}: {error}; ept4 and arm64-s2-4k are presets that exist");
            std::process::exit(2);
        }
    }
}

// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! Two processors use a guest's memory while a third thread harvests it, without a lock; at the end no use was lost.
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

fn main() {
    let argument = std::env::args().nth(1).unwrap_or_else(|| "ept4".to_string());
    if argument == "--layouts" {
        ptw::layouts().iter().for_each(|line| println!("{line}"));
        return;
    }
    match run(&argument) {
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

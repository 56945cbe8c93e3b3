// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What the Rust binding gives when a call ends half-way; but for race, under LD_PRELOAD of again.c. Fails by a panic.
//!
//! usage: again goes-on | tells | ends | block | map | race, each with its environment set (run.sh)

#[allow(dead_code)]
#[path = "../../bindings/rust/ptw.rs"]
mod ptw;

use ptw::{Error, Found, PageTable, READ, WRITE};

const PAGE: u64 = 4096;

/// Pages `used` of [128, 1024) are young.
fn used_table(used: &[u64]) -> PageTable {
    let table = PageTable::new("ept4").unwrap();
    table.map(128 * PAGE..1024 * PAGE, 0, READ | WRITE).unwrap();
    let mut cpu = table.cpu(0, 0).unwrap();
    used.iter().for_each(|page| assert!(cpu.access(page * PAGE, READ).is_some()));
    drop(cpu);
    table
}

fn pages(found: &Found) -> Vec<u64> {
    Found::pages(&found.young, found.first_page).collect()
}

/// Three threads unmap the same pages, which all were used: each is told by one of them.
fn race(preset: &str) {
    const PAGES: u64 = 4096;
    let table = PageTable::new(preset).unwrap();
    for _ in 0..100 {
        table.map(0..PAGES * PAGE, 0, READ | WRITE).unwrap();
        let mut cpu = table.cpu(0, 0).unwrap();
        (0..PAGES).for_each(|page| assert!(cpu.access(page * PAGE, READ).is_some()));
        let found: Vec<Found> = std::thread::scope(|scope| {
            let ranges = [0..PAGES, PAGES / 4 + 3..PAGES, 0..PAGES / 2 + 77];
            let threads = ranges.map(|range| {
                let table = &table;
                scope.spawn(move || table.unmap(range.start * PAGE..range.end * PAGE).unwrap())
            });
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let mut told: Vec<u64> = found.iter().flat_map(pages).collect();
        told.sort_unstable();
        assert!(told.iter().copied().eq(0..PAGES), "{} told", told.len());
        assert_eq!(found.iter().map(|found| found.young_pages).sum::<u64>(), PAGES);
    }
}

fn main() {
    let used = [130, 400, 580, 1023];
    match std::env::args().nth(1).as_deref() {
        Some("goes-on") => {
            let found = used_table(&used).unmap(128 * PAGE..1024 * PAGE).unwrap();
            assert_eq!(pages(&found), used);
            assert_eq!(found.young_pages, 4);
        }
        Some("tells") => {
            let table = used_table(&used);
            let ended = table.unmap(128 * PAGE..1024 * PAGE).unwrap_err();
            assert_eq!((ended.error, ended.reached), (Error(-27), 576 * PAGE));
            assert_eq!((pages(&ended.found), ended.found.young_pages), (vec![130, 400], 2));
            let rest = table.unmap(ended.reached..1024 * PAGE).unwrap();
            assert_eq!(pages(&rest), [580, 1023]);
        }
        Some("ends") => {
            let ended = used_table(&used).unmap(128 * PAGE..1024 * PAGE).unwrap_err();
            assert_eq!((ended.error, ended.reached), (Error(-17), 128 * PAGE));
        }
        Some("block") => {
            let table = used_table(&used);
            let ended = table.unmap(128 * PAGE..1024 * PAGE).unwrap_err();
            assert_eq!((ended.error, ended.reached, ended.at), (Error(-16), 576 * PAGE, 1023 * PAGE));
            assert_eq!(pages(&ended.found), [130, 400]);
            assert_eq!(pages(&table.unmap(ended.reached..1024 * PAGE).unwrap()), [580, 1023]);
            table.map(60 * PAGE..61 * PAGE, 0, READ).unwrap();
            let ended = table.map(0..64 * PAGE, 0, READ).unwrap_err();
            assert_eq!((ended.error, ended.reached, ended.at), (Error(-13), 0, 60 * PAGE));
        }
        Some("map") => {
            let table = used_table(&used);
            let mut cpu = table.cpu(0, 0).unwrap();
            (128..1024).for_each(|page| assert_eq!(cpu.access(page * PAGE, READ), Some((page - 128) * PAGE)));
        }
        Some("race") => ["ept4", "arm64-s2-4k"].iter().for_each(|preset| race(preset)),
        _ => std::process::exit(2),
    }
}

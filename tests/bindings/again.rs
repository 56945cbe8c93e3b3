// SPDX-License-Identifier: GPL-2.0-only OR MIT
//! What the Rust binding gives when a call ends half-way; under LD_PRELOAD of again.c. Fails by a panic.
//!
//! usage: again goes-on | tells | ends | map, each with its environment set (run.sh)

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
        Some("map") => {
            let table = used_table(&used);
            let mut cpu = table.cpu(0, 0).unwrap();
            (128..1024).for_each(|page| assert_eq!(cpu.access(page * PAGE, READ), Some((page - 128) * PAGE)));
        }
        _ => std::process::exit(2),
    }
}

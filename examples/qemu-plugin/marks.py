#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Copies a guest's console from standard input to standard output, and sends a mark to the plugin's socket where a
phase begins: where the kernel says so, and at lines "phase: NAME" of the guest's.

marks.py SOCKET
"""
import socket
import sys


# What the kernel writes when a phase begins.
KERNEL = {"Linux version": "kernel", "smp: Brought up": "drivers"}


def mark(path, text):
    try:
        with socket.socket(socket.AF_UNIX) as plugin:
            plugin.settimeout(10)
            plugin.connect(path)
            plugin.sendall(f"mark {text}\n".encode())
            plugin.recv(16)
    except OSError as error:
        print(f"marks.py: no mark {text!r}: {path}: {error.strerror or error}", file=sys.stderr)


def main():
    if len(sys.argv) != 2:
        print(__doc__, file=sys.stderr)
        sys.exit(2)
    to_come = dict(KERNEL)
    for line in sys.stdin.buffer:
        text = line.decode("ascii", "replace").rstrip()
        print(text, flush=True)
        if text.startswith("phase: "):
            mark(sys.argv[1], text[len("phase: "):])
        for words in [words for words in to_come if words in text]:
            mark(sys.argv[1], to_come.pop(words))


main()

#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Copies a guest's console from standard input to standard output. Where a phase begins, it is told on standard error
with the seconds since the start, and the plugin's socket is sent a mark: where the kernel says so, and at lines
"phase: NAME" of the guest's.

marks.py [SOCKET]       without one nobody is sent marks
"""
import socket
import sys
import time


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


def tell(began, name):
    print(f"{time.monotonic() - began:6.0f} s  {name}", file=sys.stderr, flush=True)


def main():
    if len(sys.argv) > 2 or sys.argv[1:] in (["-h"], ["--help"]):
        print(__doc__, file=sys.stderr)
        sys.exit(2 if len(sys.argv) > 2 else 0)
    began = time.monotonic()
    to_come = dict(KERNEL)

    def phase(name):
        if len(sys.argv) == 2:
            mark(sys.argv[1], name)
        tell(began, name)

    tell(began, "loader")
    for line in sys.stdin.buffer:
        text = line.decode("ascii", "replace").rstrip()
        print(text, flush=True)
        if text.startswith("phase: "):
            phase(text[len("phase: "):])
        for words in [words for words in to_come if words in text]:
            phase(to_come.pop(words))


main()

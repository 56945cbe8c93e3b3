#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""Copies a guest's console from standard input to standard output, and sends a mark to the plugin's socket where a
phase begins: at the kernel's first line, and at lines "phase: NAME" of the guest's.

marks.py SOCKET
"""
import socket
import sys


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
    kernel = False
    for line in sys.stdin.buffer:
        text = line.decode("ascii", "replace").rstrip()
        print(text, flush=True)
        if text.startswith("phase: "):
            mark(sys.argv[1], text[len("phase: "):])
        elif "Linux version" in text and not kernel:
            kernel = True
            mark(sys.argv[1], "kernel")


main()

# SPDX-License-Identifier: GPL-2.0-only OR MIT
"""python3 setup.py build --build-lib DIR; needs cffi, a C compiler and libptw."""
from setuptools import setup

setup(name="ptw", version="0.1.0", description="Which pages are hot: page tables, harvests, ages and engines of libptw",
      license="GPL-2.0-only OR MIT", py_modules=["ptw"], setup_requires=["cffi"], install_requires=["cffi"],
      cffi_modules=["build_ptw.py:ffibuilder"])

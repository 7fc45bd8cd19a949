"""
The process that fuzzes one target: `python -m bench.fuzz.process TARGET [libFuzzer's arguments]`.

A file among the arguments is tried once: so a finding is looked at again.
"""

from __future__ import annotations

import sys

import atheris
import structlog

# Comparisons of texts guide it, too. (Patterns would: the library fails at some that other libraries compile.)
atheris.enabled_hooks.add("str")
# Only what is imported inside is watched: the product, and not the libraries around it.
with atheris.instrument_imports(include=["telemetra"]):
    from bench.fuzz.targets import TARGETS

if __name__ == "__main__":
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    target = TARGETS[sys.argv[1]]
    atheris.Setup([sys.argv[0], *sys.argv[2:]], target.check)
    atheris.Fuzz()

"""Millions of 8-byte reads a second by drgn, each translated.

Arguments: an ELF core, the address of 16 MiB in the direct map, and the order of the reads.
"""

import random
import sys
import time

import drgn

READS = 300_000
RUNS = 7
WORDS = {"anywhere in 4 MiB": 4 * 1024 * 1024 // 8, "anywhere in 16 MiB": 16 * 1024 * 1024 // 8}

core, base, order = sys.argv[1:]
prog = drgn.Program()
prog.set_core_dump(core)
start = int(base, 16)
if order == "one after the other":
    addresses = [start + 8 * i for i in range(READS)]
else:
    addresses = [start + 8 * random.randrange(WORDS[order]) for _ in range(READS)]

read_u64 = prog.read_u64
best = float("inf")
for _ in range(RUNS):
    started = time.perf_counter()
    for address in addresses:
        read_u64(address)
    best = min(best, time.perf_counter() - started)
print(READS / best / 1e6)

"""Millions of translated 8-byte reads a second by drgn, a line for each pattern.

Arguments: an ELF core, the base of the direct map, and pairs of bytes and whether to read at random.
"""

import random
import sys
import time

import drgn

READS = 300_000
RUNS = 7

prog = drgn.Program()
prog.set_core_dump(sys.argv[1])
base = int(sys.argv[2], 16)
read_u64 = prog.read_u64
for size, at_random in zip(sys.argv[3::2], sys.argv[4::2]):
    words = int(size) // 8
    if at_random == "true":
        addresses = [base + 8 * random.randrange(words) for _ in range(READS)]
    else:
        addresses = [base + 8 * (i % words) for i in range(READS)]
    best = float("inf")
    for _ in range(RUNS):
        started = time.perf_counter()
        for address in addresses:
            read_u64(address)
        best = min(best, time.perf_counter() - started)
    print(READS / best / 1e6)

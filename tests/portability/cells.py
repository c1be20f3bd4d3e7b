#!/usr/bin/env python3
"""One digest from every kernel, instruction set, number of threads, shape of lanes, compiler and optimisation.

  cells.py pairs|full|print EXACT_DIGEST FREQUENCIES [SOURCE_FOLDER WORK_FOLDER]

Compares what EXACT_DIGEST gives with the digests of the file FREQUENCIES. With SOURCE_FOLDER also other builds of it,
which are made in WORK_FOLDER. `pairs` runs so many cells that every two levels of any two factors meet:
each model meets every kernel, number of threads, way and mode, and with SOURCE_FOLDER one other build. `full` runs all cells
of this build, and all kernels, lanes, ways and modes of the others. `print` writes the contents of a new FREQUENCIES, by
the plain kernels.

What this processor lacks is left out and named. Ends with 77 where all is well but a compiler is missing.
"""
import itertools
import os
import re
import shutil
import subprocess
import sys

OWN = 'this build'
# Flags that break the contract, were they not undone (tools/cmake/OccamLibrary.cmake).
FAST = '-Ofast -ffast-math -funsafe-math-optimizations -ffp-contract=fast'
BUILDS = [('g++', '-O0'), ('g++', '-O2'), ('g++', '-O3'), ('g++', FAST), ('clang++', '-O3'), ('clang++', FAST)]
# Among pairs one other build: of another compiler, the one that differs most from the usual build, g++ -O3.
PAIRED_BUILDS = [('clang++', FAST)]
OUR_ISAS = ['SSE41', 'AVX2', 'AVX512_CORE', 'AVX512_CORE_VNNI', 'AVX512_CORE_BF16', 'AVX512_CORE_AMX']
ONEDNN_ISAS = ['SSE41', 'AVX', 'AVX2', 'AVX512_CORE', 'AVX512_CORE_VNNI', 'AVX512_CORE_BF16', 'AVX512_CORE_AMX']
# Our kernels of these levels are called by them; those above take the last.
OWN_KERNELS = ['SSE41', 'AVX2', 'AVX512_CORE', 'AVX512_CORE_VNNI']
THREADS = ['1', '2', '3', '8']
LANES = ['1', '3', '64', 'unequal', 'tiny']
MODELS = ['edges', 'memory', 'signals', 'lattice', 'kinds', 'imported', 'shaped', 'fine', 'vocabulary']  # more models, which take longer
WAYS = ['score', 'step']
MODES = ['usual', 'flushing', 'upward', 'downward', 'zero']


def covering_rows(factors):
    """Rows with a level of each factor, such that every two levels of any two factors meet in one (all pairs, greedily)."""
    numbers = range(len(factors))
    missing = {(i, a, j, b) for i in numbers for j in numbers if i < j for a in factors[i] for b in factors[j]}

    def gain(row, i, level):
        return sum(((min(i, j), *((level, j, row[j]) if i < j else (row[j], i, level))) in missing) for j in row)

    rows = []
    while missing:
        i, a, j, b = min(missing)
        row = {i: a, j: b}
        for k in numbers:
            if k not in row:
                # Among equals another one each time.
                order = factors[k][len(rows) % len(factors[k]):] + factors[k][:len(rows) % len(factors[k])]
                row[k] = max(order, key=lambda level: gain(row, k, level))
        missing -= {(i, row[i], j, row[j]) for i in numbers for j in numbers if i < j}
        rows.append(tuple(row[k] for k in numbers))
    return rows


def up_to(isas, best):
    known = isas[:isas.index(best) + 1] if best in isas else []
    return known, isas[len(known):]


def kernel_levels(what, program):
    """Names of kernels and limits, and the names of what this processor lacks."""
    about = subprocess.run([program, 'about'], check=True, capture_output=True, text=True).stdout
    best = re.search(r'^isa (\S+)$', about, re.M).group(1)
    ours, no_ours = up_to(OUR_ISAS, best)
    theirs, no_theirs = up_to(ONEDNN_ISAS, best)
    # Among pairs each kernel is there once: a limit of PLAIN gives `plain`, BF16 has the kernels of VNNI, and the exact network
    # has nothing of oneDNN's.
    if what == 'pairs':
        ours = [isa for isa in ours if isa != 'AVX512_CORE_BF16' or 'AVX512_CORE_VNNI' not in ours]
        return ['plain'] + [f'OCCAM_MAX_ISA={x}' for x in ours], no_ours
    levels = ['plain'] + [f'OCCAM_MAX_ISA={x}' for x in ['PLAIN'] + ours]
    return levels + [f'ONEDNN_MAX_CPU_ISA={x}' for x in theirs], sorted({*no_ours, *no_theirs})


def build(source, work, compiler, level):
    """The program from another compiler or optimisation, None where there is no such compiler."""
    if shutil.which(compiler) is None:
        return None
    folder = os.path.join(work, f'{compiler}{level}'.replace(' ', ''))
    for command in (['cmake', '-S', source, '-B', folder, '-G', 'Ninja', '-DCMAKE_BUILD_TYPE=None',
                     f'-DCMAKE_CXX_COMPILER={compiler}', f'-DCMAKE_CXX_FLAGS={level} -DNDEBUG', '-DOCCAM_MPI=OFF'],
                    ['cmake', '--build', folder, '--target', 'exact_digest']):
        done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode != 0:
            sys.exit(f'{compiler} {level}: {" ".join(command)} fails:\n{done.stdout[-4000:]}')
    return os.path.join(folder, 'bin', 'exact_digest')


def run(program, kernels, cells):
    """The lines of the program for the cells, and the name of the kernels."""
    environment = {k: v for k, v in os.environ.items() if k not in ('OCCAM_MAX_ISA', 'ONEDNN_MAX_CPU_ISA')}
    if '=' in kernels:
        name, value = kernels.split('=')
        environment[name] = value
    done = subprocess.run([program, 'plain' if kernels == 'plain' else 'fast', *cells], env=environment,
                          capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f'{program} with {kernels} fails: {done.stderr}')
    used = done.stderr.split('\n')[0]
    limit = kernels.removeprefix('OCCAM_MAX_ISA=')
    if limit in OWN_KERNELS and used != limit:
        sys.exit(f'{kernels} gives the kernels {used}')
    if kernels in ('plain', 'OCCAM_MAX_ISA=PLAIN') and used != 'plain':
        sys.exit(f'{kernels} gives the kernels {used}')
    return done.stdout.splitlines(), used


def cells_of(what, builds, kernels):
    """Pairs (build, kernels) with their cells, THREADS,LANES,WAY,MODE."""
    if what == 'pairs':
        rows = covering_rows([list(builds), kernels, THREADS, LANES + MODELS, WAYS, MODES])
        # Limits that give kernels of another name, once.
        rows += [(OWN, f'OCCAM_MAX_ISA={isa}', '2', '3', way, 'usual') for isa in ['PLAIN', 'AVX512_CORE_BF16'] for way in WAYS]
        rows += [(OWN, 'ONEDNN_MAX_CPU_ISA=SSE41', '2', '3', way, 'usual') for way in WAYS]
    else:
        # This build alone meets oneDNN's limits, which must not matter, and every number of threads, which hands out work:
        # no compiler has a part in either.
        ours = [kernel for kernel in kernels if not kernel.startswith('ONEDNN')]
        theirs = [kernel for kernel in kernels if kernel.startswith('ONEDNN')]
        others = [name for name in builds if name != OWN]
        rows = list(itertools.product([OWN], ours, THREADS, LANES + MODELS, WAYS, ['usual']))
        rows += itertools.product([OWN], ours, THREADS, ['unequal'], WAYS, MODES[1:])
        rows += itertools.product([OWN], theirs, ['2'], LANES, WAYS, ['usual'])
        rows += itertools.product(others, ours, ['2'], LANES + MODELS, WAYS, ['usual'])
        rows += itertools.product(others, ours, ['3'], ['unequal'], WAYS, MODES[1:])
    groups = {}
    for row in rows:
        groups.setdefault(row[:2], []).append(','.join(row[2:]))
    return groups


def check(what, program, frequencies, builds):
    with open(frequencies) as file:
        wanted = dict(line.split() for line in file if not line.startswith('#'))
    about = subprocess.run([program, 'about'], check=True, capture_output=True, text=True).stdout
    if f'contract {wanted["contract"]}' not in about.splitlines():
        sys.exit(f'{frequencies} is of contract {wanted["contract"]}; for a new contract write it anew (see its first lines)')
    kernels, lacking = kernel_levels(what, program)
    if lacking:
        print('not on this processor, not run:', *lacking)
    failed = count = 0
    for (name, kernel), cells in cells_of(what, builds, kernels).items():
        lines, used = run(builds[name], kernel, cells)
        wrong = [f'{cell}: {line}' for cell, line in zip(cells, lines, strict=True)
                 if line != f'{cell.split(",")[1]} {wanted[cell.split(",")[1]]}']
        count += len(cells)
        failed += len(wrong)
        print(f'{name}, {kernel} ({used}): {len(cells)} cells, {len(wrong)} differ', *wrong, sep='\n  ', flush=True)
    print(f'{count} cells, {failed} differ')
    if failed:
        sys.exit('Other frequencies are another numeric contract: see docs/spec/contract.md and docs/portability.md')


def main():
    if len(sys.argv) not in (4, 6) or sys.argv[1] not in ('pairs', 'full', 'print'):
        sys.exit(__doc__)
    what, program, frequencies = sys.argv[1:4]
    if what == 'print':
        lines, _ = run(program, 'plain', [f'1,{lanes},score,usual' for lanes in LANES + MODELS])
        about = subprocess.run([program, 'about'], check=True, capture_output=True, text=True).stdout
        print(about.splitlines()[0], *lines, sep='\n')
        return
    builds = {OWN: program}
    missing = []
    if len(sys.argv) == 6:
        for compiler, level in PAIRED_BUILDS if what == 'pairs' else BUILDS:
            other = build(*sys.argv[4:], compiler, level)
            if other is None:
                missing.append(compiler)
            else:
                builds[f'{compiler} {level}'] = other
    check(what, program, frequencies, builds)
    if missing:
        print('no such compiler here, not run:', *missing)
        sys.exit(77)


if __name__ == '__main__':
    main()

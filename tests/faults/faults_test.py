#!/usr/bin/env python3
"""Commands of which one system call or one allocation fails: they succeed all the same, or say so and leave nothing behind.

  faults_test.py BIN_FOLDER FAULT_LIBRARY [--full] [--only TEXT]

FAULT_LIBRARY is made of fault.cc. Each command is run as often as it makes calls, or with a choice of them, each time with
another one failing. Then

- the exit code is 0, 3 (a system call failed, or there was no memory) or, of a command that cannot start its threads, 2;
- 0 means that the output is what it is without a fault;
- otherwise standard error has one line for what failed, and each output is what it was before, or whole;
- no other file has changed, and none has come.

Some libraries of others crash where they get no memory; fault.cc names them and lets them have it.

--only takes commands whose names contain the text, or faults whose names do, such as memory.
"""
import argparse
import concurrent.futures
import dataclasses
import errno
import os
import shutil
import subprocess
import sys
import tempfile
import threading


@dataclasses.dataclass
class Command:
    name: str
    arguments: list
    outputs: tuple = ()         # files that are the same each time
    checkpoints: tuple = ()     # files that hold times; they must be whole
    logs: tuple = ()            # files that may be in any state
    removes: tuple = ()         # inputs that may go once the outputs are there
    stdin: str = ''
    quick: bool = False         # whether a quick test runs it
    lines: int = 1              # of standard error at most: one an input
    timed: bool = False         # whether standard output tells speeds


TRAINING = ['--width', '16', '--layers', '2', '--context', '32', '--batch', '2', '--steps', '3', '-q', '-T', '2']
MODEL = ['--ckpt', 'tiny.occm', '-q']

COMMANDS = [
    Command('compress', ['compress', *MODEL, '-T', '2', '-o', 'out', 'small'], ('out',), quick=True),
    Command('compress over a file', ['compress', *MODEL, '-f', '-o', 'old', 'small'], ('old',)),
    Command('compress --rm', ['compress', *MODEL, '--rm', 'small'], ('small.occ',), removes=('small',), quick=True),
    Command('compress several', ['compress', *MODEL, 'small', 'old'], ('small.occ', 'old.occ'), lines=2),
    Command('compress --embed-model', ['compress', *MODEL, '--embed-model', '--mode', 'adaptive', '-o', 'out', 'small'], ('out',)),
    Command('compress of a pipe', ['compress', *MODEL, '-c'], stdin='small'),
    Command('decompress', ['decompress', *MODEL, '-T', '2', '-o', 'out', 'text.occ'], ('out',), quick=True),
    Command('decompress --range', ['decompress', *MODEL, '--range', '100:500', '-o', 'out', 'text.occ'], ('out',)),
    Command('decompress --keep-going', ['decompress', *MODEL, '--keep-going', '-o', 'out', 'text.occ'], ('out',)),
    Command('decompress --rm', ['decompress', *MODEL, '--rm', 'text.occ'], ('text',), removes=('text.occ',)),
    Command('decompress of a pipe', ['decompress', *MODEL, '-c'], stdin='text.occ'),
    Command('decompress with its model', ['decompress', '-q', '-o', 'out', 'embedded.occ'], ('out',)),
    Command('decompress -t', ['decompress', *MODEL, '-t', 'text.occ']),
    Command('compress -l', ['compress', '-l', 'text.occ']),
    Command('train', ['train', *TRAINING, '--data', 'text', '--out', 'out.h5'],
            ('out.occm',), ('out.h5', 'out.best.h5'), ('out.log.jsonl', 'out.best.occm', 'out.train.lock'), quick=True),
    Command('train --resume', ['train', '--resume', '--out', 'tiny.h5', '-q', '-T', '2', '--data', 'text'],
            ('tiny.occm',), ('tiny.h5', 'tiny.best.h5'), ('tiny.log.jsonl', 'tiny.best.occm', 'tiny.train.lock')),
    Command('inspect', ['inspect', 'tiny.h5']),
    Command('inspect of a model', ['inspect', 'tiny.occm']),
    Command('inspect of an archive', ['inspect', 'embedded.occ']),
    Command('inspect --release', ['inspect', 'tiny.h5', '--release', 'out'], ('out',)),
    Command('inspect --export', ['inspect', 'tiny.h5', '--export', 'out'], ('out',), quick=True),
    Command('prepare bytes', ['prepare', 'bytes', '--out', 'out.set', 'text'], ('out.set', 'out.set.json')),
    Command('prepare images', ['prepare', 'images', '--validation-files', '1', '--out', 'out.set', 'pictures'],
            ('out.set', 'out.set.json')),
    Command('evaluate', ['evaluate', '--ckpt', 'tiny.occm', '--data', 'small'], timed=True),
    Command('evaluate --float', ['evaluate', '--ckpt', 'tiny.h5', '--float', '--data', 'small'], timed=True),
    Command('generate', ['generate', '--ckpt', 'tiny.occm', '--prompt', 'the', '--bytes', '50', '-o', 'out'], ('out',)),
    Command('baselines', ['baselines', 'small'], timed=True),
]


@dataclasses.dataclass
class Fault:
    call: str
    error: int = 0
    on: bool = False            # the call fails from then on
    codes: tuple = (0, 3)
    most: int = 20              # calls tried, of a full test
    quick: int = 0              # calls tried, of a quick test

    @property
    def name(self):
        return f'{self.call} {errno.errorcode.get(self.error, "")}{" from then on" if self.on else ""}'


FAULTS = [
    Fault('read', errno.EIO, quick=1),
    Fault('shortread', on=True, codes=(0,)),
    Fault('pread', errno.EIO),
    Fault('write', errno.ENOSPC, quick=1),
    Fault('write', errno.ENOSPC, on=True),
    Fault('shortwrite', on=True, codes=(0,), quick=1),
    Fault('pwrite', errno.ENOSPC),
    Fault('open', errno.EMFILE, quick=1),
    Fault('open', errno.EACCES),
    Fault('openfolder', errno.EACCES),
    Fault('close', errno.EIO, quick=1),
    Fault('sync', errno.EIO, quick=1),
    Fault('rename', errno.EACCES, quick=1),
    Fault('link', errno.EPERM, quick=1),
    Fault('unlink', errno.EROFS),
    Fault('stat', errno.EIO, quick=1),
    Fault('seek', errno.ESPIPE),
    Fault('mode', errno.EPERM),
    Fault('owner', errno.EPERM),
    Fault('times', errno.EPERM),
    Fault('lock', errno.ENOLCK),
    Fault('temporary', errno.EOPNOTSUPP),
    Fault('temporary', errno.ENOSPC, on=True),
    Fault('truncate', errno.EIO),
    Fault('wait', errno.EINTR),
    Fault('map', errno.ENOMEM),
    Fault('makefolder', errno.EACCES),
    Fault('thread', errno.EAGAIN, codes=(0, 2, 3)),
    Fault('thread', errno.EAGAIN, on=True, codes=(0, 2, 3)),
    Fault('memory', errno.ENOMEM, most=60, quick=2),
    Fault('memory', errno.ENOMEM, on=True, most=30, quick=2),
]


@dataclasses.dataclass
class Outcome:
    code: int
    stdout: bytes
    stderr: bytes
    files: dict                 # name: contents


def contents(folder):
    found = {}
    for where, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(where, name)
            with open(path, 'rb') as file:
                found[os.path.relpath(path, folder)] = file.read()
    return found


def chosen(count, most):
    """At most so many of the numbers 1 to count, evenly, with the first and the last."""
    if count <= most:
        return list(range(1, count + 1))
    if most == 1:
        return [(count + 1) // 2]
    return sorted({1 + round(i * (count - 1) / (most - 1)) for i in range(most)})


class Harness:
    def __init__(self, binaries, library, scratch):
        self.binaries = os.path.abspath(binaries)
        self.library = os.path.abspath(library)
        self.scratch = scratch
        self.template = os.path.join(scratch, 'template')
        self.before = {}
        self.numbers = iter(range(10**9))
        self.lock = threading.Lock()

    def plain(self, *arguments, **more):
        return subprocess.run([os.path.join(self.binaries, arguments[0]), *arguments[1:]], cwd=self.template, **more)

    def make_template(self):
        """The files that commands read, by the commands themselves."""
        os.makedirs(os.path.join(self.template, 'pictures'))
        words = 'the of and to in a is that it was for on are as with they at be this from'.split()
        text = ' '.join(words[(i * i + i // 7) % len(words)] for i in range(1500)) + '\n'
        for name, size in (('text', 6000), ('small', 700), ('old', 300)):
            with open(os.path.join(self.template, name), 'w', encoding='utf-8') as file:
                file.write(text[:size])
        for number in range(3):
            with open(os.path.join(self.template, 'pictures', f'{number}.pgm'), 'wb') as file:
                file.write(b'P5 64 32 255\n' + bytes((x * number + x // 64) % 256 for x in range(2048)))
        for arguments in (['train', *TRAINING, '--data', 'text', '--out', 'tiny.h5'],
                          ['compress', *MODEL, '-o', 'text.occ', 'text'],
                          ['compress', *MODEL, '--embed-model', '-o', 'embedded.occ', 'small']):
            self.plain(*arguments, check=True)
        os.remove(os.path.join(self.template, 'tiny.log.jsonl'))
        # What is restored must not be there yet.
        self.before = contents(self.template)

    def run(self, command, environment):
        """The command in a fresh copy of the template."""
        with self.lock:
            folder = os.path.join(self.scratch, str(next(self.numbers)))
        shutil.copytree(self.template, folder)
        if command.name == 'decompress --rm':
            os.remove(os.path.join(folder, 'text'))
        done = subprocess.run([os.path.join(self.binaries, command.arguments[0]), *command.arguments[1:]], cwd=folder,
                              env={**os.environ, **environment}, timeout=120, capture_output=True,
                              input=self.before[command.stdin] if command.stdin else b'')
        outcome = Outcome(done.returncode, done.stdout, done.stderr, contents(folder))
        return folder, outcome

    def run_and_remove(self, command, environment):
        folder, outcome = self.run(command, environment)
        shutil.rmtree(folder)
        return outcome

    def counts(self, command):
        """How often the command makes each call, and what it gives without a fault."""
        path = os.path.join(self.scratch, 'counts-' + command.name.replace(' ', '_'))
        outcome = self.run_and_remove(command, {'LD_PRELOAD': self.library, 'OCCAM_FAULT_COUNTS': path})
        if outcome.code != 0:
            sys.exit(f'{command.name} fails without a fault: {outcome.stderr.decode()}')
        with open(path, encoding='utf-8') as file:
            return {line.split()[0]: int(line.split()[1]) for line in file}, outcome

    def is_whole(self, folder, name):
        inspected = subprocess.run([os.path.join(self.binaries, 'inspect'), name], cwd=folder, capture_output=True)
        return inspected.returncode == 0

    def problems(self, command, fault, number, wanted):
        request = f'{fault.call}:{number}:{fault.error}{":on" if fault.on else ""}'
        folder, got = self.run(command, {'LD_PRELOAD': self.library, 'OCCAM_FAULT': request})
        found = list(self.faults_of(command, fault, folder, got, wanted))
        shutil.rmtree(folder)
        if not found:
            return None
        return f'{fault.name}: {", ".join(found)}; exit {got.code}, {got.stderr[:300].decode(errors="replace")!r}', number

    def faults_of(self, command, fault, folder, got, wanted):
        if got.code not in fault.codes:
            yield 'another exit code'
        if got.code == 0 and got.stdout != wanted.stdout and not (command.checkpoints or command.timed):
            yield 'other words on standard output'
        if got.code != 0 and not 1 <= got.stderr.count(b'\n') <= command.lines:
            yield 'too few or too many lines on standard error'
        if b'bug' in got.stderr:
            yield 'a bug'
        before = dict(self.before)
        if command.name == 'decompress --rm':
            del before['text']
        for name in command.outputs:
            now = got.files.get(name)
            whole = now == wanted.files[name]
            if not whole and (got.code == 0 or now != before.get(name)):
                yield f'{name} is {"missing" if now is None else "another"}'
        for name in command.checkpoints:
            if name in got.files and got.files[name] != before.get(name) and not self.is_whole(folder, name):
                yield f'{name} is not whole'
        for name in set(before) - set(got.files) - set(command.outputs + command.checkpoints + command.logs):
            done = all(got.files.get(output) == wanted.files[output] for output in command.outputs)
            if name not in command.removes or not done:
                yield f'{name} is gone'
        for name in set(got.files) - set(command.outputs + command.checkpoints + command.logs):
            if name not in before:
                if fault.call != 'unlink':
                    yield f'{name} is left behind'
            elif got.files[name] != before[name]:
                yield f'{name} has changed'


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('binaries')
    parser.add_argument('library')
    parser.add_argument('--full', action='store_true')
    parser.add_argument('--only', default='')
    options = parser.parse_args()
    failed = tried = 0
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        harness = Harness(options.binaries, options.library, scratch)
        harness.make_template()
        commands = [command for command in COMMANDS if options.full or command.quick]
        for command in commands:
            counts, wanted = harness.counts(command)
            jobs = []
            for fault in FAULTS:
                if options.only not in command.name and options.only not in fault.name:
                    continue
                for number in chosen(counts[fault.call], fault.most if options.full else fault.quick):
                    jobs.append(pool.submit(harness.problems, command, fault, number, wanted))
            found = {}
            for problem, number in filter(None, (job.result() for job in jobs)):
                found.setdefault(problem, []).append(number)
            tried += len(jobs)
            failed += sum(map(len, found.values()))
            print(f'{command.name}: {len(jobs)} faults', *(f'{problem}, calls {" ".join(map(str, numbers))}'
                                                           for problem, numbers in found.items()), sep='\n  ', flush=True)
    print(f'{tried} faults, {failed} problems')
    sys.exit(1 if failed or not tried else 0)


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""Compares what the pages say with the tree and the programs.

  check_pages.py ROOT [BIN_DIR]   checks the tracked files of ROOT; with BIN_DIR also flags against the --help of the commands
  check_pages.py --self-test      makes a small tree, and checks that each kind of mistake in it is found

Pages are the tracked .md files; comments of sources count for files and citations. Checked are

- versions: where a page names the numeric contract, the file format or a format of models, it names the code's;
- citations: "PAGE.md, section N" and "PAGE.md, "Heading"" name a heading that PAGE has;
- links of Markdown, with their anchors;
- files and folders that are named;
- flags: those on a line of a command are in that command's --help, others in the --help of some command or in a script.

Pages of history and of results say what was true then: there only links are checked.
"""
import os
import re
import subprocess
import sys
import tempfile

HISTORY = re.compile(r'^(CHANGELOG\.md|docs/decisions/|experiments/.+/|model/pretrained/[^/]+-[^/]+\.md)')
SOURCES = ('.h', '.cc', '.c', '.py', '.sh', '.cmake', '.map', 'CMakeLists.txt')

# What is versioned: the constant in the code, the file that defines it, and how pages speak of it.
VERSIONS = [
    ('kContractVersion', r'\.h$', [r'numeric contract (\d+)', r'[Cc]ontract version,? (\d+)',
                                   r'version of the numeric contract(?: \([^)]*\))?, (\d+)',
                                   r'^# The numeric contract, version (\d+)']),
    ('kContainerVersion', r'\.h$', [r'(?<!of )file format (\d+)', r'^# The compressed file, `\.occ`, format (\d+)']),
    ('kFormatVersion', r'quantized_model\.cc$', [r'^# The flat model file, format (\d+)']),
    ('kCodedMerges', r'model_codec\.cc$', [r'^# Coded models, formats 1 and (\d+)']),
]
# Flags of programs that are not ours, and names that are placeholders.
FOREIGN_FLAGS = set('''
    --help --version
    --preset --build --target --toolchain --test-dir --parallel --output-on-failure --install --prefix --config
    --cflags --libs
    --mca --map-by --bind-to --mpi
    --job-name --nodes --ntasks-per-node --cpus-per-task --exclusive --constraint --time --signal --requeue
    --kill-on-bad-exit --cpu-bind'''.split())
FILE = re.compile(r'(?<![\w./*{}$<~-])((?:\.\./)*(?:[\w.+-]+/)*[\w+-]+(?:\.test)?\.(?:h|cc|md|py|sh|cmake|toml))(?![\w/*}-]|\.\w)')
FOLDER = re.compile(r'`((?:\.\./)*(?:[\w-]+/)+)`')
FLAG = re.compile(r'(?<![\w-])(--[a-z][a-z0-9-]*[a-z0-9])(?![\w-])')


class Tree:
    """The tracked files of a folder, their text, and what is found wrong."""

    def __init__(self, root):
        self.root = root
        listed = subprocess.run(['git', '-C', root, 'ls-files', '-z'], check=True, capture_output=True, text=True).stdout
        self.files = {f for f in listed.split('\0') if f and os.path.exists(os.path.join(root, f))}
        self.folders = {part for f in self.files for part in parents(f)}
        self.ends = set()  # of all paths: "b" and "a/b" for "x/a/b"; folders end with /
        for path in [*self.files, *(folder + '/' for folder in self.folders)]:
            parts = path.split('/')
            self.ends.update('/'.join(parts[i:]) for i in range(len(parts)))
        self.cache = {}
        self.wrong = []

    def text(self, file):
        if file not in self.cache:
            with open(os.path.join(self.root, file), encoding='utf-8', errors='replace') as f:
                self.cache[file] = f.read()
        return self.cache[file]

    def pages(self):
        return sorted(f for f in self.files if f.endswith('.md'))

    def say(self, file, place, message):
        line = self.text(file).count('\n', 0, place) + 1
        self.wrong.append(f'{file}:{line}: {message}')


def parents(path):
    parts = path.split('/')[:-1]
    return ['/'.join(parts[:i + 1]) for i in range(len(parts))]


def comments_of(tree, file):
    """Yields (text, place) of the comments of a source, whole pages of a page."""
    text = tree.text(file)
    if file.endswith('.md'):
        yield text, 0
    elif file.endswith(('.h', '.cc', '.c')):
        for found in re.finditer(r'//[^\n]*(?:\n\s*//[^\n]*)*|/\*.*?\*/', text, re.S):
            yield found.group(), found.start()
    else:
        for found in re.finditer(r'(?m)(?:^|\s)#(?!!)[^\n]*(?:\n\s*#[^\n]*)*', text):
            yield found.group(), found.start()


def speakers(tree):
    """Files whose words are checked: pages that are not history, and comments."""
    for file in sorted(tree.files):
        if HISTORY.search(file):
            continue
        if file.endswith('.md') or file.endswith(SOURCES):
            yield file


def check_versions(tree):
    for name, where, patterns in VERSIONS:
        values = {int(v) for f in tree.files if re.search(where, f) and f.endswith(('.h', '.cc'))
                  for v in re.findall(rf'constexpr \w+ {name} = (\d+)', tree.text(f))}
        if len(values) != 1:
            tree.wrong.append(f'check_pages.py: {name} is defined {len(values)} times in files like {where}')
            continue
        value = values.pop()
        told = 0
        for file in speakers(tree):
            for text, start in comments_of(tree, file):
                for pattern in patterns:
                    for found in re.finditer(pattern, text, re.M):
                        told += 1
                        if int(found.group(1)) != value:
                            tree.say(file, start + found.start(), f'"{found.group()}", but {name} is {value}')
        if told == 0:
            tree.wrong.append(f'check_pages.py: no page tells {name}, or none in the words that are looked for: {patterns}')


def headings(tree, page):
    return [h.strip() for h in re.findall(r'(?m)^#+ (.*)$', tree.text(page))]


def check_citations(tree):
    pages = {f.rsplit('/', 1)[-1]: f for f in tree.pages() if f.count('/') <= 1 or f.startswith('docs/spec/')}
    pattern = re.compile(r'([\w/]*\w\.md)`?(?:\]\([^)]*\))?,?\s+(?://\s*|#\s*)?(?:sections?\s+(\d+(?:\.\d+)*)|"([^"]+)")|\b[Ff]acts,\s+(?:section\s+)?(\d+)')
    for file in speakers(tree):
        for text, start in comments_of(tree, file):
            for found in pattern.finditer(text):
                page = pages.get((found.group(1) or 'facts.md').rsplit('/', 1)[-1])
                if page is None:
                    continue  # a missing file is found below
                number = found.group(2) or found.group(4)
                if number is not None:
                    ok = any(re.match(rf'{re.escape(number)}(?![\d.]*\d)', h) for h in headings(tree, page))
                else:
                    ok = re.sub(r'\s+(?://|#)?\s*', ' ', found.group(3)) in headings(tree, page)
                if not ok:
                    tree.say(file, start + found.start(), f'{page} has no such section: "{" ".join(found.group().split())}"')


def anchor(heading):
    """As GitHub makes it of a heading."""
    return re.sub(r'[^\w\- ]', '', re.sub(r'\[([^]]*)\]\([^)]*\)', r'\1', heading).lower()).replace(' ', '-')


def check_links(tree):
    for page in tree.pages():
        for found in re.finditer(r'\]\(([^)\s]+)\)', re.sub(r'`[^`\n]*`', lambda m: ' ' * len(m.group()), tree.text(page))):
            target, _, fragment = found.group(1).partition('#')
            if re.match(r'[a-z]+:', target):
                continue
            path = os.path.normpath(os.path.join(os.path.dirname(page), target)) if target else page
            if path not in tree.files and path not in tree.folders and path != '.':
                tree.say(page, found.start(), f'the link {found.group(1)} leads nowhere')
            elif fragment and path.endswith('.md') and fragment not in [anchor(h) for h in headings(tree, path)]:
                tree.say(page, found.start(), f'{path} has no heading #{fragment}')


def exists(tree, file, name):
    """Whether a name that `file` uses is a tracked file: from the root, from its folder, or the end of some path."""
    here = os.path.normpath(os.path.join(os.path.dirname(file), name)) + ('/' if name.endswith('/') else '')
    return name in tree.ends or here in tree.ends


def check_files(tree):
    # Headers of others, and files that pages or build steps write.
    others = {os.path.basename(h) for f in tree.files if f.endswith(('.h', '.cc', '.c'))
              for h in re.findall(r'(?m)^\s*#\s*(?:include|if __has_include\()\s*<([^>]+)>', tree.text(f))}
    made = {os.path.basename(f)[:-3] for f in tree.files if f.endswith('.in')}
    for file in speakers(tree):
        for text, start in comments_of(tree, file):
            for found in [*FILE.finditer(text), *FOLDER.finditer(text)]:
                name = found.group(1)
                stem, extension = os.path.splitext(os.path.basename(name))
                if 'NAME' in name or text[:found.start()].endswith('>') or (stem.isupper() and extension != '.md'):
                    continue  # NAME.md, <name>.h, SPEC.toml stand for others
                base = os.path.basename(name)
                foreign = base in others | made | {'version.h'} 
                if '://' in text[max(0, found.start() - 60):found.start()].split(' ')[-1]:
                    continue
                if not exists(tree, file, name) and not (foreign and '/' not in name):
                    tree.say(file, start + found.start(), f'there is no {name}')


def help_of(program):
    return subprocess.run([program, '--help'], check=True, capture_output=True, text=True).stdout


def check_flags(tree, binaries):
    commands = ['train', 'compress', 'decompress', 'benchmark', 'evaluate', 'explain', 'baselines', 'generate', 'import', 'inspect', 'prepare']
    own = {c: set(FLAG.findall(help_of(os.path.join(binaries, c)))) for c in commands}
    known = set().union(*own.values()) | FOREIGN_FLAGS
    for file in tree.files:
        if file.endswith('.py'):
            known.update(re.findall(r'''["'](--[a-z][a-z0-9-]*)["']''', tree.text(file)))
        elif file.endswith('.sh') or file.startswith('tests/benchmark/'):
            known.update(FLAG.findall(tree.text(file)))
    call = re.compile(r'(?:^|[`|(]|\boccam)\s*(?:build/\w+/bin/)?(' + '|'.join(commands) + r')\s+(-[^`|#\n]*|[^`|#\n]*?\s-[^`|#\n]*)')
    for page in tree.pages():
        if HISTORY.search(page):
            continue
        text = tree.text(page)
        for found in FLAG.finditer(text):
            if found.group(1) not in known:
                tree.say(page, found.start(), f'no command and no script has {found.group(1)}')
        place = 0
        for line in text.split('\n'):
            code = line.startswith('    ') or '`' in line
            for found in call.finditer(line.strip() if line.startswith('    ') else line) if code else ():
                for flag in FLAG.findall(found.group(2)):
                    if flag not in own[found.group(1)] and flag in known - FOREIGN_FLAGS:
                        tree.say(page, place, f'{found.group(1)} has no {flag}')
            place += len(line) + 1


def check(root, binaries=None):
    """Returns what is wrong, a line each."""
    tree = Tree(root)
    check_versions(tree)
    check_citations(tree)
    check_links(tree)
    check_files(tree)
    if binaries:
        check_flags(tree, binaries)
    return tree.wrong


SAMPLE = {
    'lib/quantized_model.h': 'constexpr int kContractVersion = 7;\n// See facts.md, "Arithmetic", and lib/FORMAT.md.\n',
    'lib/container.h': '#include <png.h>\nconstexpr int kContainerVersion = 4;\n// png.h is of others.\n',
    'lib/quantized_model.cc': 'constexpr uint32_t kFormatVersion = 2;\n',
    'lib/model_codec.cc': 'constexpr uint32_t kCodedMerges = 3;\n',
    'lib/FORMAT.md': '# The flat model file, format 2\n\n# Coded models, formats 1 and 3\n',
    'docs/facts.md': '# Facts\n\n## Arithmetic\n',
    'DESIGN.md': '# Design\n\n## 4. Contract\n\nNumeric contract: numeric contract 7, file format 4; `lib/container.h`; `lib/`.\n'
                 '\n    compress --ckpt a.occm --mode carried FILE\n\nSee [facts](docs/facts.md#arithmetic).\n',
    'docs/page.md': 'See DESIGN.md, section 4 and `FORMAT.md`. `train --steps` goes on.\n',
    'CHANGELOG.md': 'Once there was numeric contract 1, and `lib/gone.h`.\n',
}
MISTAKES = [
    ('DESIGN.md', 'contract 7', 'contract 6', 'kContractVersion is 7'),
    ('DESIGN.md', 'file format 4', 'file format 1', 'kContainerVersion is 4'),
    ('DESIGN.md', 'numeric contract 7', 'the contract', 'no page tells kContractVersion'),
    ('lib/FORMAT.md', 'format 2', 'format 1', 'kFormatVersion is 2'),
    ('lib/FORMAT.md', '1 and 3', '1 and 2', 'kCodedMerges is 3'),
    ('lib/quantized_model.h', '"Arithmetic"', '"Geometry"', 'docs/facts.md has no such section'),
    ('lib/quantized_model.h', 'facts.md, "Arithmetic"', 'facts, 6', 'docs/facts.md has no such section'),
    ('lib/quantized_model.h', 'lib/FORMAT.md', 'lib/LAYOUT.md', 'there is no lib/LAYOUT.md'),
    ('docs/page.md', 'section 4', 'section 5', 'DESIGN.md has no such section'),
    ('DESIGN.md', 'docs/facts.md#arithmetic', 'docs/figures.md', 'leads nowhere'),
    ('DESIGN.md', '#arithmetic', '#geometry', 'has no heading #geometry'),
    ('DESIGN.md', '`lib/container.h`', '`lib/box.h`', 'there is no lib/box.h'),
    ('DESIGN.md', '`lib/`', '`library/`', 'there is no library/'),
    ('DESIGN.md', '--mode', '--moods', 'no command and no script has --moods'),
    ('DESIGN.md', '--mode', '--steps', 'compress has no --steps'),
    ('docs/page.md', '--steps', '--mode', 'train has no --mode'),
]


def self_test():
    """Each mistake alone must be found, and the tree without mistakes must pass."""
    with tempfile.TemporaryDirectory() as root:
        def write(files):
            for name, text in files.items():
                path = os.path.join(root, name)
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with open(path, 'w', encoding='utf-8') as file:
                    file.write(text)

        write(SAMPLE)
        write({f'bin/{c}': f"#!/bin/sh\necho '{'--steps' if c == 'train' else '--ckpt --mode'}'\n" for c in
               ['train', 'compress', 'decompress', 'benchmark', 'evaluate', 'explain', 'baselines', 'generate', 'import', 'inspect', 'prepare']})
        binaries = os.path.join(root, 'bin')
        for name in os.listdir(binaries):
            os.chmod(os.path.join(binaries, name), 0o755)
        for command in (['init', '-q'], ['add', '.']):
            subprocess.run(['git', '-C', root, *command], check=True)
        found = check(root, binaries)
        assert not found, found
        for file, right, wrong, message in MISTAKES:
            assert right in SAMPLE[file], (file, right)
            write({file: SAMPLE[file].replace(right, wrong)})
            found = check(root, binaries)
            assert any(message in line for line in found), (file, wrong, message, found)
            write({file: SAMPLE[file]})
    print(f'check_pages.py: {len(MISTAKES)} mistakes, each found')


def main():
    if sys.argv[1:] == ['--self-test']:
        self_test()
        return
    if len(sys.argv) not in (2, 3):
        sys.exit(__doc__)
    if subprocess.run(['git', '-C', sys.argv[1], 'rev-parse'], capture_output=True).returncode != 0:
        print('check_pages.py: no git checkout, so the pages are not known; not run')
        sys.exit(77)
    wrong = check(*sys.argv[1:])
    print(*wrong, sep='\n')
    if wrong:
        sys.exit(f'check_pages.py: {len(wrong)} statements are wrong')
    print('check_pages.py: the pages say what is so')


if __name__ == '__main__':
    main()

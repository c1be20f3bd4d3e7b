#!/usr/bin/env python3
"""Writes man pages, and completions for bash and zsh, from what the programs print for --help.

  make_pages.py BIN_DIR OUT_DIR [VERSION]

OUT_DIR gets man/NAME.1, bash/NAME and zsh/_occam. Whatever is told stands in --help. The build runs this script once the programs
are linked.
"""
import os
import re
import subprocess
import sys

# Words that an option's value is of, by the unit that --help names: a file or folder, or a value of its own.
FILES = re.compile(r'^(FILE|CKPT|MODEL|TEXT|OUT\.\w+|NAME\.\w+)$')


# Commands that are installed as `occam NAME` alone, since another package has a program of this name: import is ImageMagick's.
UNLINKED = ('import',)


def page_name(name):
    """The name of a command's man page."""
    return f'occam-{name}' if name in UNLINKED else name


class Option:
    """A row of the page: names, what it takes ("" if nothing), the help text in one line."""

    def __init__(self, short, long, unit, text):
        self.short, self.long, self.unit, self.text = short, long, unit, text


class Page:
    """What --help of a command says: purpose, usage, groups of options, and the text after them."""

    def __init__(self, name, text):
        self.name = name
        lines = [line.rstrip() for line in text.split('\n')]
        usage = lines.index('Usage:')
        self.purpose = ' '.join(line for line in lines[:usage] if line)
        self.usage = re.sub(r'^\s*\S+\s*', '', lines[usage + 1])
        self.groups, self.rest = [], []
        row = re.compile(r'^ {2}(?:-(\w), |    )--([\w-]+)(?: (\S+))?(?: {2,}(.*)|$)')
        for i, line in enumerate(lines[usage + 2:], usage + 2):
            found = row.match(line)
            if re.match(r'^ \S.* options:$', line):
                self.groups.append((line.strip()[:-len(' options:')], []))
            elif found and self.groups:
                short, long, unit, help_text = found.groups()
                self.groups[-1][1].append(Option(short or '', long, unit or '', help_text or ''))
            elif line.startswith(' ' * 10) and self.groups:
                option = self.groups[-1][1][-1]
                option.text = f'{option.text} {line.strip()}'.strip()
            elif line:
                self.rest = lines[i:]
                break
        if not self.options():
            sys.exit(f'make_pages.py: no options are found in {name} --help')

    def options(self):
        return [option for _, options in self.groups for option in options]

    def sections(self):
        """The text after the options, cut into its sections: (title, lines)."""
        found = [('', [])]
        for line in self.rest:
            if line == 'Examples:':
                found.append(('EXAMPLES', []))
            elif line.startswith('Exit codes: '):
                found.append(('EXIT STATUS', [line[len('Exit codes: '):]]))
            else:
                found[-1][1].append(line)
        return [(title, '\n'.join(lines).strip('\n').split('\n')) for title, lines in found if any(lines)]


def roff(text):
    """Text as troff takes it."""
    text = text.replace('\\', r'\(rs').replace('-', r'\-').replace("'", r'\(aq').replace('^', r'\(ha').replace('~', r'\(ti').replace('`', r'\(ga')
    return re.sub(r'^\.', r'\\&.', text)


def is_table(lines):
    return any(line.startswith('  ') for line in lines)


def paragraphs(lines):
    """Prose is filled, indented lines stay as they are."""
    out = []
    block = []

    def flush():
        if block:
            if is_table(block):
                out.extend(['.PP', '.nf', *map(roff, block), '.fi'])
            else:
                out.extend(['.PP', *map(roff, block)])
            block.clear()

    for line in lines:
        if line:
            block.append(line)
        else:
            flush()
    flush()
    return out


def head(name, version, purpose):
    return [f'.TH {name.upper()} 1 "" "occam {version}" "Occam"', '.SH NAME', f'{roff(name)} \\- {roff(purpose)}']


def man_page(page, version, others):
    purpose = page.purpose.rstrip('.')
    out = head(page_name(page.name), version, purpose[:1].lower() + purpose[1:])
    out += ['.SH SYNOPSIS']
    if page.name not in UNLINKED:
        out += [f'.B {roff(page.name)}', roff(page.usage), '.br']
    out += [f'.B occam {roff(page.name)}', roff(page.usage)]
    sections = page.sections()
    out += ['.SH DESCRIPTION']
    described = [lines for title, lines in sections if title == '']
    out += [roff(page.purpose), *(line for lines in described for line in paragraphs(lines))]
    out += ['.SH OPTIONS']
    for title, options in page.groups:
        out += [f'.SS {roff(title)}']
        for option in options:
            names = f'\\fB\\-{option.short}\\fR, ' if option.short else ''
            names += f'\\fB\\-\\-{roff(option.long)}\\fR'
            if option.unit:
                names += f' \\fI{roff(option.unit)}\\fR'
            out += ['.TP', names, roff(option.text)]
    for title, lines in sections:
        if title == 'EXAMPLES':
            out += ['.SH EXAMPLES', '.nf', *(roff(line.strip()) for line in lines if line), '.fi']
        elif title:
            out += [f'.SH {title}', *map(roff, lines)]
    out += see_also([other for other in others if other != page.name])
    return '\n'.join(out) + '\n'


def see_also(names):
    return ['.SH SEE ALSO', ',\n'.join(f'.BR {roff(page_name(name))} (1)' for name in names)]


def commands_of(text):
    """The commands that `occam --help` lists, with their purposes."""
    return re.findall(r'(?m)^  (\w+) {2,}(\S.*)$', text)


def occam_page(text, version):
    commands = commands_of(text)
    purpose = text.split('\n')[0].rstrip('.')
    out = head('occam', version, purpose.removeprefix('Occam '))
    out += ['.SH SYNOPSIS', '.B occam', r'.I COMMAND', r'[OPTION...]', '.br', '.I COMMAND', '[OPTION...]']
    alone = ', '.join(name for name, _ in commands if name in UNLINKED)
    out += ['.SH DESCRIPTION', roff(purpose + '.'),
            f'Each command has a page of its own, and is installed under its own name, too, but for {alone}.']
    out += ['.SH COMMANDS']
    for name, what in commands:
        out += ['.TP', f'.BR {roff(page_name(name))} (1)', roff(what)]
    out += ['.SH OPTIONS', '.TP', r'\fB\-\-help\fR', 'Print the commands.', '.TP', r'\fB\-\-version\fR',
            'Print the versions of program and formats.']
    exits = text[text.index('Exit codes: ') + len('Exit codes: '):].strip()
    out += ['.SH EXIT STATUS', roff(exits.replace('\n', ' '))]
    out += see_also([name for name, _ in commands])
    return '\n'.join(out) + '\n'


BASH = r'''# Completion for occam and its commands; written by tools/install/make_pages.py.
_occam_words() {  # COMMAND: its options
  case $1 in
@WORDS@
  esac
}
_occam_value() {  # COMMAND OPTION: what kind of value it takes, "" for none
  case $1:$2 in
@VALUES@
  esac
}
_occam() {
  local command=${COMP_WORDS[0]##*/} first=1 word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]}
  COMPREPLY=()
  if [ "$command" = occam ]; then
    if [ "$COMP_CWORD" -eq 1 ]; then
      mapfile -t COMPREPLY < <(compgen -W '@COMMANDS@ --help --version' -- "$word")
      return
    fi
    command=${COMP_WORDS[1]} first=2
  fi
  local kind=''
  [ "$COMP_CWORD" -gt "$first" ] && kind=$(_occam_value "$command" "$previous")
  case $kind in
    value) return ;;
    file) ;;
    *)
      if [[ $word == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W "$(_occam_words "$command")" -- "$word")
        return
      fi
      ;;
  esac
  compopt -o filenames 2>/dev/null
  mapfile -t COMPREPLY < <(compgen -f -- "$word")
}
complete -F _occam occam @LINKS@
'''


def linked(names):
    """Those of the names that are installed as links."""
    return [name for name in names if name not in UNLINKED]


def bash_completion(pages):
    words, values = [], []
    for page in pages:
        names = [name for o in page.options() for name in ([f'-{o.short}'] if o.short else []) + [f'--{o.long}']]
        words.append(f"    {page.name}) echo '{' '.join(names)}' ;;")
        for kind, wanted in (('file', True), ('value', False)):
            takes = [f'{page.name}:{name}' for o in page.options() if o.unit and bool(FILES.match(o.unit)) == wanted
                     for name in ([f'-{o.short}'] if o.short else []) + [f'--{o.long}']]
            if takes:
                values.append(f'    {" | ".join(takes)}) echo {kind} ;;')
    return BASH.replace('@WORDS@', '\n'.join(words)).replace('@VALUES@', '\n'.join(values)).replace(
        '@COMMANDS@', ' '.join(page.name for page in pages)).replace('@LINKS@', ' '.join(linked(page.name for page in pages)))


def zsh_quote(text):
    return text.replace("'", "'\\''").replace('[', '\\[').replace(']', '\\]').replace(':', '\\:')


def zsh_completion(pages, purposes):
    out = ['#compdef occam ' + ' '.join(linked(page.name for page in pages)),
           '# Completion for occam and its commands; written by tools/install/make_pages.py.', '']
    for page in pages:
        out.append(f'_occam_{page.name}() {{\n  _arguments -s -S \\')
        for o in page.options():
            text = f'[{zsh_quote(o.text)}]'
            takes = f':{zsh_quote(o.unit)}:' + ('_files' if FILES.match(o.unit) else ' ') if o.unit else ''
            if o.short:
                out.append(f"    '(-{o.short} --{o.long})'{{-{o.short},--{o.long}}}'{text}{takes}' \\")
            else:
                out.append(f"    '--{o.long}{text}{takes}' \\")
        out.append("    '*:FILE:_files'\n}\n")
    out.append('_occam() {\n  local command=$service\n  if [[ $command == occam ]]; then\n    if (( CURRENT == 2 )); then')
    out.append('      local -a commands=(')
    out += [f"        '{name}:{zsh_quote(what)}'" for name, what in purposes]
    out.append('      )\n      _describe command commands\n      return\n    fi')
    out.append('    command=$words[2]\n    shift words\n    (( CURRENT-- ))\n  fi')
    out.append('  (( $+functions[_occam_$command] )) && _occam_$command\n}\n\n_occam "$@"\n')
    return '\n'.join(out)


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w', encoding='utf-8') as file:
        file.write(text)


def main():
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    binaries, out = sys.argv[1:3]
    version = sys.argv[3] if len(sys.argv) == 4 else ''

    def help_of(name):
        return subprocess.run([os.path.join(binaries, name), '--help'], check=True, capture_output=True, text=True).stdout

    text = help_of('occam')
    purposes = commands_of(text)
    if not purposes:
        sys.exit('make_pages.py: occam --help lists no commands')
    names = [name for name, _ in purposes]
    pages = [Page(name, help_of(name)) for name in names]
    write(os.path.join(out, 'man', 'occam.1'), occam_page(text, version))
    for page in pages:
        write(os.path.join(out, 'man', f'{page_name(page.name)}.1'), man_page(page, version, ['occam', *names]))
    # bash loads a file that is named after the command; all are the same.
    for name in ['occam', *linked(names)]:
        write(os.path.join(out, 'bash', name), bash_completion(pages))
    write(os.path.join(out, 'zsh', '_occam'), zsh_completion(pages, purposes))


if __name__ == '__main__':
    main()

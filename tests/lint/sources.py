"""The files the lints read: what git knows or would add, without build output."""
import os
import pathlib
import subprocess

ROOT = pathlib.Path(os.environ.get('MOLDAU_ROOT') or pathlib.Path(__file__).resolve().parents[2])
MODULES = ('protocol', 'config', 'storage', 'replication', 'server')


def files(*suffixes):
    listed = subprocess.run(['git', '-C', ROOT, 'ls-files', '-co', '--exclude-standard', '-z'], capture_output=True, check=False)
    names = sorted(set(name for name in listed.stdout.decode().split('\0') if name))
    if not names:                                   # an exported tree without .git
        names = sorted(str(p.relative_to(ROOT)) for p in ROOT.rglob('*') if p.is_file() and 'build' not in p.relative_to(ROOT).parts[:1])
    return [name for name in names if (not suffixes or name.endswith(suffixes)) and (ROOT / name).is_file()]


def read(name):
    return (ROOT / name).read_text(errors='replace')


def strip_comments(text, strings=False):
    """Blanks out comments (and strings), keeping every line where it was."""
    out, i, n = [], 0, len(text)
    while i < n:
        two = text[i:i + 2]
        if two == '//':
            end = text.find('\n', i)
            end = n if end < 0 else end
            out.append(' ' * (end - i))
            i = end
        elif two == '/*':
            end = text.find('*/', i + 2)
            end = n if end < 0 else end + 2
            out.append(''.join('\n' if c == '\n' else ' ' for c in text[i:end]))
            i = end
        elif text.startswith('R"', i) and (i == 0 or not text[i - 1].isalnum()):
            mark = text[i + 2:text.find('(', i)]
            end = text.find(')' + mark + '"', i)
            end = n if end < 0 else end + len(mark) + 2
            part = text[i:end]
            out.append(''.join('\n' if c == '\n' else ' ' for c in part) if strings else part)
            i = end
        elif text[i] in '"\'' and not (text[i] == "'" and i and text[i - 1].isalnum()):
            quote, j = text[i], i + 1
            while j < n and text[j] != quote and text[j] != '\n':
                j += 2 if text[j] == '\\' else 1
            part = text[i:min(j + 1, n)]
            out.append(quote + ' ' * max(0, len(part) - 2) + (part[-1] if len(part) > 1 else '') if strings else part)
            i = min(j + 1, n)
        else:
            out.append(text[i])
            i += 1
    return ''.join(out)

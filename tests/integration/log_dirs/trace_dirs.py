"""AlterReplicaLogDirs and DescribeLogDirs, in every version.

    python3 trace_dirs.py HOST:PORT SCENARIO FOLDER...

FOLDER... are the broker's log directories. Prints one line a request; directories are told by their last names, sizes and offsets only where they can't differ."""
import pathlib
import re
import sys

from moldau_test.log_dirs import Client

HOST, PORT = sys.argv[1].rsplit(':', 1)
FOLDERS = [pathlib.Path(word) for word in sys.argv[3:]]


def say(what, answer):
    print(f'{what:34} {answer}', flush=True)


def other_than(*taken):
    return next(f for f in FOLDERS if f not in taken)


def trace_answers(c):
    c.create('here', 2)
    at = c.folder_of('here', 0)
    for version in (0, 1, 2):
        say(f'unknown directory, v{version}', c.alter([('/no/such', [('here', [0, 1])])], version))
    say('relative directory', c.alter([(at.name, [('here', [0])])]))
    say('with a slash', c.alter([(f'{at}/', [('here', [0])])]))
    say('empty name', c.alter([('', [('here', [0])])]))
    say('unknown partition', c.alter([(at, [('here', [7])])]))
    say('unknown topic', c.alter([(at, [('nowhere', [0])])]))
    say('both', c.alter([(at, [('nowhere', [0]), ('here', [0])])]))
    say('a long name', [error for _, _, error in c.alter([(at, [('x' * 213, [0]), ('x' * 214, [0]), ('x' * 213, [10])])])])
    say('no directory', c.alter([]))
    say('no topic', c.alter([(at, [])]))
    say('no partition', c.alter([(at, [('here', [])])]))
    say('where it is', c.alter([(at, [('here', [0])])]))
    say('twice, the last counts', c.alter([(other_than(at), [('here', [0])]), (at, [('here', [0])])]))
    say('and it has not moved', c.where('here', 0) == ([at.name], []))


def trace_placement(c):
    c.create('spread', 6)
    say('partitions a directory', [sum(t == 'spread' for t, *_ in replicas) for _, replicas, _ in c.describe().values()])
    wanted = FOLDERS[1]
    say('before it is there', c.alter([(wanted, [('later', [0, 1, 2])])]))
    c.create('later', 3)
    say('where it was asked for', [c.where('later', p)[0] == [wanted.name] for p in range(3)])
    c.create('after', 2)
    say('and then elsewhere', [c.where('after', p)[0] != [wanted.name] for p in range(2)])


def trace_move(c):
    c.create('moving', 1)
    for n in range(40):
        c.produce('moving', 0, [b'%d' % n] * 5, producer=(4711, 0, 5 * n))
    say('before', c.read('moving', 0)[-3:])
    start = c.folder_of('moving', 0)
    second, third = (f for f in FOLDERS if f != start)
    for to in (second, third, start, third):
        say('moved', c.move('moving', 0, to))
        say('its files', sorted(f.name for f in (to / 'moving-0').iterdir() if not f.name.endswith('.snapshot')))
        say('leader epochs', (to / 'moving-0' / 'leader-epoch-checkpoint').read_text().split('\n'))
    left = [e.name for f in (start, second) for e in f.iterdir() if e.name.startswith('moving-0')]
    say('left behind', sorted({re.sub('[0-9a-f]{32}', 'ID', name) for name in left}))
    say('all there', c.read('moving', 0) == [0] + list(range(1, 201, 5)))
    say('a repeat', c.produce('moving', 0, [b'39'] * 5, producer=(4711, 0, 195)))
    say('the next one', c.produce('moving', 0, [b'40'] * 5, producer=(4711, 0, 200)))
    say('out of order', c.produce('moving', 0, [b'42'] * 5, producer=(4711, 0, 210)))
    say('at the end', c.read('moving', 0)[-2:])


def trace_describe(c):
    c.create('told', 2)
    c.create('other', 1)
    for version in range(5):
        for what, topics in (('all', None), ('one', [('told', [1])]), ('none', []), ('unknown', [('nowhere', [0]), ('told', [9])])):
            found = c.describe(topics, version)
            replicas = sorted((t, p, size > 0, lag, future) for _, those, _ in found.values() for t, p, size, lag, future in those if t in ('told', 'other', 'nowhere'))
            errors = sorted({error for error, _, _ in found.values()})
            sizes = {volume and (volume[0] >= volume[1] > 0) for _, _, volume in found.values()}
            say(f'v{version}, {what}', (c.error, len(found), errors, replicas, sorted(set(c.names) & {'told', 'other', 'nowhere'}), sizes))


if __name__ == '__main__':
    globals()[f'trace_{sys.argv[2]}'](Client(HOST, int(PORT), FOLDERS))

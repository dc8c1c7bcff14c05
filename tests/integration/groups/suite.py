"""A group of four consumer processes over three partitions, through three client libraries: three own one partition each,
the fourth idles; when an owner is killed with -9, the idle one takes over within the session timeout."""
import json
import time

from moldau_test import install, process
from moldau_test.scenario import Suite

suite = Suite('groups', broker={'num.partitions': 3})
SESSION_MS = 6000


@suite.prepare
def prepare():
    return {'confluent': install.python('confluent-kafka', ['confluent-kafka==2.11.1']),
            'kafka-python': install.python('kafka-python-2.0.2', ['kafka-python==2.0.2', 'lz4', 'python-snappy', 'zstandard'])}


def states(members):
    """What each live member last said that it owns."""
    said = {}
    for name, member in members.items():
        if member.alive():
            lines = [line for line in member.log.read_text(errors='replace').splitlines() if line.startswith('{"owned"')]
            said[name] = json.loads(lines[-1])['owned'] if lines else None
    return said


def received(run):
    got = []
    for file in sorted(run.dir.glob('member-*.log')):
        got += [tuple(json.loads(line)['got']) for line in file.read_text(errors='replace').splitlines() if line.startswith('{"got"')]
    return got


def shared(said, count):
    """`count` members, every partition owned by one, nobody owns two."""
    return (len(said) == count and None not in said.values() and sorted(p for owned in said.values() for p in owned) == [0, 1, 2]
            and max(len(owned) for owned in said.values()) == 1)


def four_over_three(library):
    def scenario(run):
        python, program = run.prepared[library], suite.folder / 'member.py'
        topic = f'four-{library}'
        run.command([python, program, library, 'create', topic])
        members = {f'member-{n}': run.spawn([python, '-u', program, library, 'consume', topic, SESSION_MS], f'member-{n}.log') for n in range(4)}
        process.wait_until(lambda: shared(states(members), 4), 60, f'three own one each, the fourth idles: {states(members)}', every=0.1)
        run.command([python, program, library, 'produce', topic, 0, 30])
        process.wait_until(lambda: len(received(run)) == 30, 20, 'thirty messages', every=0.1)
        victim = next(name for name, owned in states(members).items() if owned)
        lost = states(members)[victim]
        killed = time.monotonic()
        members[victim].kill()
        process.wait_until(lambda: shared(states(members), 3), SESSION_MS / 1000 + 20, 'the idle one takes over', every=0.05)
        took = time.monotonic() - killed
        run.check(took >= SESSION_MS / 1000 - 2.5, f'the session of the killed member ended after only {took:.1f} s')
        run.check(took < SESSION_MS / 1000 + 8, f'the takeover took {took:.1f} s')
        run.command([python, program, library, 'produce', topic, 30, 60])
        process.wait_until(lambda: len({value for _, _, value in received(run)}) == 60, 20, 'sixty messages', every=0.1)
        got = received(run)
        # What the victim had got and not committed may come twice; what was sent after the kill comes once and in order.
        late = [(p, o) for p, o, v in got if v >= 30]
        run.same(len(late), 30, 'messages after the takeover')
        for partition in range(3):
            offsets = [o for p, o in late if p == partition]
            run.same(offsets, sorted(offsets), f'order in partition {partition}')
        run.transcript(f'one each: yes; the killed one owned {len(lost)}; taken over within the session timeout; messages {len(set(v for _, _, v in got))}')
    suite.scenario(name=f'four-over-three-{library}', seconds=150)(scenario)


for one in ('confluent', 'kafka-python'):
    four_over_three(one)

"""kill -9 while compacted logs are cleaned: the last acknowledged value of each key is there after every start."""
import random
import time

from moldau_test import install
from moldau_test.scenario import Suite

suite = Suite('compaction-kills', own_broker=True,
              broker={'log.cleaner.backoff.ms': 20, 'log.cleaner.min.cleanable.ratio': 0.01, 'log.initial.task.delay.ms': 50, 'log.cleaner.threads': 2})


@suite.prepare
def prepare():
    return install.python('confluent-kafka', ['confluent-kafka==2.11.1'])


@suite.scenario(seconds=300)
def kills(run):
    broker = run.start_broker()
    program = [run.prepared, suite.folder / 'program.py']
    run.command([*program, 'create'], BOOTSTRAP=broker.bootstrap)
    (run.dir / 'acknowledged').write_bytes(b'')
    rounds = 40 if run.long else 6
    for turn in range(rounds):
        writer = run.spawn([*program, 'write', run.dir / 'acknowledged', turn], f'writer-{turn}.log', BOOTSTRAP=broker.bootstrap)
        time.sleep(random.uniform(0.6, 1.6))
        broker.kill()
        writer.kill()
        broker.start()
        run.command([*program, 'check', run.dir / 'acknowledged'], BOOTSTRAP=broker.bootstrap)
    leftovers = [file.name for suffix in ('cleaned', 'swap') for file in broker.log_dir.glob(f'*/*.{suffix}')]
    broker.stop()
    run.check(not [name for name in leftovers if name.endswith('.swap')], f'left over: {leftovers}')
    broker.start()
    run.command([*program, 'check', run.dir / 'acknowledged'], BOOTSTRAP=broker.bootstrap)

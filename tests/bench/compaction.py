"""Compaction beside Apache Kafka's: both clean copies of one data directory, written by Apache Kafka."""
import os
import pathlib
import shutil
import subprocess
import sys
import time

from harness import brokers, cpu_seconds
from moldau_test import install

MIB = 2048  # of each topic, at scale 1
LOG = {'log.cleanup.policy': 'compact', 'log.segment.bytes': 64 << 20, 'log.cleaner.min.cleanable.ratio': 0.01, 'log.cleaner.backoff.ms': 100,
       'log.initial.task.delay.ms': 100}
TOPICS = {'plain-1000': ('none', 1000), 'plain-100': ('none', 100), 'lz4-1000': ('lz4', 1000)}

PRODUCE = '''
import os, random, sys
from confluent_kafka import Producer
topic, codec, size, mib = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
p = Producer({'bootstrap.servers': os.environ['BOOTSTRAP'], 'compression.codec': codec, 'linger.ms': 20, 'queue.buffering.max.messages': 500000})
half = [os.urandom(size // 4).hex() for _ in range(1000)]
for i in range((mib << 20) // size):
    while True:
        try:
            p.produce(topic, key=b'key-%d' % random.randrange(200000), value=half[i % 1000] + 'v' * (size - size // 2), partition=0)
            break
        except BufferError:
            p.poll(0.1)
    if i % 1000 == 0:
        p.poll(0)
p.flush(300)
'''


def is_clean(data, topic):
    file = data / 'cleaner-offset-checkpoint'
    lines = [line.split() for line in file.read_text().splitlines()[2:]] if file.exists() else []
    active = max(int(f.name[:20]) for f in (data / f'{topic}-0').glob('*.log'))
    return [topic, '0', str(active)] in lines


def clean(broker):
    """Seconds and CPU seconds from the start of the broker until all is clean, less those of a start with nothing to do."""
    figures = []
    for _ in range(2):
        began = time.monotonic()
        broker.start()
        while not all(is_clean(broker.log_dir, topic) for topic in TOPICS):
            time.sleep(0.05)
            if not broker.alive():
                sys.exit(broker.log_tail())
        figures.append((time.monotonic() - began, cpu_seconds(broker.pid)))
        broker.stop()
    (first, first_cpu), (second, second_cpu) = figures
    return first - second, first_cpu - second_cpu


def compaction(bench):
    """Three topics of 200,000 keys: plain records of 1,000 and of 100 bytes, lz4 of 1,000."""
    mib = int(MIB * bench.args.scale)
    python = install.python('confluent-kafka', ['confluent-kafka==2.11.1'])
    apache = brokers.make_broker('apache', {**LOG, 'log.cleaner.enable': 'false'})
    moldau = brokers.make_broker('moldau', LOG)
    speed, cost = {}, {}
    try:
        apache.start()
        for topic, (codec, size) in TOPICS.items():
            subprocess.run([python, '-c', PRODUCE, topic, codec, str(size), str(mib)], env={**os.environ, 'BOOTSTRAP': apache.bootstrap}, check=True)
        apache.stop()
        shutil.copytree(apache.log_dir, moldau.log_dir)
        total = sum(f.stat().st_size for f in apache.log_dir.glob('*-0/*.log')) / (1 << 30)
        apache.overrides['log.cleaner.enable'] = 'true'
        for broker in (apache, moldau):
            seconds, cpu = clean(broker)
            speed[broker.kind], cost[broker.kind] = [total / seconds], [cpu / total]
    finally:
        apache.close()
        moldau.close()
    bench.show(f'compaction of {total:.2f} GiB', 'throughput', speed, 'GiB/s', smaller_is_better=False)
    bench.show(f'compaction of {total:.2f} GiB', 'CPU of broker', cost, 's/GiB')


BY_HAND = {'compaction': compaction}

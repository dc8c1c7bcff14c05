"""What both brokers compact: `python produce.py ROUND` writes to the topics of suite.py by idempotent, transactional and plain producers, in all codecs."""
import os
import random
import sys

from confluent_kafka import Producer

BOOTSTRAP = os.environ['BOOTSTRAP']
ROUND = int(sys.argv[1])
CODECS = ('none', 'gzip', 'snappy', 'lz4', 'zstd')
START = 1_700_000_000_000


def producer(**options):
    return Producer({'bootstrap.servers': BOOTSTRAP, 'acks': 'all', **{key.replace('_', '.'): value for key, value in options.items()}})


def flush(p):
    left = p.flush(60)
    if left:
        sys.exit(f'{left} records are not delivered')


def put(p, rng, topic, keys, number):
    key = f'key-{rng.randrange(keys)}'
    value = None if rng.randrange(8) == 0 else f'round {ROUND} number {number} ' + 'v' * rng.randrange(120)
    headers = [('round', str(ROUND).encode()), ('null', None)] if rng.randrange(5) == 0 else None
    p.produce(topic, key=key, value=value, headers=headers, timestamp=START + ROUND * 1_000_000 + number, partition=0)


def plain(rng):
    """Batches of one record, and of many, in each codec."""
    for codec in CODECS:
        p = producer(compression_codec=codec, linger_ms=20)
        for number in range(120):
            put(p, rng, 'codecs', 25, number)
            if rng.randrange(10) == 0:
                flush(p)
        flush(p)
        p = producer(compression_codec=codec, linger_ms=0)
        for number in range(30):
            put(p, rng, 'single', 10, number)
            flush(p)


def idempotent(rng):
    """Producers whose last records are replaced by another's: their last batch stays as an empty one."""
    for who in range(6):
        p = producer(enable_idempotence=True, linger_ms=5)
        for number in range(25):
            put(p, rng, 'idempotent', 12, number)
            if rng.randrange(6) == 0:
                flush(p)
        flush(p)


def transactional(rng):
    """Two transactional producers that take turns, so that their transactions overlap; every third one is aborted."""
    pair = [producer(transactional_id=f'txn-{i}', linger_ms=2) for i in range(2)]
    for p in pair:
        p.init_transactions(60)
    for turn in range(12):
        for p in pair:
            p.begin_transaction()
        for number in range(8):
            for p in pair:
                put(p, rng, 'transactions', 15, turn * 100 + number)
                flush(p)
        for i, p in enumerate(pair):
            if (turn + i) % 3 == 0:
                p.abort_transaction(60)
            else:
                p.commit_transaction(60)


def tail():
    """Rolls the segments: what lies before is not active any more."""
    for topic in ('codecs', 'single', 'idempotent', 'transactions'):
        p = producer(linger_ms=0)
        for number in range(4):
            p.produce(topic, key=f'tail-{ROUND}-{number}', value='t' * 900, timestamp=START + ROUND * 1_000_000 + 900_000, partition=0)
            flush(p)


rng = random.Random(ROUND)
plain(rng)
idempotent(rng)
transactional(rng)
tail()

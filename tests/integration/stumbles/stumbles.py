"""What users stumble over, with librdkafka (confluent-kafka); `python stumbles.py NAME` prints the canonical answer."""
import json
import os
import sys
import threading
import time

from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, NewPartitions, NewTopic

BOOTSTRAP = os.environ['BOOTSTRAP']


def say(*what):
    print(json.dumps(what[0] if len(what) == 1 else what, sort_keys=True, ensure_ascii=False), flush=True)


def check(condition, what):
    if not condition:
        raise AssertionError(what)


def options(given):
    return {'bootstrap.servers': BOOTSTRAP, **{k.replace('_', '.'): v for k, v in given.items()}}


def consumer(group, **given):
    return Consumer(options({'group.id': group, 'auto.offset.reset': 'earliest', **given}))


def create(topic, partitions=1, **configs):
    admin = AdminClient({'bootstrap.servers': BOOTSTRAP})
    admin.create_topics([NewTopic(topic, partitions, 1, config={k.replace('_', '.'): v for k, v in configs.items()})])[topic].result(30)


def delete(topic):
    admin = AdminClient({'bootstrap.servers': BOOTSTRAP})
    admin.delete_topics([topic])[topic].result(30)


def until(what, condition, seconds=40):
    end = time.time() + seconds
    while not condition():
        check(time.time() < end, what)
        time.sleep(0.02)


class Sender(threading.Thread):
    """Sends numbers until it is told to stop; every delivery report counts."""

    def __init__(self, topic, pause=0.002, **given):
        super().__init__(daemon=True)
        self.topic, self.pause, self.acknowledged, self.errors, self.sent, self.ending = topic, pause, [], [], 0, threading.Event()
        self.producer = Producer(options({'linger.ms': 2, **given}))
        self.start()

    def report(self, error, message):
        if error is None:
            self.acknowledged.append(int(message.value()))
        else:
            self.errors.append(error.name())

    def run(self):
        while not self.ending.is_set():
            self.producer.produce(self.topic, b'%d' % self.sent, on_delivery=self.report)
            self.sent += 1
            self.producer.poll(0)
            time.sleep(self.pause)
        self.producer.flush(30)

    def stop(self):
        self.ending.set()
        self.join(40)
        check(not self.is_alive(), 'flushed')


class Member(threading.Thread):
    """A consumer of a group on a thread of its own."""

    def __init__(self, topics, group, **given):
        super().__init__(daemon=True)
        self.consumer = consumer(group, **{'heartbeat.interval.ms': 300, 'session.timeout.ms': 10000, 'topic.metadata.refresh.interval.ms': 500, **given})
        self.got, self.errors, self.owned, self.ending = [], [], 0, threading.Event()
        self.consumer.subscribe(topics)
        self.start()

    def run(self):
        while not self.ending.is_set():
            m = self.consumer.poll(0.1)
            if m is not None and m.error() is None:
                self.got.append(int(m.value()))
            elif m is not None:
                self.errors.append(m.error().name())
            self.owned = len(self.consumer.assignment())
        self.consumer.close()

    def stop(self):
        self.ending.set()
        self.join(30)
        check(not self.is_alive(), 'closed')


def rebalance_under_load():
    """Members of a cooperative group come and go while records flow: each record comes once."""
    create('load', 6)
    sender = Sender('load')
    given = {'partition.assignment.strategy': 'cooperative-sticky'}
    members = [Member(['load'], 'load-g', **given)]
    until('all six', lambda: members[0].owned == 6)
    for n in (2, 3):
        members.append(Member(['load'], 'load-g', **given))
        until('%d members' % n, lambda: [m.owned for m in members] == [6 // n] * n)
    members[0].stop()
    until('two left', lambda: [m.owned for m in members[1:]] == [3, 3])
    time.sleep(0.5)
    sender.stop()
    until('all read', lambda: sum(len(m.got) for m in members) >= sender.sent)
    time.sleep(0.5)
    got = sorted(n for m in members for n in m.got)
    say('errors', sorted(set(sender.errors + [e for m in members for e in m.errors])))
    say('missing', len(set(range(sender.sent)) - set(got)), 'twice', len(got) - len(set(got)))
    for m in members[1:]:
        m.stop()


def recreated_topic():
    """A topic is deleted and made again under a running producer and consumer."""
    create('rd-again')
    p = Producer(options({'topic.metadata.refresh.interval.ms': 300, 'message.timeout.ms': 20000}))
    c = consumer('rd-again-g', topic_metadata_refresh_interval_ms=300)
    c.subscribe(['rd-again'])
    for i in range(10):
        p.produce('rd-again', b'%d' % i)
    check(p.flush(20) == 0, 'flush')
    got = []

    def read():
        m = c.poll(0.05)
        if m is not None and m.error() is None:
            got.append(m)
        return got
    until('ten', lambda: len(read()) == 10)
    delete('rd-again')
    end = time.time() + 30
    while True:
        read()
        try:
            create('rd-again')
            break
        except KafkaException as error:
            check(time.time() < end, error)
    reports = []
    for i in range(3):
        p.produce('rd-again', b'new %d' % i, on_delivery=lambda e, m: reports.append(e.name() if e else m.offset()))
    check(p.flush(25) == 0, 'flush')
    say(reports)
    until('three', lambda: len(read()) == 13)
    say([[m.offset(), m.value().decode()] for m in got[10:]])
    c.close()


def more_partitions():
    create('rd-grow')
    m = Member(['rd-grow'], 'rd-grow-g')
    sender = Sender('rd-grow', **{'topic.metadata.refresh.interval.ms': 300})
    until('one', lambda: m.owned == 1)
    admin = AdminClient({'bootstrap.servers': BOOTSTRAP})
    admin.create_partitions([NewPartitions('rd-grow', 4)])['rd-grow'].result(20)
    until('four', lambda: m.owned == 4)
    time.sleep(1)
    sender.stop()
    until('all', lambda: len(m.got) >= sender.sent)
    say('errors', sender.errors + m.errors, 'missing', len(set(range(sender.sent)) - set(m.got)), 'twice', len(m.got) - len(set(m.got)))
    m.stop()


def pattern():
    """A pattern subscription sees topics come and go."""
    create('rd-pattern-1')
    m = Member(['^rd-pattern-.*'], 'rd-pattern-g')
    until('one', lambda: m.owned == 1)
    create('rd-pattern-2', 2)
    until('three', lambda: m.owned == 3)
    delete('rd-pattern-1')
    until('two', lambda: m.owned == 2)
    say('seen')
    m.stop()


def idle():
    """Longer than the broker keeps idle connections: the next send and the next admin call work."""
    create('rd-idle')
    p, admin, reports = Producer(options({})), AdminClient({'bootstrap.servers': BOOTSTRAP}), []
    m = Member(['rd-idle'], 'rd-idle-g')
    for i in range(3):
        if i:
            p.poll(4)
        p.produce('rd-idle', b'%d' % i, on_delivery=lambda e, m: reports.append(e.name() if e else m.offset()))
        check(p.flush(20) == 0, 'flush')
        admin.list_topics(timeout=10)
        until('read', lambda: len(m.got) == i + 1)
    say(reports, m.got, m.errors)
    m.stop()


def restart():
    """Producer and consumer stay while the broker is stopped and started (the suite does that when it reads 'running', and makes a file then)."""
    create('rd-restart', 3)
    m = Member(['rd-restart'], 'rd-restart-g')
    sender = Sender('rd-restart', pause=0.01, **{'enable.idempotence': True})
    until('running', lambda: len(m.got) > 50)
    say('running')
    until('restarted', lambda: os.path.exists('restarted'), 90)
    before = len(sender.acknowledged)
    until('sending goes on', lambda: len(sender.acknowledged) > before + 50)
    sender.stop()
    until('all', lambda: len(set(m.got)) >= sender.sent)
    say('refused', sender.errors, 'missing', len(set(range(sender.sent)) - set(m.got)), 'owned', m.owned)
    m.stop()


def lag():
    """Leaves a group five records behind; the suite looks at the metrics."""
    create('rd-lag')
    p = Producer(options({}))
    for i in range(20):
        p.produce('rd-lag', b'%d' % i)
    check(p.flush(20) == 0, 'flush')
    c = consumer('rd-lag-g', enable_auto_commit=False)
    c.commit(offsets=[TopicPartition('rd-lag', 0, 15)], asynchronous=False)
    say(c.committed([TopicPartition('rd-lag', 0)], 10)[0].offset)
    c.close()


SCENARIOS = {'rebalance-under-load': rebalance_under_load, 'recreated-topic': recreated_topic, 'more-partitions': more_partitions, 'pattern': pattern, 'idle': idle,
             'restart': restart, 'lag': lag}
SCENARIOS[sys.argv[1]]()

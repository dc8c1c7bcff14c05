"""member.py LIBRARY create|produce|consume TOPIC ...: one process of the group scenario; prints what it owns and gets."""
import json
import os
import sys
import time

LIBRARY, ACTION, TOPIC, REST = sys.argv[1], sys.argv[2], sys.argv[3], [int(a) for a in sys.argv[4:]]
BOOTSTRAP = os.environ['BOOTSTRAP']
GROUP = TOPIC + '-g'


def say(**what):
    print(json.dumps(what), flush=True)


def confluent():
    from confluent_kafka import Consumer, Producer
    from confluent_kafka.admin import AdminClient, NewTopic
    if ACTION == 'create':
        admin = AdminClient({'bootstrap.servers': BOOTSTRAP})
        for future in admin.create_topics([NewTopic(TOPIC, 3, 1)]).values():
            future.result(20)
    elif ACTION == 'produce':
        p = Producer({'bootstrap.servers': BOOTSTRAP, 'enable.idempotence': True})
        for i in range(*REST):
            p.produce(TOPIC, str(i).encode(), partition=i % 3)
        if p.flush(20):
            sys.exit('not flushed')
    else:
        c = Consumer({'bootstrap.servers': BOOTSTRAP, 'group.id': GROUP, 'auto.offset.reset': 'earliest', 'session.timeout.ms': REST[0],
                      'heartbeat.interval.ms': 500, 'auto.commit.interval.ms': 200, 'topic.metadata.refresh.interval.ms': 1000})
        c.subscribe([TOPIC])
        owned = None
        while True:
            m = c.poll(0.1)
            if m is not None and m.error() is None:
                say(got=[m.partition(), m.offset(), int(m.value())])
            now = sorted(tp.partition for tp in c.assignment())
            if now != owned:
                owned = now
                say(owned=owned, at=time.time())


def kafka_python():
    from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer
    from kafka.admin import NewTopic
    if ACTION == 'create':
        KafkaAdminClient(bootstrap_servers=BOOTSTRAP).create_topics([NewTopic(TOPIC, 3, 1)])
    elif ACTION == 'produce':
        p = KafkaProducer(bootstrap_servers=BOOTSTRAP)
        for i in range(*REST):
            p.send(TOPIC, str(i).encode(), partition=i % 3)
        p.flush(20)
        p.close()
    else:
        c = KafkaConsumer(TOPIC, bootstrap_servers=BOOTSTRAP, group_id=GROUP, auto_offset_reset='earliest', session_timeout_ms=REST[0],
                          heartbeat_interval_ms=500, auto_commit_interval_ms=200, metadata_max_age_ms=1000)
        owned = None
        while True:
            for records in c.poll(timeout_ms=100).values():
                for m in records:
                    say(got=[m.partition, m.offset, int(m.value)])
            now = sorted(tp.partition for tp in c.assignment())
            if now != owned:
                owned = now
                say(owned=owned, at=time.time())


{'confluent': confluent, 'kafka-python': kafka_python}[LIBRARY]()

"""`python topics.py PARTITIONS CONFIGS`: creates the topics of CONFIGS, {name: {key: value}}."""
import ast
import os
import sys

from confluent_kafka.admin import AdminClient, NewTopic

admin = AdminClient({'bootstrap.servers': os.environ['BOOTSTRAP']})
topics = [NewTopic(name, 1 if name == 'many-keys' else int(sys.argv[1]), 1, config={key: str(value) for key, value in config.items()}) for name, config in ast.literal_eval(sys.argv[2]).items()]
for future in admin.create_topics(topics, request_timeout=60).values():
    future.result(60)

"""The oracle: Apache Kafka 3.9.2 with ZooKeeper 3.8.4 from Maven Central, and its command line tools.

`python3 -m moldau_test.oracle libs` prints the folder of the jars (installing them when they are missing), so that
any other test can put them on a class path; `... client VERSION` the same for one kafka-clients release."""
import os
import shutil
import sys

from . import install, paths, process

KAFKA = '3.9.2'
CLIENTS = ('4.2.0', '3.9.2', '2.0.1', '0.10.2.2')

# Short runs: the first compiler tier only, a small heap, the serial collector.
JVM_SMALL = ['-Xmx256M', '-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-Xshare:auto', '-Djava.awt.headless=true']
JVM_BROKER = ['-Xmx768M', '-Xms256M', '-XX:+UseG1GC', '-XX:MaxGCPauseMillis=20', '-Djava.awt.headless=true']

# Main classes of the official scripts (bin/*.sh of the distribution).
TOOLS = {
    'kafka-broker-api-versions': 'kafka.admin.BrokerApiVersionsCommand',
    'kafka-configs': 'kafka.admin.ConfigCommand',
    'kafka-console-producer': 'kafka.tools.ConsoleProducer',
    'kafka-dump-log': 'kafka.tools.DumpLogSegments',
    'kafka-cluster': 'org.apache.kafka.tools.ClusterTool',
    'kafka-console-consumer': 'org.apache.kafka.tools.consumer.ConsoleConsumer',
    'kafka-consumer-groups': 'org.apache.kafka.tools.consumer.group.ConsumerGroupCommand',
    'kafka-consumer-perf-test': 'org.apache.kafka.tools.ConsumerPerformance',
    'kafka-delete-records': 'org.apache.kafka.tools.DeleteRecordsCommand',
    'kafka-e2e-latency': 'org.apache.kafka.tools.EndToEndLatency',
    'kafka-get-offsets': 'org.apache.kafka.tools.GetOffsetShell',
    'kafka-log-dirs': 'org.apache.kafka.tools.LogDirsCommand',
    'kafka-producer-perf-test': 'org.apache.kafka.tools.ProducerPerformance',
    'kafka-topics': 'org.apache.kafka.tools.TopicCommand',
    'kafka-reassign-partitions': 'org.apache.kafka.tools.reassign.ReassignPartitionsCommand',
    'kafka-transactions': 'org.apache.kafka.tools.TransactionsCommand',
    'kafka-verifiable-consumer': 'org.apache.kafka.tools.VerifiableConsumer',
    'kafka-verifiable-producer': 'org.apache.kafka.tools.VerifiableProducer',
    'zookeeper-shell': 'org.apache.zookeeper.ZooKeeperMainWithTlsSupportForKafka',
}


def java():
    """The java command of JAVA_HOME, else of the PATH."""
    home = os.environ.get('JAVA_HOME')
    return os.path.join(home, 'bin', 'java') if home else shutil.which('java') or 'java'


def libs():
    """Folder of the jars of the broker and its tools."""
    return install.maven('oracle', paths.SUPPORT / 'oracle' / 'pom.xml', {'kafka.version': KAFKA}, f'kafka-{KAFKA}')


def client_libs(version):
    """Folder with kafka-clients of one release and what it needs."""
    return install.maven('client', paths.SUPPORT / 'oracle' / 'client.xml', {'kafka.version': version}, f'kafka-clients-{version}')


def _class_archive():
    """A class data archive of the tools: halves what starting one costs. [] where the JVM can't make one."""
    jars = libs()

    def build(folder):
        (folder / 'p').write_text('default.api.timeout.ms=1500\nrequest.timeout.ms=1000\n')
        process.run([java(), *JVM_SMALL, f'-XX:ArchiveClassesAtExit={folder}/tools.jsa', '-cp', f'{jars}/*', TOOLS['kafka-topics'],
                     '--bootstrap-server', '127.0.0.1:1', '--command-config', folder / 'p', '--list'], log=folder / 'log', seconds=120)
    file = install.cached('java', f'tools-archive-{KAFKA}', [java(), jars, *JVM_SMALL], build) / 'tools.jsa'
    return [f'-XX:SharedArchiveFile={file}', '-Xlog:disable', '-Xlog:all=error:stderr'] if file.exists() else []


def tool_command(name, *arguments):
    """The command line of an official tool, as bin/NAME.sh runs it."""
    return [java(), *JVM_SMALL, *_class_archive(), f'-Dlog4j.configuration=file:{paths.SUPPORT}/oracle/tools-log4j.properties',
            '-cp', f'{libs()}/*', TOOLS[name], *arguments]


def zookeeper_command(directory, port):
    directory.mkdir(parents=True, exist_ok=True)
    (directory / 'data').mkdir(exist_ok=True)
    (directory / 'zookeeper.properties').write_text(
        f'dataDir={directory}/data\nclientPort={port}\nclientPortAddress=127.0.0.1\nmaxClientCnxns=0\n'
        'tickTime=1000\nadmin.enableServer=false\n4lw.commands.whitelist=*\n')
    return [java(), '-Xmx256M', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', f'-Dkafka.logs.dir={directory}',
            f'-Dlog4j.configuration=file:{paths.SUPPORT}/oracle/log4j.properties', '-cp', f'{libs()}/*',
            'org.apache.zookeeper.server.quorum.QuorumPeerMain', directory / 'zookeeper.properties']


def broker_command(directory, properties):
    directory.mkdir(parents=True, exist_ok=True)
    file = directory / 'server.properties'
    file.write_text(''.join(f'{key}={value}\n' for key, value in properties.items()))
    heap = os.environ.get('KAFKA_HEAP_OPTS', '').split()  # behind ours: the last one counts
    return [java(), *JVM_BROKER, *heap, f'-Dkafka.logs.dir={directory}',
            f'-Dlog4j.configuration=file:{paths.SUPPORT}/oracle/log4j.properties', '-cp', f'{libs()}/*', 'kafka.Kafka', file]


if __name__ == '__main__':
    if sys.argv[1:2] == ['client']:
        print(client_libs(sys.argv[2]))
    elif sys.argv[1:2] == ['libs']:
        print(libs())
    else:
        sys.exit(__doc__)

// Fills a broker with what a log directory can hold and prints what its readers see, for tests/unit/storage/golden_dir_test.cc.
//   java -cp 'libs/*' GoldenDir.java fill|read HOST:PORT
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.ExecutionException;
import java.util.zip.CRC32;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

public class GoldenDir {
    static final String[] TOPICS = {"plain", "codecs", "txn", "deleted", "with-dash.and_dot"};
    static final long T0 = System.currentTimeMillis() - 3_600_000;

    static Properties base(String servers) {
        Properties p = new Properties();
        p.put("bootstrap.servers", servers);
        return p;
    }

    static KafkaProducer<byte[], byte[]> producer(String servers, String... settings) {
        Properties p = base(servers);
        p.put("linger.ms", "50");
        for (int i = 0; i < settings.length; i += 2) p.put(settings[i], settings[i + 1]);
        return new KafkaProducer<>(p, new ByteArraySerializer(), new ByteArraySerializer());
    }

    static ProducerRecord<byte[], byte[]> record(String topic, int i, int size) {
        byte[] value = new byte[size];
        for (int b = 0; b < size; b++) value[b] = (byte) (i * 31 + b * 7);
        ProducerRecord<byte[], byte[]> r = new ProducerRecord<>(topic, 0, T0 + i * 1000L, ("k" + i % 10).getBytes(StandardCharsets.UTF_8), i % 50 == 49 ? null : value);
        if (i % 3 == 0) r.headers().add("h", value);
        return r;
    }

    static void fill(String servers) throws Exception {
        try (Admin admin = Admin.create(base(servers))) {
            List<NewTopic> topics = new ArrayList<>();
            for (String t : TOPICS) topics.add(new NewTopic(t, 1, (short) 1));
            admin.createTopics(topics).all().get();
            try (var p = producer(servers)) {
                for (int i = 0; i < 400; i++) {
                    p.send(record("plain", i, 60));
                    if (i % 7 == 0) p.flush();
                }
            }
            for (String codec : new String[] {"none", "gzip", "snappy", "lz4", "zstd"})
                try (var p = producer(servers, "compression.type", codec, "enable.idempotence", codec.equals("lz4") ? "false" : "true")) {
                    for (int i = 0; i < 120; i++) {
                        p.send(record("codecs", i, 100));
                        if (i % 20 == 19) p.flush();
                    }
                }
            try (var a = producer(servers, "transactional.id", "a"); var b = producer(servers, "transactional.id", "b")) {
                a.initTransactions();
                b.initTransactions();
                int n = 0;
                for (int round = 0; round < 30; round++) {
                    a.beginTransaction();
                    b.beginTransaction();
                    for (int i = 0; i < 5; i++) {
                        a.send(record("txn", n++, 80));
                        a.flush();
                        b.send(record("txn", n++, 80));
                        b.flush();
                    }
                    if (round % 3 == 0) a.abortTransaction(); else a.commitTransaction();
                    if (round % 5 == 1) b.abortTransaction(); else b.commitTransaction();
                }
            }
            try (var p = producer(servers, "enable.idempotence", "false")) {
                for (int i = 0; i < 300; i++) {
                    p.send(record("deleted", i, 100));
                    if (i % 10 == 0) p.flush();
                }
                p.flush();
                for (int i = 0; i < 10; i++) p.send(record("with-dash.and_dot", i, 10));
            }
            admin.deleteRecords(Map.of(new TopicPartition("deleted", 0), RecordsToDelete.beforeOffset(137))).all().get();
            Thread.sleep(6000);
        }
    }

    static StringBuilder consume(String servers, TopicPartition tp, String isolation, boolean deep) {
        Properties c = base(servers);
        c.put("isolation.level", isolation);
        c.put("auto.offset.reset", "earliest");
        StringBuilder out = new StringBuilder();
        try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(c, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            consumer.assign(List.of(tp));
            consumer.seekToBeginning(List.of(tp));
            long end = consumer.endOffsets(List.of(tp)).get(tp);
            while (consumer.position(tp) < end)
                for (var r : consumer.poll(java.time.Duration.ofSeconds(1))) {
                    out.append(' ').append(r.offset());
                    if (deep) {
                        CRC32 crc = new CRC32();
                        if (r.value() != null) crc.update(r.value());
                        out.append(':').append(r.timestamp()).append(':').append(crc.getValue());
                    }
                }
        }
        return out;
    }

    static void read(String servers) throws ExecutionException, InterruptedException {
        try (Admin admin = Admin.create(base(servers))) {
            for (String topic : TOPICS) {
                TopicPartition tp = new TopicPartition(topic, 0);
                long start = admin.listOffsets(Map.of(tp, OffsetSpec.earliest())).partitionResult(tp).get().offset();
                var latest = admin.listOffsets(Map.of(tp, OffsetSpec.latest())).partitionResult(tp).get();
                long max = admin.listOffsets(Map.of(tp, OffsetSpec.maxTimestamp())).partitionResult(tp).get().offset();
                System.out.println("offsets " + topic + " " + start + " " + latest.offset() + " " + latest.leaderEpoch().orElse(-1) + " " + max);
                System.out.println("topic_id " + topic + " " + admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic).topicId());
                System.out.println("records " + topic + consume(servers, tp, "read_uncommitted", true));
                System.out.println("committed " + topic + consume(servers, tp, "read_committed", false));
                Map<TopicPartition, OffsetSpec> one = new HashMap<>();
                StringBuilder times = new StringBuilder();
                long first = 0;
                for (String r : consume(servers, tp, "read_uncommitted", true).toString().trim().split(" ")) {
                    first = Long.parseLong(r.split(":")[1]);
                    break;
                }
                for (long delta : new long[] {-1_000_000, 0, 1, 5_500, 60_000, 110_001, 250_000}) {
                    var found = admin.listOffsets(Map.of(tp, OffsetSpec.forTimestamp(first + delta))).partitionResult(tp).get();
                    times.append(' ').append(first + delta).append(':').append(found.offset());
                }
                System.out.println("times " + topic + times);
                StringBuilder producers = new StringBuilder();
                admin.describeProducers(List.of(tp)).partitionResult(tp).get().activeProducers().stream()
                    .sorted(Comparator.comparingLong(ProducerState::producerId))
                    .forEach(s -> producers.append(' ').append(s.producerId()).append(':').append(s.producerEpoch()).append(':').append(s.lastSequence())
                        .append(':').append(s.coordinatorEpoch().orElse(-1)).append(':').append(s.lastTimestamp()));
                System.out.println("producers " + topic + producers);
            }
        }
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("fill")) fill(args[1]); else read(args[1]);
    }
}

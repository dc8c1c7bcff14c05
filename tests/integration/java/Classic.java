import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.*;

/** What every release from 0.10.2 to 4.2 can do. `Classic NAME` prints the canonical answer of a scenario. */
public class Classic {
    static final String BOOTSTRAP = System.getenv("BOOTSTRAP");

    static void say(Object... what) {
        StringJoiner line = new StringJoiner(" ");
        for (Object part : what) line.add(String.valueOf(part));
        System.out.println(line);
    }

    static void check(boolean condition, String what) {
        if (!condition) throw new AssertionError(what);
    }

    static Map<String, Object> config(Object... pairs) {
        Map<String, Object> config = new HashMap<>();
        config.put("bootstrap.servers", BOOTSTRAP);
        for (int i = 0; i < pairs.length; i += 2) config.put((String) pairs[i], pairs[i + 1]);
        return config;
    }

    static KafkaProducer<String, String> producer(Object... pairs) {
        return new KafkaProducer<>(config(pairs), new StringSerializer(), new StringSerializer());
    }

    static KafkaConsumer<String, String> consumer(String group, Object... pairs) {
        Map<String, Object> config = config(pairs);
        if (group != null) config.put("group.id", group);
        config.putIfAbsent("auto.offset.reset", "earliest");
        if (group == null) config.put("enable.auto.commit", "false");
        return new KafkaConsumer<>(config, new StringDeserializer(), new StringDeserializer());
    }

    /** poll(Duration) came with 2.0, poll(long) went with 4.0. */
    @SuppressWarnings("unchecked")
    static ConsumerRecords<String, String> poll(Consumer<String, String> consumer, long ms) throws Exception {
        Method poll;
        try {
            poll = Consumer.class.getMethod("poll", java.time.Duration.class);
            return (ConsumerRecords<String, String>) poll.invoke(consumer, java.time.Duration.ofMillis(ms));
        } catch (NoSuchMethodException old) {
            return (ConsumerRecords<String, String>) Consumer.class.getMethod("poll", long.class).invoke(consumer, ms);
        }
    }

    static List<ConsumerRecord<String, String>> read(Consumer<String, String> consumer, int count) throws Exception {
        List<ConsumerRecord<String, String>> got = new ArrayList<>();
        long end = System.currentTimeMillis() + 30000;
        while (got.size() < count) {
            check(System.currentTimeMillis() < end, got.size() + " of " + count);
            for (ConsumerRecord<String, String> record : poll(consumer, 200)) got.add(record);
        }
        return got;
    }

    static void write(String topic, int count, Object... pairs) throws Exception {
        try (KafkaProducer<String, String> producer = producer(pairs)) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < count; i++) sent.add(producer.send(new ProducerRecord<>(topic, "k" + i, "v" + i)));
            producer.flush();
            for (int i = 0; i < count; i++) check(sent.get(i).get(30, TimeUnit.SECONDS).offset() >= 0, "offset");
        }
    }

    static void produceConsume() throws Exception {
        long before = System.currentTimeMillis();
        try (KafkaProducer<String, String> producer = producer("acks", "all")) {
            for (int i = 0; i < 5; i++) {
                RecordMetadata sent = producer.send(new ProducerRecord<>("java-basic", i % 2 == 0 ? "key" + i : null, i == 3 ? null : "olá " + i)).get(30, TimeUnit.SECONDS);
                say("sent", sent.topic(), sent.partition(), sent.offset(), sent.timestamp() >= before - 5);
            }
            say("partitions", producer.partitionsFor("java-basic").size());
        }
        try (KafkaConsumer<String, String> consumer = consumer("java-basic-g")) {
            consumer.subscribe(Collections.singletonList("java-basic"));
            for (ConsumerRecord<String, String> r : read(consumer, 5))
                say(r.topic(), r.partition(), r.offset(), r.timestampType(), r.key(), r.value(), r.timestamp() >= before - 5);
        }
    }

    static void codecs() throws Exception {
        List<String> names = new ArrayList<>(Arrays.asList("gzip", "snappy", "lz4"));
        try {
            Class.forName("org.apache.kafka.common.record.CompressionType").getField("ZSTD");
            names.add("zstd");
        } catch (ReflectiveOperationException none) { /* 2.1 brought zstd; 3.9 and later keep the class elsewhere */
            try {
                Class.forName("org.apache.kafka.common.compress.ZstdCompression");
                names.add("zstd");
            } catch (ClassNotFoundException old) { /* an old client */ }
        }
        StringBuilder big = new StringBuilder();
        for (int i = 0; i < 5000; i++) big.append("abc").append(i % 10);
        for (String name : names) {
            String topic = "java-" + name;
            try (KafkaProducer<String, String> producer = producer("compression.type", name, "linger.ms", "50", "batch.size", "100000")) {
                for (int i = 0; i < 50; i++) producer.send(new ProducerRecord<>(topic, "k" + i, big.toString() + i));
            }
            try (KafkaConsumer<String, String> consumer = consumer(null)) {
                consumer.assign(Collections.singletonList(new TopicPartition(topic, 0)));
                int i = 0;
                for (ConsumerRecord<String, String> r : read(consumer, 50)) {
                    check(r.offset() == i && r.key().equals("k" + i) && r.value().equals(big.toString() + i), topic + " " + i);
                    i++;
                }
                say(name, i);
            }
        }
    }

    static void commit() throws Exception {
        write("java-commit", 20);
        TopicPartition tp = new TopicPartition("java-commit", 0);
        try (KafkaConsumer<String, String> consumer = consumer("java-commit-g", "enable.auto.commit", "false", "max.poll.records", "5")) {
            consumer.subscribe(Collections.singletonList("java-commit"));
            say(read(consumer, 5).size());
            consumer.commitSync(Collections.singletonMap(tp, new OffsetAndMetadata(7, "note")));
            consumer.commitAsync();
            say("position", consumer.position(tp));
        }
        try (KafkaConsumer<String, String> consumer = consumer("java-commit-g", "enable.auto.commit", "false")) {
            consumer.assign(Collections.singletonList(tp));
            consumer.seekToEnd(Collections.singletonList(tp));
            consumer.position(tp);
            consumer.commitSync();
        }
        try (KafkaConsumer<String, String> consumer = consumer("java-commit-g")) {
            consumer.subscribe(Collections.singletonList("java-commit"));
            write("java-commit", 2);
            for (ConsumerRecord<String, String> r : read(consumer, 2)) say(r.offset(), r.value());
        }
    }

    static void seek() throws Exception {
        write("java-seek", 30);
        TopicPartition tp = new TopicPartition("java-seek", 0);
        try (KafkaConsumer<String, String> consumer = consumer(null, "max.poll.records", "3", "fetch.min.bytes", "1", "max.partition.fetch.bytes", "200")) {
            consumer.assign(Collections.singletonList(tp));
            say("range", consumer.beginningOffsets(Collections.singletonList(tp)).get(tp), consumer.endOffsets(Collections.singletonList(tp)).get(tp));
            consumer.seek(tp, 25);
            StringJoiner got = new StringJoiner(",");
            for (ConsumerRecord<String, String> r : read(consumer, 5)) got.add(r.offset() + "=" + r.value());
            say(got);
            consumer.seekToBeginning(Collections.singletonList(tp));
            consumer.pause(Collections.singletonList(tp));
            say("paused", poll(consumer, 500).count(), consumer.paused().size());
            consumer.resume(consumer.paused());
            say("first", read(consumer, 1).get(0).offset());
            consumer.seek(tp, 1000);
            say("reset to", read(consumer, 1).get(0).offset());
        }
        try (KafkaConsumer<String, String> consumer = consumer(null, "auto.offset.reset", "none")) {
            consumer.assign(Collections.singletonList(tp));
            consumer.seek(tp, 1000);
            try {
                for (int i = 0; i < 50; i++) poll(consumer, 100);
                say("nothing raised");
            } catch (java.lang.reflect.InvocationTargetException error) { say(error.getCause().getClass().getSimpleName()); }
        }
    }

    static void times() throws Exception {
        try (KafkaProducer<String, String> producer = producer()) {
            for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>("java-times", 0, 1600000000000L + i * 60000, "k", "" + i));
        }
        TopicPartition tp = new TopicPartition("java-times", 0);
        try (KafkaConsumer<String, String> consumer = consumer(null)) {
            for (long at : new long[] {-60000, 0, 270000, 540000, 540001}) {
                OffsetAndTimestamp found = consumer.offsetsForTimes(Collections.singletonMap(tp, 1600000000000L + at)).get(tp);
                say(at, found == null ? null : found.offset() + "@" + (found.timestamp() - 1600000000000L));
            }
            consumer.assign(Collections.singletonList(tp));
            for (ConsumerRecord<String, String> r : read(consumer, 10)) say(r.offset(), r.timestamp() - 1600000000000L, r.timestampType());
        }
    }

    /** Two members share the partitions of two topics; one leaves. */
    static void twoMembers() throws Exception {
        write("java-two-a", 1);
        write("java-two-b", 1);
        List<KafkaConsumer<String, String>> members = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            members.add(consumer("java-two-g", "client.id", "m" + i, "session.timeout.ms", "10000", "heartbeat.interval.ms", "300",
                "partition.assignment.strategy", "org.apache.kafka.clients.consumer.RoundRobinAssignor", "max.poll.interval.ms", "20000"));
            members.get(i).subscribe(Arrays.asList("java-two-a", "java-two-b"));
        }
        Set<String> values = new TreeSet<>();
        ExecutorService pool = Executors.newFixedThreadPool(2);
        long end = System.currentTimeMillis() + 40000;
        while (members.get(0).assignment().size() != 1 || members.get(1).assignment().size() != 1 || values.size() < 2) {
            check(System.currentTimeMillis() < end, "shared " + members.get(0).assignment() + members.get(1).assignment() + values);
            List<Future<ConsumerRecords<String, String>>> polls = new ArrayList<>();
            for (KafkaConsumer<String, String> member : members) polls.add(pool.submit(() -> poll(member, 100)));
            for (Future<ConsumerRecords<String, String>> f : polls) for (ConsumerRecord<String, String> r : f.get()) values.add(r.topic() + "=" + r.value());
        }
        say("one each", values);
        members.get(0).close();
        while (members.get(1).assignment().size() != 2) {
            check(System.currentTimeMillis() < end, "taken over " + members.get(1).assignment());
            poll(members.get(1), 100);
        }
        say("two for the other");
        members.get(1).close();
        pool.shutdown();
    }

    static void tooLarge() throws Exception {
        char[] big = new char[1500000];
        Arrays.fill(big, 'x');
        try (KafkaProducer<String, String> producer = producer("max.request.size", "5000000", "buffer.memory", "10000000")) {
            producer.send(new ProducerRecord<>("java-large", "small")).get(30, TimeUnit.SECONDS);
            try {
                producer.send(new ProducerRecord<>("java-large", new String(big))).get(30, TimeUnit.SECONDS);
                say("accepted");
            } catch (ExecutionException error) { say(error.getCause().getClass().getSimpleName()); }
            say(producer.send(new ProducerRecord<>("java-large", "again")).get(30, TimeUnit.SECONDS).offset());
        }
    }

    static void acks() throws Exception {
        for (String acks : new String[] {"0", "1", "all"}) {
            try (KafkaProducer<String, String> producer = producer("acks", acks, "enable.idempotence", "false", "max.in.flight.requests.per.connection", "5", "batch.size", "100")) {
                for (int i = 0; i < 500; i++) producer.send(new ProducerRecord<>("java-acks-" + acks, "v" + i));
            }
            try (KafkaConsumer<String, String> consumer = consumer(null)) {
                consumer.assign(Collections.singletonList(new TopicPartition("java-acks-" + acks, 0)));
                int i = 0;
                for (ConsumerRecord<String, String> r : read(consumer, 500)) {
                    check(r.offset() == i && r.value().equals("v" + i), acks + " " + r);
                    i++;
                }
                say(acks, i);
            }
        }
    }

    public static void main(String[] args) throws Exception {
        System.setOut(new java.io.PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true, "UTF-8"));
        switch (args[0]) {
            case "produce-consume": produceConsume(); break;
            case "codecs": codecs(); break;
            case "commit": commit(); break;
            case "seek": seek(); break;
            case "times": times(); break;
            case "two-members": twoMembers(); break;
            case "too-large": tooLarge(); break;
            case "acks": acks(); break;
            default: throw new IllegalArgumentException(args[0]);
        }
        System.exit(0);
    }
}

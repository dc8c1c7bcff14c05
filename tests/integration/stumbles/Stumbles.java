import java.nio.charset.StandardCharsets;
import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;

/** What users of one broker stumble over, with the Java client. `Stumbles NAME` prints the canonical answer of a scenario. */
public class Stumbles extends Newest {
    static final long LIMIT_MS = 40000;

    static NewTopic topic(String name, int partitions, String... configs) {
        Map<String, String> map = new HashMap<>();
        for (int i = 0; i < configs.length; i += 2) map.put(configs[i], configs[i + 1]);
        return new NewTopic(name, partitions, (short) 1).configs(map);
    }

    static void create(NewTopic... topics) throws Exception {
        try (AdminClient admin = admin()) { admin.createTopics(Arrays.asList(topics)).all().get(30, TimeUnit.SECONDS); }
    }

    static void set(AdminClient admin, String name, String key, String value) throws Exception {
        AlterConfigOp op = new AlterConfigOp(new ConfigEntry(key, value), AlterConfigOp.OpType.SET);
        admin.incrementalAlterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, name), List.of(op))).all().get();
    }

    static String sent(KafkaProducer<String, String> producer, ProducerRecord<String, String> record) throws Exception {
        return outcome(() -> producer.send(record).get(30, TimeUnit.SECONDS));
    }

    static String thrown(Call call) throws Exception {
        try { call.run(); return "ok"; } catch (KafkaException error) { return error.getClass().getSimpleName(); }
    }

    interface Condition { boolean holds() throws Exception; }

    /** Polls the consumers, each on a thread of its own as in an application, until the condition holds. */
    static void until(String what, List<KafkaConsumer<String, String>> members, Condition condition) throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(members.size());
        long end = System.currentTimeMillis() + LIMIT_MS;
        try {
            while (!condition.holds()) {
                check(System.currentTimeMillis() < end, what);
                List<Future<?>> polls = new ArrayList<>();
                for (KafkaConsumer<String, String> member : members) polls.add(pool.submit(() -> poll(member, 50)));
                for (Future<?> f : polls) f.get();
            }
        } finally { pool.shutdown(); }
    }

    static List<Integer> owned(List<KafkaConsumer<String, String>> members) {
        List<Integer> sizes = new ArrayList<>();
        for (KafkaConsumer<String, String> member : members) sizes.add(member.assignment().size());
        Collections.sort(sizes);
        return sizes;
    }

    static int distinct(List<KafkaConsumer<String, String>> members) {
        Set<TopicPartition> all = new HashSet<>();
        for (KafkaConsumer<String, String> member : members) all.addAll(member.assignment());
        return all.size();
    }

    /** Eight producers send to the same three topics that nobody has created. */
    static void autoCreationRace() throws Exception {
        ExecutorService pool = Executors.newFixedThreadPool(8);
        List<Future<String>> outcomes = new ArrayList<>();
        CountDownLatch go = new CountDownLatch(1);
        for (int i = 0; i < 8; i++) {
            int n = i;
            outcomes.add(pool.submit(() -> {
                try (KafkaProducer<String, String> producer = producer("client.id", "race-" + n)) {
                    go.await();
                    String all = "";
                    for (int t = 0; t < 3; t++) all += sent(producer, new ProducerRecord<>("race-" + t, "v" + n));
                    return all;
                }
            }));
        }
        go.countDown();
        Set<String> said = new TreeSet<>();
        for (Future<String> outcome : outcomes) said.add(outcome.get());
        say(said);
        try (KafkaConsumer<String, String> consumer = consumer("race-g")) {
            consumer.subscribe(Arrays.asList("race-0", "race-1", "race-2"));
            say(read(consumer, 24).size());
        }
        pool.shutdown();
    }

    /** A consumer that came before its topics finds them, by name and by pattern. */
    static void consumerBeforeTopic() throws Exception {
        Object[] options = {"allow.auto.create.topics", "false", "metadata.max.age.ms", "400"};
        try (KafkaConsumer<String, String> named = consumer("early-g1", options); KafkaConsumer<String, String> pattern = consumer("early-g2", options)) {
            named.subscribe(List.of("early-a"));
            pattern.subscribe(java.util.regex.Pattern.compile("early-.*"));
            List<KafkaConsumer<String, String>> both = List.of(named, pattern);
            for (int i = 0; i < 5; i++) for (KafkaConsumer<String, String> one : both) poll(one, 100);
            try (AdminClient admin = admin()) { say("created by reading", admin.listTopics().names().get().contains("early-a")); }
            create(topic("early-a", 2), topic("early-b", 1));
            until("assigned", both, () -> named.assignment().size() == 2 && pattern.assignment().size() == 3);
            write("early-a", 4);
            say(read(named, 4).size(), read(pattern, 4).size());
        }
    }

    /** A topic is deleted and made again under a running producer and a running consumer. */
    static void recreatedTopic() throws Exception {
        create(topic("again", 1));
        try (AdminClient admin = admin();
             KafkaProducer<String, String> producer = producer("metadata.max.age.ms", "400");
             KafkaConsumer<String, String> consumer = consumer("again-g", "metadata.max.age.ms", "400", "allow.auto.create.topics", "false")) {
            consumer.subscribe(List.of("again"));
            for (int i = 0; i < 10; i++) producer.send(new ProducerRecord<>("again", "old" + i)).get(30, TimeUnit.SECONDS);
            say(read(consumer, 10).size());
            Uuid before = admin.describeTopics(List.of("again")).allTopicNames().get().get("again").topicId();
            admin.deleteTopics(List.of("again")).all().get();
            long end = System.currentTimeMillis() + LIMIT_MS;
            String outcome = "";
            while (!outcome.equals("ok")) {
                check(System.currentTimeMillis() < end, "created again: " + outcome);
                outcome = outcome(() -> admin.createTopics(List.of(topic("again", 1))).all().get());
                poll(consumer, 20);
            }
            say("another id", !admin.describeTopics(List.of("again")).allTopicNames().get().get("again").topicId().equals(before));
            // What came before the consumer has noticed the truncation it would skip (KIP-320: on to where the logs diverge).
            TopicPartition tp = new TopicPartition("again", 0);
            until("starts again", List.of(consumer), () -> consumer.assignment().contains(tp) && consumer.position(tp) == 0);
            for (int i = 0; i < 3; i++) say(sent(producer, new ProducerRecord<>("again", "new" + i)));
            for (ConsumerRecord<String, String> r : read(consumer, 3)) say(r.offset(), r.value());
        }
    }

    /** Records far larger than what the consumer asks for come one by one; the topic's limit holds, and follows its setting. */
    static void largeRecords() throws Exception {
        create(topic("large", 2, "max.message.bytes", "6000000"));
        String big = "x".repeat(5_000_000), bigger = "y".repeat(7_000_000);
        try (AdminClient admin = admin(); KafkaProducer<String, String> producer = producer("max.request.size", "20000000", "buffer.memory", "60000000")) {
            for (int p = 0; p < 2; p++) {
                say(sent(producer, new ProducerRecord<>("large", p, "k", "small")), sent(producer, new ProducerRecord<>("large", p, "k", big)),
                    sent(producer, new ProducerRecord<>("large", p, "k", bigger)), sent(producer, new ProducerRecord<>("large", p, "k", "small")));
            }
            try (KafkaConsumer<String, String> consumer = consumer("large-g", "fetch.max.bytes", "1024", "max.partition.fetch.bytes", "1024")) {
                consumer.subscribe(List.of("large"));
                List<ConsumerRecord<String, String>> got = read(consumer, 6);
                got.sort(Comparator.<ConsumerRecord<String, String>>comparingInt(r -> r.partition()).thenComparingLong(r -> r.offset()));
                for (ConsumerRecord<String, String> r : got) say(r.partition(), r.offset(), r.value().length());
            }
            set(admin, "large", "max.message.bytes", "100000");
            Thread.sleep(1500); // Apache Kafka applies it after it has answered
            say("lower", sent(producer, new ProducerRecord<>("large", 0, "k", big)));
            set(admin, "large", "max.message.bytes", "8000000");
            Thread.sleep(1500);
            say("higher", sent(producer, new ProducerRecord<>("large", 0, "k", bigger)));
        }
    }

    /** What the reader was at is gone: reset, or an error, as it asked. */
    static void outOfRange() throws Exception {
        create(topic("range", 1));
        write("range", 20);
        TopicPartition tp = new TopicPartition("range", 0);
        try (AdminClient admin = admin(); KafkaConsumer<String, String> consumer = consumer("range-g", "max.poll.records", "1")) {
            consumer.subscribe(List.of("range"));
            read(consumer, 3);
            consumer.commitSync();
            admin.deleteRecords(Map.of(tp, RecordsToDelete.beforeOffset(12))).all().get();
            consumer.seek(tp, 2);
            say("earliest", read(consumer, 1).get(0).offset());
            for (Object[] c : new Object[][] {{"latest", 5}, {"latest", 100}, {"none", 5}, {"none", 100}}) {
                try (KafkaConsumer<String, String> other = consumer(null, "auto.offset.reset", c[0])) {
                    other.assign(List.of(tp));
                    other.seek(tp, (int) c[1]);
                    String said = "";
                    for (int i = 0; i < 20 && said.isEmpty(); i++) said = thrown(() -> poll(other, 100)).replace("ok", "");
                    say(c[0], c[1], said.isEmpty() ? other.position(tp) : said);
                } catch (java.lang.reflect.InvocationTargetException wrapped) { say(c[0], c[1], wrapped.getCause().getClass().getSimpleName()); }
            }
            try (KafkaConsumer<String, String> fresh = consumer("range-none", "auto.offset.reset", "none")) {
                fresh.subscribe(List.of("range"));
                String said = "ok";
                try { for (int i = 0; i < 30; i++) poll(fresh, 100); } catch (java.lang.reflect.InvocationTargetException wrapped) { said = wrapped.getCause().getClass().getSimpleName(); }
                say("no offset", said);
            }
            say(consumer.beginningOffsets(List.of(tp)).get(tp), consumer.endOffsets(List.of(tp)).get(tp));
        }
    }

    /** Times over several segments and compressed batches, the same time twice, times that go back. */
    static void seekToTime() throws Exception {
        create(topic("time", 1, "segment.bytes", "2000"), topic("time-append", 1, "message.timestamp.type", "LogAppendTime"), topic("time-none", 1));
        long base = 1600000000000L;
        int[] steps = {0, 1000, 1000, 5000, 3000, 9000, 2000, 9000, 20000, 19000};
        for (int round = 0; round < 4; round++) {
            try (KafkaProducer<String, String> producer = producer("compression.type", round % 2 == 0 ? "none" : "lz4", "linger.ms", "200")) {
                for (int step : steps) producer.send(new ProducerRecord<>("time", 0, base + round * 30000 + step, "k", "v".repeat(150)));
            }
        }
        write("time-append", 3, "batch.size", "1");
        TopicPartition tp = new TopicPartition("time", 0), append = new TopicPartition("time-append", 0), none = new TopicPartition("time-none", 0);
        try (KafkaConsumer<String, String> consumer = consumer(null)) {
            for (long at : new long[] {0, 1, 1000, 1001, 4000, 5001, 9000, 9001, 19500, 20001, 30000, 41000, 65000, 110000, 110001, 200000}) {
                OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(tp, base + at)).get(tp);
                say(at, found == null ? null : found.offset() + " " + (found.timestamp() - base));
            }
            say("append time", consumer.offsetsForTimes(Map.of(append, base)).get(append).offset(), "empty", consumer.offsetsForTimes(Map.of(none, 0L)).get(none));
            say("many", consumer.offsetsForTimes(Map.of(tp, base + 65000, append, base, none, base)).get(tp).offset());
            consumer.assign(List.of(tp));
            consumer.seek(tp, consumer.offsetsForTimes(Map.of(tp, base + 95000)).get(tp).offset());
            ConsumerRecord<String, String> first = read(consumer, 1).get(0);
            say(first.offset(), first.timestamp() - base);
        }
    }

    /** Partitions are added under a running group and a running producer. */
    static void morePartitions() throws Exception {
        create(topic("grow", 2));
        List<KafkaConsumer<String, String>> members = new ArrayList<>();
        try (AdminClient admin = admin(); KafkaProducer<String, String> producer = producer("metadata.max.age.ms", "400")) {
            say(producer.partitionsFor("grow").size());
            for (int i = 0; i < 2; i++) {
                members.add(consumer("grow-g", "metadata.max.age.ms", "400", "heartbeat.interval.ms", "300"));
                members.get(i).subscribe(List.of("grow"));
            }
            until("one each", members, () -> owned(members).equals(List.of(1, 1)));
            admin.createPartitions(Map.of("grow", NewPartitions.increaseTo(6))).all().get();
            until("three each", members, () -> owned(members).equals(List.of(3, 3)) && distinct(members) == 6);
            long end = System.currentTimeMillis() + 10000;
            while (producer.partitionsFor("grow").size() != 6) { check(System.currentTimeMillis() < end, "producer sees them"); Thread.sleep(100); }
            for (int p = 0; p < 6; p++) say(producer.send(new ProducerRecord<>("grow", p, "k", "v" + p)).get(30, TimeUnit.SECONDS).offset());
        }
        for (KafkaConsumer<String, String> member : members) member.close();
    }

    /** Twelve members come at once, eight leave at once. */
    static void manyConsumers(String assignor) throws Exception {
        String name = "many-" + assignor.toLowerCase(Locale.ROOT);
        create(topic(name, 12));
        List<KafkaConsumer<String, String>> members = new ArrayList<>();
        for (int i = 0; i < 12; i++) {
            members.add(consumer(name + "-g", "heartbeat.interval.ms", "200", "partition.assignment.strategy", "org.apache.kafka.clients.consumer." + assignor + "Assignor"));
            members.get(i).subscribe(List.of(name));
        }
        until("one each", members, () -> owned(members).equals(Collections.nCopies(12, 1)) && distinct(members) == 12);
        say(owned(members));
        for (int i = 0; i < 8; i++) members.remove(0).close();
        until("three each", members, () -> owned(members).equals(Collections.nCopies(4, 3)) && distinct(members) == 12);
        say(owned(members));
        for (KafkaConsumer<String, String> member : members) member.close();
    }

    /** A consumer that works too long loses its place, is told so at its commit, and comes back. */
    static void slowConsumer() throws Exception {
        create(topic("slow", 1));
        write("slow", 4);
        try (KafkaConsumer<String, String> slow = consumer("slow-g", "max.poll.interval.ms", "1500", "heartbeat.interval.ms", "200", "max.poll.records", "2", "enable.auto.commit", "false");
             KafkaConsumer<String, String> other = consumer("slow-g", "heartbeat.interval.ms", "200", "enable.auto.commit", "false")) {
            slow.subscribe(List.of("slow"));
            other.subscribe(List.of("slow"));
            say(read(slow, 2).size());
            Thread.sleep(2500);
            List<ConsumerRecord<String, String>> takenOver = read(other, 4);  // the poll that gets the partition may bring its records too
            say(thrown(slow::commitSync));
            say("other from", takenOver.get(0).offset());
            other.commitSync();
            other.close();
            until("back", List.of(slow), () -> slow.assignment().size() == 1);
            say("position", slow.position(new TopicPartition("slow", 0)));
        }
    }

    static String joined(KafkaConsumer<String, String> consumer) throws Exception {
        long end = System.currentTimeMillis() + 15000;
        try {
            while (consumer.assignment().isEmpty()) {
                poll(consumer, 100);
                if (System.currentTimeMillis() > end) return "nothing";
            }
            return "joined";
        } catch (java.lang.reflect.InvocationTargetException wrapped) { return wrapped.getCause().getClass().getSimpleName(); }
    }

    /** Members and commits that are refused. The broker allows two members. */
    static void groupLimits() throws Exception {
        create(topic("limits", 3));
        TopicPartition tp = new TopicPartition("limits", 0);
        String range = "org.apache.kafka.clients.consumer.RangeAssignor", sticky = "org.apache.kafka.clients.consumer.StickyAssignor";
        try (KafkaConsumer<String, String> one = consumer("limits-a", "session.timeout.ms", "1000", "heartbeat.interval.ms", "300")) {
            one.subscribe(List.of("limits"));
            say("short session", joined(one));
        }
        try (KafkaConsumer<String, String> one = consumer("limits-a", "session.timeout.ms", "1900000")) {
            one.subscribe(List.of("limits"));
            say("long session", joined(one));
        }
        try (KafkaConsumer<String, String> one = consumer("limits-b", "partition.assignment.strategy", range); KafkaConsumer<String, String> two = consumer("limits-b", "partition.assignment.strategy", sticky)) {
            one.subscribe(List.of("limits"));
            two.subscribe(List.of("limits"));
            say("first", joined(one), "other strategy", joined(two));
        }
        List<KafkaConsumer<String, String>> two = new ArrayList<>();
        for (int i = 0; i < 2; i++) {
            two.add(consumer("limits-c", "heartbeat.interval.ms", "200"));
            two.get(i).subscribe(List.of("limits"));
        }
        until("two", two, () -> owned(two).equals(List.of(1, 2)));
        try (KafkaConsumer<String, String> third = consumer("limits-c")) {
            third.subscribe(List.of("limits"));
            say("third of two", joined(third));
        }
        say("the two", owned(two));
        for (KafkaConsumer<String, String> member : two) member.close();
        try (KafkaConsumer<String, String> one = consumer("limits-d", "enable.auto.commit", "false")) {
            one.assign(List.of(tp));
            say("long note", thrown(() -> one.commitSync(Map.of(tp, new OffsetAndMetadata(1, "x".repeat(4097))))), "longest", thrown(() -> one.commitSync(Map.of(tp, new OffsetAndMetadata(1, "x".repeat(4096))))));
            say("no such partition", thrown(() -> one.commitSync(Map.of(new TopicPartition("limits", 9), new OffsetAndMetadata(1)), java.time.Duration.ofSeconds(3))));
        }
    }

    /** Sends that are refused, each with its reason. */
    static void producerErrors() throws Exception {
        create(topic("refuse-isr", 1, "min.insync.replicas", "2"), topic("refuse-key", 1, "cleanup.policy", "compact"),
            topic("refuse-late", 1, "message.timestamp.after.max.ms", "1000", "message.timestamp.before.max.ms", "60000"), topic("refuse-small", 1, "segment.bytes", "1000"));
        long now = System.currentTimeMillis();
        Object[] options = {"retries", "0", "enable.idempotence", "false", "acks", "all", "max.block.ms", "3000", "client.id", "refused"};
        try (KafkaProducer<String, String> producer = producer(options)) {
            say("isr", sent(producer, new ProducerRecord<>("refuse-isr", "k", "v")));
            say("no key", sent(producer, new ProducerRecord<>("refuse-key", "v")), "key", sent(producer, new ProducerRecord<>("refuse-key", "k", "v")), "tombstone", sent(producer, new ProducerRecord<>("refuse-key", "k", null)));
            say("future", sent(producer, new ProducerRecord<>("refuse-late", 0, now + 3600_000, "k", "v")), "past", sent(producer, new ProducerRecord<>("refuse-late", 0, now - 3600_000, "k", "v")),
                "now", sent(producer, new ProducerRecord<>("refuse-late", 0, now, "k", "v")));
            say("larger than a segment", sent(producer, new ProducerRecord<>("refuse-small", "k", "v".repeat(2000))));
            say("bad name", sent(producer, new ProducerRecord<>("not a name", "v")), "long name", sent(producer, new ProducerRecord<>("x".repeat(250), "v")));
        }
        try (KafkaProducer<String, String> producer = producer("retries", "0", "enable.idempotence", "false", "acks", "1")) { say("isr, acks=1", sent(producer, new ProducerRecord<>("refuse-isr", "k", "v"))); }
        try (KafkaProducer<String, String> producer = producer("linger.ms", "300", "enable.idempotence", "false", "retries", "0")) {
            List<Future<RecordMetadata>> batch = new ArrayList<>();
            for (int i = 0; i < 4; i++) batch.add(producer.send(new ProducerRecord<>("refuse-key", 0, i == 2 ? null : "k", "v" + i)));
            StringJoiner all = new StringJoiner(" ");
            for (Future<RecordMetadata> one : batch) all.add(outcome(() -> one.get(30, TimeUnit.SECONDS)));
            say("one bad record in a batch", all);
        }
    }

    /** What a group had committed for a topic goes with the topic; the rest stays. */
    static void deletedTopicOffsets() throws Exception {
        create(topic("gone", 2), topic("stays", 1));
        TopicPartition gone = new TopicPartition("gone", 1), stays = new TopicPartition("stays", 0);
        try (AdminClient admin = AdminClient.create(config("default.api.timeout.ms", "15000", "request.timeout.ms", "10000"))) {
            admin.alterConsumerGroupOffsets("gone-g", Map.of(gone, new OffsetAndMetadata(5), stays, new OffsetAndMetadata(7))).all().get();
            say(offsets(admin, "gone-g"));
            admin.deleteTopics(List.of("gone")).all().get();
            long end = System.currentTimeMillis() + LIMIT_MS;
            while (offsets(admin, "gone-g").size() > 1) { check(System.currentTimeMillis() < end, "forgotten"); Thread.sleep(100); }
            say(offsets(admin, "gone-g"));
            say("commit", outcome(() -> admin.alterConsumerGroupOffsets("gone-g", Map.of(gone, new OffsetAndMetadata(5))).all().get()));
            say("describe", outcome(() -> admin.describeTopics(List.of("gone")).allTopicNames().get()), "delete", outcome(() -> admin.deleteTopics(List.of("gone")).all().get()), "records", outcome(() -> admin.deleteRecords(Map.of(gone, RecordsToDelete.beforeOffset(1))).all().get()));
        }
    }

    static Map<String, Long> offsets(AdminClient admin, String group) throws Exception {
        Map<String, Long> found = new TreeMap<>();
        admin.listConsumerGroupOffsets(group).partitionsToOffsetAndMetadata().get().forEach((tp, offset) -> found.put(tp.toString(), offset.offset()));
        return found;
    }

    /** A topic of many partitions, written and read whole, then deleted. */
    static void manyPartitions() throws Exception {
        int count = 300;
        create(topic("wide", count));
        try (KafkaProducer<String, String> producer = producer(); KafkaConsumer<String, String> consumer = consumer("wide-g", "enable.auto.commit", "false"); AdminClient admin = admin()) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int p = 0; p < count; p++) sent.add(producer.send(new ProducerRecord<>("wide", p, "k", "v" + p)));
            for (Future<RecordMetadata> one : sent) check(one.get(30, TimeUnit.SECONDS).offset() == 0, "first offset");
            consumer.subscribe(List.of("wide"));
            Set<Integer> partitions = new HashSet<>();
            for (ConsumerRecord<String, String> r : read(consumer, count)) partitions.add(r.partition());
            consumer.commitSync();
            say(partitions.size(), offsets(admin, "wide-g").size(), consumer.endOffsets(consumer.assignment()).values().stream().mapToLong(o -> o).sum());
            say(outcome(() -> admin.deleteTopics(List.of("wide")).all().get()));
        }
    }

    /** A waiting fetch answers as soon as a record is there, and not before there is enough or the time is up. */
    static void longPoll() throws Exception {
        create(topic("poll", 1));
        TopicPartition tp = new TopicPartition("poll", 0);
        try (KafkaProducer<String, String> producer = producer("linger.ms", "0"); KafkaConsumer<String, String> eager = consumer(null, "fetch.max.wait.ms", "20000", "request.timeout.ms", "40000");
             KafkaConsumer<String, String> patient = consumer(null, "fetch.min.bytes", "100000", "fetch.max.wait.ms", "3000")) {
            eager.assign(List.of(tp));
            patient.assign(List.of(tp));
            for (int i = 0; i < 3; i++) {
                poll(eager, 500);
                long start = System.currentTimeMillis();
                Future<RecordMetadata> sent = producer.send(new ProducerRecord<>("poll", "v" + i));
                String value = read(eager, 1).get(0).value();
                sent.get(30, TimeUnit.SECONDS);
                say(value, "at once", System.currentTimeMillis() - start < 5000);
            }
            long start = System.currentTimeMillis();
            read(patient, 3);
            say("waited for more", System.currentTimeMillis() - start >= 2500);
            poll(patient, 200);
            start = System.currentTimeMillis();
            producer.send(new ProducerRecord<>("poll", "x".repeat(200000)));
            read(patient, 1);
            say("enough at once", System.currentTimeMillis() - start < 2000);
        }
    }

    /** Sends, waits longer than the broker keeps idle connections, sends again. */
    static void idle() throws Exception {
        create(topic("idle", 1));
        try (AdminClient admin = admin(); KafkaProducer<String, String> producer = producer("retries", "3"); KafkaConsumer<String, String> consumer = consumer("idle-g")) {
            consumer.subscribe(List.of("idle"));
            for (int i = 0; i < 3; i++) {
                if (i > 0) Thread.sleep(4000);
                say(sent(producer, new ProducerRecord<>("idle", "v" + i)), read(consumer, 1).get(0).value(), outcome(() -> admin.listTopics().names().get()));
            }
        }
    }

    public static void main(String[] args) throws Exception {
        System.setOut(new java.io.PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true, "UTF-8"));
        switch (args[0]) {
            case "auto-creation-race": autoCreationRace(); break;
            case "consumer-before-topic": consumerBeforeTopic(); break;
            case "recreated-topic": recreatedTopic(); break;
            case "large-records": largeRecords(); break;
            case "out-of-range": outOfRange(); break;
            case "seek-to-time": seekToTime(); break;
            case "more-partitions": morePartitions(); break;
            case "many-consumers-range": manyConsumers("Range"); break;
            case "many-consumers-cooperative": manyConsumers("CooperativeSticky"); break;
            case "slow-consumer": slowConsumer(); break;
            case "group-limits": groupLimits(); break;
            case "producer-errors": producerErrors(); break;
            case "deleted-topic-offsets": deletedTopicOffsets(); break;
            case "many-partitions": manyPartitions(); break;
            case "long-poll": longPoll(); break;
            case "idle": idle(); break;
            default: throw new IllegalArgumentException(args[0]);
        }
        System.exit(0);
    }
}

import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;

/** What the releases from 2.0 on can do: headers, the idempotent producer, the admin client. */
public class Modern extends Classic {
    static AdminClient admin() { return AdminClient.create(config()); }

    interface Call { void run() throws Exception; }

    static String outcome(Call call) throws Exception {
        try { call.run(); return "ok"; } catch (ExecutionException error) { return error.getCause().getClass().getSimpleName(); }
    }

    static void create(AdminClient admin, String topic, int partitions) throws Exception {
        admin.createTopics(Collections.singleton(new NewTopic(topic, partitions, (short) 1))).all().get(30, TimeUnit.SECONDS);
    }

    static void headers() throws Exception {
        try (KafkaProducer<String, String> producer = producer()) {
            ProducerRecord<String, String> record = new ProducerRecord<>("java-headers", "k", "v");
            record.headers().add("a", "1".getBytes()).add("b", null).add("a", "2".getBytes()).add("empty", new byte[0]);
            producer.send(record).get(30, TimeUnit.SECONDS);
        }
        try (KafkaConsumer<String, String> consumer = consumer("java-headers-g")) {
            consumer.subscribe(Collections.singletonList("java-headers"));
            for (ConsumerRecord<String, String> r : read(consumer, 1)) {
                for (Header h : r.headers()) say(h.key(), h.value() == null ? null : "'" + new String(h.value()) + "'");
                say("sizes", r.serializedKeySize(), r.serializedValueSize());
            }
        }
    }

    static void idempotent() throws Exception {
        try (KafkaProducer<String, String> producer = producer("enable.idempotence", "true", "batch.size", "100", "max.in.flight.requests.per.connection", "5")) {
            List<Future<RecordMetadata>> sent = new ArrayList<>();
            for (int i = 0; i < 5000; i++) sent.add(producer.send(new ProducerRecord<>("java-idempotent", "v" + i)));
            for (int i = 0; i < 5000; i++) check(sent.get(i).get(30, TimeUnit.SECONDS).offset() == i, "offset of " + i);
        }
        try (KafkaConsumer<String, String> consumer = consumer(null, "isolation.level", "read_committed")) {
            consumer.assign(Collections.singletonList(new TopicPartition("java-idempotent", 0)));
            int i = 0;
            for (ConsumerRecord<String, String> r : read(consumer, 5000)) {
                check(r.offset() == i && r.value().equals("v" + i), "record " + i);
                i++;
            }
            say(i);
        }
    }

    static void adminTopics() throws Exception {
        try (AdminClient admin = admin()) {
            NewTopic withConfig = new NewTopic("java-a", 3, (short) 1).configs(Collections.singletonMap("retention.ms", "60000"));
            say(outcome(() -> admin.createTopics(Arrays.asList(withConfig, new NewTopic("java-b", Collections.singletonMap(0, Collections.singletonList(0))))).all().get()));
            say("exists", outcome(() -> admin.createTopics(Collections.singleton(withConfig)).all().get()));
            say("factor", outcome(() -> admin.createTopics(Collections.singleton(new NewTopic("java-c", 1, (short) 2))).all().get()));
            say("partitions", outcome(() -> admin.createTopics(Collections.singleton(new NewTopic("java-c", 0, (short) 1))).all().get()));
            say("name", outcome(() -> admin.createTopics(Collections.singleton(new NewTopic("java c", 1, (short) 1))).all().get()));
            say("config", outcome(() -> admin.createTopics(Collections.singleton(new NewTopic("java-c", 1, (short) 1).configs(Collections.singletonMap("x", "y")))).all().get()));
            say("validate only", outcome(() -> admin.createTopics(Collections.singleton(new NewTopic("java-v", 1, (short) 1)), new CreateTopicsOptions().validateOnly(true)).all().get()));
            Set<String> names = new TreeSet<>(admin.listTopics().names().get());
            names.removeIf(n -> !n.matches("java-[abcv]"));
            say(names);
            TopicDescription a = describe(admin, "java-a");
            say(a.name(), a.isInternal(), a.partitions().size(), a.partitions().get(2).leader().id(), a.partitions().get(2).isr().size());
            say("more", outcome(() -> admin.createPartitions(Collections.singletonMap("java-a", NewPartitions.increaseTo(5))).all().get()));
            say("fewer", outcome(() -> admin.createPartitions(Collections.singletonMap("java-a", NewPartitions.increaseTo(2))).all().get()));
            say("unknown", outcome(() -> admin.createPartitions(Collections.singletonMap("java-x", NewPartitions.increaseTo(2))).all().get()));
            say("partitions", describe(admin, "java-a").partitions().size());
            say("delete", outcome(() -> admin.deleteTopics(Arrays.asList("java-a", "java-b")).all().get()));
            say("delete again", outcome(() -> admin.deleteTopics(Collections.singleton("java-a")).all().get()));
            say("describe", outcome(() -> describe(admin, "java-a")));
            say("cluster", admin.describeCluster().nodes().get().size(), admin.describeCluster().controller().get().id(), admin.describeCluster().clusterId().get().length());
        }
    }

    static TopicDescription describe(AdminClient admin, String topic) throws Exception {
        // all() gave way to allTopicNames() in 3.1; values() and topicNameValues() likewise.
        Object result = admin.describeTopics(Collections.singleton(topic));
        java.lang.reflect.Method method;
        try { method = result.getClass().getMethod("allTopicNames"); } catch (NoSuchMethodException old) { method = result.getClass().getMethod("all"); }
        return ((Map<String, TopicDescription>) ((org.apache.kafka.common.KafkaFuture<?>) method.invoke(result)).get()).get(topic);
    }

    static void show(AdminClient admin, ConfigResource resource, String... keys) throws Exception {
        Config config = admin.describeConfigs(Collections.singleton(resource)).all().get().get(resource);
        for (String key : keys) {
            ConfigEntry e = config.get(key);
            say(" ", e.name(), e.value(), e.source(), e.isReadOnly(), e.isSensitive(), e.isDefault());
        }
    }

    static void adminConfigs() throws Exception {
        try (AdminClient admin = admin()) {
            create(admin, "java-config", 1);
            ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "java-config");
            ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "0");
            show(admin, topic, "cleanup.policy", "retention.ms", "segment.bytes", "message.timestamp.type");
            show(admin, broker, "broker.id", "num.partitions", "log.retention.hours", "background.threads", "auto.create.topics.enable");
            say("all of a topic", new TreeSet<>(names(admin.describeConfigs(Collections.singleton(topic)).all().get().get(topic))));
            say("unknown topic", outcome(() -> admin.describeConfigs(Collections.singleton(new ConfigResource(ConfigResource.Type.TOPIC, "java-none"))).all().get()));
        }
    }

    static List<String> names(Config config) {
        List<String> names = new ArrayList<>();
        for (ConfigEntry e : config.entries()) names.add(e.name());
        return names;
    }

    static void adminGroups() throws Exception {
        write("java-group", 3);
        try (AdminClient admin = admin(); KafkaConsumer<String, String> consumer = consumer("java-group-g", "client.id", "ce", "auto.commit.interval.ms", "100")) {
            consumer.subscribe(Collections.singletonList("java-group"));
            read(consumer, 3);
            consumer.commitSync();
            ConsumerGroupDescription d = admin.describeConsumerGroups(Collections.singleton("java-group-g")).all().get().get("java-group-g");
            MemberDescription m = d.members().iterator().next();
            say(d.groupId(), d.isSimpleConsumerGroup(), d.partitionAssignor(), d.members().size(), m.clientId(), m.host(), m.assignment().topicPartitions(), d.coordinator().id());
            boolean listed = false;
            for (ConsumerGroupListing g : admin.listConsumerGroups().all().get()) listed |= g.groupId().equals("java-group-g");
            say("listed", listed);
            say("offsets", admin.listConsumerGroupOffsets("java-group-g").partitionsToOffsetAndMetadata().get().get(new TopicPartition("java-group", 0)).offset());
            say("delete while in use", outcome(() -> admin.deleteConsumerGroups(Collections.singleton("java-group-g")).all().get()));
            consumer.unsubscribe();
            consumer.close();
            say("delete", outcome(() -> admin.deleteConsumerGroups(Collections.singleton("java-group-g")).all().get()));
            say("delete again", outcome(() -> admin.deleteConsumerGroups(Collections.singleton("java-group-g")).all().get()));
        }
    }

    static void deleteRecords() throws Exception {
        write("java-records", 10);
        TopicPartition tp = new TopicPartition("java-records", 0);
        try (AdminClient admin = admin(); KafkaConsumer<String, String> consumer = consumer(null)) {
            say(admin.deleteRecords(Collections.singletonMap(tp, RecordsToDelete.beforeOffset(4))).lowWatermarks().get(tp).get().lowWatermark());
            consumer.assign(Collections.singletonList(tp));
            say(read(consumer, 6).get(0).offset());
            say("beyond", outcome(() -> admin.deleteRecords(Collections.singletonMap(tp, RecordsToDelete.beforeOffset(40))).all().get()));
            say(admin.deleteRecords(Collections.singletonMap(tp, RecordsToDelete.beforeOffset(-1))).lowWatermarks().get(tp).get().lowWatermark());
            say(consumer.beginningOffsets(Collections.singletonList(tp)).get(tp));
            Map<Integer, ?> dirs = logDirs(admin);
            say("log dirs", dirs.keySet());
        }
    }

    /** describeLogDirs changed its result type in 2.7 and lost all() in 4.0. */
    static Map<Integer, ?> logDirs(AdminClient admin) throws Exception {
        Object result = admin.describeLogDirs(Collections.singleton(0));
        java.lang.reflect.Method method;
        try { method = result.getClass().getMethod("allDescriptions"); } catch (NoSuchMethodException old) { method = result.getClass().getMethod("all"); }
        return (Map<Integer, ?>) ((org.apache.kafka.common.KafkaFuture<?>) method.invoke(result)).get();
    }

    public static void main(String[] args) throws Exception {
        System.setOut(new java.io.PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true, "UTF-8"));
        switch (args[0]) {
            case "headers": headers(); break;
            case "idempotent": idempotent(); break;
            case "admin-topics": adminTopics(); break;
            case "admin-configs": adminConfigs(); break;
            case "admin-groups": adminGroups(); break;
            case "delete-records": deleteRecords(); break;
            default: throw new IllegalArgumentException(args[0]);
        }
        System.exit(0);
    }
}

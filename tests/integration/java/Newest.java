import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** What the releases from 3.0 on can do. */
public class Newest extends Modern {
    static void cooperative() throws Exception {
        try (AdminClient admin = admin()) { create(admin, "java-coop", 4); }
        List<String> events = Collections.synchronizedList(new ArrayList<>());
        List<KafkaConsumer<String, String>> members = new ArrayList<>();
        ExecutorService pool = Executors.newFixedThreadPool(2);
        long end = System.currentTimeMillis() + 40000;
        for (int i = 0; i < 2; i++) {
            members.add(consumer("java-coop-g", "heartbeat.interval.ms", "300", "session.timeout.ms", "10000",
                "partition.assignment.strategy", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor"));
            members.get(i).subscribe(Collections.singletonList("java-coop"), new ConsumerRebalanceListener() {
                public void onPartitionsRevoked(Collection<TopicPartition> p) { events.add("revoked " + p.size()); }
                public void onPartitionsAssigned(Collection<TopicPartition> p) { events.add("assigned " + p.size()); }
                public void onPartitionsLost(Collection<TopicPartition> p) { events.add("lost " + p.size()); }
            });
            while (members.get(0).assignment().size() != (i == 0 ? 4 : 2) || (i == 1 && members.get(1).assignment().size() != 2)) {
                check(System.currentTimeMillis() < end, "assigned");
                List<Future<?>> polls = new ArrayList<>();
                for (KafkaConsumer<String, String> member : members) polls.add(pool.submit(() -> poll(member, 100)));
                for (Future<?> f : polls) f.get();
            }
        }
        say("revoked", events.contains("revoked 2"), "only the moved ones", !events.contains("revoked 4"), "lost", events.toString().contains("lost"));
        for (KafkaConsumer<String, String> member : members) member.close();
        pool.shutdown();
    }

    /** A static member that comes back within its session takes its place without a rebalance (KIP-345). */
    static void staticMember() throws Exception {
        write("java-static", 3);
        String generation = null;
        for (int i = 0; i < 2; i++) {
            try (KafkaConsumer<String, String> consumer = consumer("java-static-g", "group.instance.id", "one", "session.timeout.ms", "20000")) {
                consumer.subscribe(Collections.singletonList("java-static"));
                long end = System.currentTimeMillis() + 20000;
                while (consumer.assignment().isEmpty()) {
                    check(System.currentTimeMillis() < end, "assigned");
                    poll(consumer, 100);
                }
                say("generation", consumer.groupMetadata().generationId(), consumer.groupMetadata().groupInstanceId().get());
            }
        }
        try (AdminClient admin = admin()) {
            ConsumerGroupDescription d = admin.describeConsumerGroups(Collections.singleton("java-static-g")).all().get().get("java-static-g");
            say("still a member", d.members().size(), d.members().iterator().next().groupInstanceId().get());
            admin.removeMembersFromConsumerGroup("java-static-g", new RemoveMembersFromConsumerGroupOptions(Collections.singleton(new MemberToRemove("one")))).all().get();
            d = admin.describeConsumerGroups(Collections.singleton("java-static-g")).all().get().get("java-static-g");
            say("removed", d.members().size());
        }
    }

    static void adminOffsets() throws Exception {
        try (KafkaProducer<String, String> producer = producer("linger.ms", "0")) {
            for (int i : new int[] {0, 5, 9, 3}) producer.send(new ProducerRecord<>("java-offsets", 0, 1600000000000L + i, "k", "v" + i)).get();
        }
        TopicPartition tp = new TopicPartition("java-offsets", 0);
        try (AdminClient admin = admin()) {
            Map<String, OffsetSpec> specs = new LinkedHashMap<>();
            specs.put("earliest", OffsetSpec.earliest());
            specs.put("latest", OffsetSpec.latest());
            specs.put("max timestamp", OffsetSpec.maxTimestamp());
            specs.put("at 4", OffsetSpec.forTimestamp(1600000000004L));
            specs.put("after all", OffsetSpec.forTimestamp(1700000000000L));
            for (Map.Entry<String, OffsetSpec> spec : specs.entrySet()) {
                ListOffsetsResult.ListOffsetsResultInfo info = admin.listOffsets(Collections.singletonMap(tp, spec.getValue())).partitionResult(tp).get();
                say(spec.getKey(), info.offset(), info.timestamp(), info.leaderEpoch().isPresent() ? info.leaderEpoch().get() : null);
            }
            Map<TopicPartition, OffsetAndMetadata> offsets = new HashMap<>();
            offsets.put(tp, new OffsetAndMetadata(2, Optional.of(0), "meta"));
            say("alter", outcome(() -> admin.alterConsumerGroupOffsets("java-offsets-g", offsets).all().get()));
            say(admin.listConsumerGroupOffsets("java-offsets-g").partitionsToOffsetAndMetadata().get());
            say("two groups", admin.listConsumerGroupOffsets(new TreeMap<>(Map.of("java-offsets-g", new ListConsumerGroupOffsetsSpec(), "java-none-g", new ListConsumerGroupOffsetsSpec()))).all().get().get("java-none-g").size());
            say("delete", outcome(() -> admin.deleteConsumerGroupOffsets("java-offsets-g", Collections.singleton(tp)).all().get()));
            say(admin.listConsumerGroupOffsets("java-offsets-g").partitionsToOffsetAndMetadata().get());
        }
    }

    static void incrementalConfigs() throws Exception {
        try (AdminClient admin = admin()) {
            create(admin, "java-incremental", 1);
            ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "java-incremental");
            Object[][] changes = {{"cleanup.policy", "compact", AlterConfigOp.OpType.APPEND}, {"cleanup.policy", "delete", AlterConfigOp.OpType.SUBTRACT},
                {"retention.ms", "1234", AlterConfigOp.OpType.SET}, {"retention.ms", "", AlterConfigOp.OpType.DELETE},
                {"retention.ms", "x", AlterConfigOp.OpType.SET}, {"retention.ms", "1", AlterConfigOp.OpType.APPEND}, {"nope", "1", AlterConfigOp.OpType.SET},
                {"max.message.bytes", "-5", AlterConfigOp.OpType.SET}};
            for (Object[] c : changes) {
                AlterConfigOp op = new AlterConfigOp(new ConfigEntry((String) c[0], (String) c[1]), (AlterConfigOp.OpType) c[2]);
                say(c[0], c[1], c[2], outcome(() -> admin.incrementalAlterConfigs(Collections.singletonMap(topic, Collections.singletonList(op))).all().get()));
                show(admin, topic, "cleanup.policy", "retention.ms");
            }
            DescribeConfigsOptions all = new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true);
            Config config = admin.describeConfigs(Collections.singleton(topic), all).all().get().get(topic);
            for (String key : new String[] {"cleanup.policy", "segment.bytes", "min.insync.replicas", "retention.ms"}) {
                ConfigEntry e = config.get(key);
                StringJoiner synonyms = new StringJoiner(",");
                for (ConfigEntry.ConfigSynonym s : e.synonyms()) synonyms.add(s.name() + "=" + s.value() + "/" + s.source());
                say(e.name(), e.type(), synonyms, e.documentation() != null && e.documentation().length() > 20);
            }
        }
    }

    static void describeProducers() throws Exception {
        TopicPartition tp = new TopicPartition("java-producers", 0);
        try (KafkaProducer<String, String> producer = producer("enable.idempotence", "true"); AdminClient admin = admin()) {
            for (int i = 0; i < 5; i++) producer.send(new ProducerRecord<>("java-producers", "v")).get();
            for (ProducerState s : admin.describeProducers(Collections.singleton(tp)).partitionResult(tp).get().activeProducers())
                say(s.producerEpoch(), s.lastSequence(), s.currentTransactionStartOffset().isPresent(), s.coordinatorEpoch().isPresent());
        }
    }

    public static void main(String[] args) throws Exception {
        System.setOut(new java.io.PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true, "UTF-8"));
        switch (args[0]) {
            case "cooperative": cooperative(); break;
            case "static-member": staticMember(); break;
            case "admin-offsets": adminOffsets(); break;
            case "incremental-configs": incrementalConfigs(); break;
            case "describe-producers": describeProducers(); break;
            default: throw new IllegalArgumentException(args[0]);
        }
        System.exit(0);
    }
}

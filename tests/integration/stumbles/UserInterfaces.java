import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.config.ConfigResource;

/** The admin calls with which web interfaces (kafka-ui, AKHQ, Kafdrop) fill their pages. Prints what they would show. */
public class UserInterfaces extends Newest {
    public static void main(String[] args) throws Exception {
        System.setOut(new java.io.PrintStream(new java.io.FileOutputStream(java.io.FileDescriptor.out), true, "UTF-8"));
        try (AdminClient admin = admin()) {
            admin.createTopics(List.of(new NewTopic("ui-a", 3, (short) 1), new NewTopic("ui-b", 1, (short) 1).configs(Map.of("cleanup.policy", "compact")), new NewTopic("ui-empty", 2, (short) 1))).all().get();
            write("ui-a", 30);
            write("ui-b", 5);
            KafkaConsumer<String, String> member = consumer("ui-group", "client.id", "ui-member");
            member.subscribe(List.of("ui-a"));
            read(member, 30);
            member.commitSync();
            cluster(admin);
            topics(admin);
            groups(admin);
            member.close();
            groups(admin);
        }
        System.exit(0);
    }

    static Set<String> ours(Collection<String> names) {
        Set<String> found = new TreeSet<>(names);
        found.removeIf(n -> !n.startsWith("ui-") && !n.startsWith("__"));
        return found;
    }

    static void cluster(AdminClient admin) throws Exception {
        DescribeClusterResult cluster = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
        List<Integer> ids = new ArrayList<>();
        List<ConfigResource> brokers = new ArrayList<>();
        for (Node node : cluster.nodes().get()) {
            ids.add(node.id());
            brokers.add(new ConfigResource(ConfigResource.Type.BROKER, node.idString()));
            say("node", node.id(), (node.host() + ":" + node.port()).equals(BOOTSTRAP), node.rack());
        }
        say("controller", cluster.controller().get().id(), "cluster id", cluster.clusterId().get().length(), "operations", new TreeSet<>(cluster.authorizedOperations().get()));
        for (Config config : admin.describeConfigs(brokers, new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true)).all().get().values())
            for (String key : new String[] {"inter.broker.protocol.version", "log.message.format.version", "auto.create.topics.enable", "delete.topic.enable", "log.retention.hours", "num.partitions", "broker.rack", "security.inter.broker.protocol"}) {
                ConfigEntry e = config.get(key);
                say(key, e == null ? null : e.value() + " " + e.source() + " " + e.isReadOnly() + " " + e.type());
            }
        for (Map.Entry<Integer, Map<String, LogDirDescription>> broker : admin.describeLogDirs(ids).allDescriptions().get().entrySet())
            for (LogDirDescription dir : broker.getValue().values()) {
                Set<String> names = new TreeSet<>();
                int sizes = 0;
                for (Map.Entry<TopicPartition, ReplicaInfo> replica : dir.replicaInfos().entrySet()) {
                    names.add(replica.getKey().topic());
                    if (replica.getKey().topic().startsWith("ui-") && replica.getValue().size() > 0) sizes++;
                    check(replica.getValue().offsetLag() == 0 && !replica.getValue().isFuture(), "replica");
                }
                say("log dir", broker.getKey(), dir.error(), ours(names), sizes, dir.totalBytes().isPresent(), dir.usableBytes().isPresent());
            }
    }

    static void topics(AdminClient admin) throws Exception {
        Collection<TopicListing> listings = admin.listTopics(new ListTopicsOptions().listInternal(true)).listings().get();
        Set<String> names = new TreeSet<>();
        for (TopicListing listing : listings) if (!ours(List.of(listing.name())).isEmpty()) names.add(listing.name());
        List<ConfigResource> resources = new ArrayList<>();
        for (String name : names) resources.add(new ConfigResource(ConfigResource.Type.TOPIC, name));
        Map<String, TopicDescription> described = new TreeMap<>(admin.describeTopics(names, new DescribeTopicsOptions().includeAuthorizedOperations(true)).allTopicNames().get());
        Map<ConfigResource, Config> configs = admin.describeConfigs(resources, new DescribeConfigsOptions().includeSynonyms(true)).all().get();
        Map<TopicPartition, OffsetSpec> latest = new HashMap<>(), earliest = new HashMap<>(), max = new HashMap<>();
        for (TopicDescription d : described.values()) {
            Config config = configs.get(new ConfigResource(ConfigResource.Type.TOPIC, d.name()));
            say(d.name(), d.isInternal(), d.partitions().size(), d.partitions().get(0).leader().id(), d.partitions().get(0).isr().size(), d.authorizedOperations().size(),
                config.get("cleanup.policy").value(), config.get("retention.ms").value(), config.get("min.insync.replicas").value(), config.entries().size());
            for (TopicPartitionInfo p : d.partitions()) {
                TopicPartition tp = new TopicPartition(d.name(), p.partition());
                if (!d.isInternal()) { latest.put(tp, OffsetSpec.latest()); earliest.put(tp, OffsetSpec.earliest()); max.put(tp, OffsetSpec.maxTimestamp()); }
            }
        }
        long end = 0, start = 0;
        for (ListOffsetsResult.ListOffsetsResultInfo info : admin.listOffsets(latest).all().get().values()) end += info.offset();
        for (ListOffsetsResult.ListOffsetsResultInfo info : admin.listOffsets(earliest).all().get().values()) start += info.offset();
        ListOffsetsResult.ListOffsetsResultInfo newest = admin.listOffsets(max).all().get().get(new TopicPartition("ui-empty", 0));
        say("offsets", start, end, newest.offset(), newest.timestamp());
        say("producers", admin.describeProducers(latest.keySet()).all().get().values().stream().mapToInt(s -> s.activeProducers().size()).sum());
    }

    static void groups(AdminClient admin) throws Exception {
        for (ConsumerGroupListing g : admin.listConsumerGroups().all().get())
            if (g.groupId().equals("ui-group")) say("listed", g.groupId(), g.isSimpleConsumerGroup(), g.state().orElse(null));
        say("stable ones", admin.listConsumerGroups(new ListConsumerGroupsOptions().inStates(Set.of(ConsumerGroupState.STABLE))).all().get().stream().filter(g -> g.groupId().equals("ui-group")).count());
        ConsumerGroupDescription d = admin.describeConsumerGroups(List.of("ui-group", "ui-nobody"), new DescribeConsumerGroupsOptions().includeAuthorizedOperations(true)).all().get().get("ui-group");
        say(d.state(), d.partitionAssignor(), d.coordinator().id(), d.authorizedOperations().size());
        for (MemberDescription m : d.members()) say("member", m.clientId(), m.consumerId().startsWith("ui-member-"), m.host(), m.assignment().topicPartitions().stream().map(String::valueOf).sorted().toList());
        Map<String, ListConsumerGroupOffsetsSpec> both = Map.of("ui-group", new ListConsumerGroupOffsetsSpec(), "ui-nobody", new ListConsumerGroupOffsetsSpec());
        long sum = 0;
        for (OffsetAndMetadata o : admin.listConsumerGroupOffsets(both).all().get().get("ui-group").values()) sum += o.offset();
        say("committed", sum);
    }
}

import java.util.*;
import java.util.concurrent.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.acl.*;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.resource.*;

/** Every answer and message of the admin APIs for topics and configurations, good and bad; one scenario a section. Prints the canonical answers. */
public class AdminAnswers {
  static Admin admin;
  interface Call { Object run() throws Exception; }
  static void t(String name, Call c) {
    String out;
    try { out = String.valueOf(c.run()); }
    catch (ExecutionException e) { out = "ERR " + e.getCause().getClass().getSimpleName() + ": " + e.getCause().getMessage(); }
    catch (Exception e) { out = "EXC " + e.getClass().getSimpleName() + ": " + e.getMessage(); }
    System.out.println(name + " -> " + out.replaceAll("\\b[A-Za-z0-9_]*(?=[A-Za-z0-9_-]*[0-9_-])[A-Za-z0-9_-]{22}\\b(?![A-Za-z0-9_-])", "<id>").replace(address, "<broker>"));
  }
  static Object create(NewTopic nt, boolean validate) throws Exception {
    CreateTopicsResult r = admin.createTopics(List.of(nt), new CreateTopicsOptions().validateOnly(validate).retryOnQuotaViolation(false));
    r.all().get();
    String n = nt.name();
    StringBuilder sb = new StringBuilder("partitions=" + r.numPartitions(n).get() + " rf=" + r.replicationFactor(n).get());
    List<String> cfg = new ArrayList<>();
    for (ConfigEntry e : r.config(n).get().entries()) cfg.add(e.name() + "=" + e.value() + "/" + e.source() + "/" + e.isReadOnly() + "/" + e.isSensitive());
    Collections.sort(cfg);
    return sb + " " + cfg;
  }
  static Object describe(ConfigResource r) throws Exception {
    Config c = admin.describeConfigs(List.of(r), new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(false)).all().get().get(r);
    List<String> l = new ArrayList<>();
    for (ConfigEntry e : c.entries()) { List<String> syn = new ArrayList<>(); for (ConfigEntry.ConfigSynonym s : e.synonyms()) syn.add(s.name() + "=" + s.value() + ":" + s.source()); l.add("\n   " + e.name() + "=" + e.value() + " " + e.source() + " " + e.type() + (e.isReadOnly() ? " ro" : "") + (e.isSensitive() ? " sens" : "") + " " + syn); }
    Collections.sort(l);
    return l;
  }
  static Object inc(ConfigResource r, boolean validate, AlterConfigOp... ops) throws Exception {
    admin.incrementalAlterConfigs(Map.of(r, List.of(ops)), new AlterConfigsOptions().validateOnly(validate)).all().get(); return "ok";
  }
  static AlterConfigOp op(String k, String v, AlterConfigOp.OpType t) { return new AlterConfigOp(new ConfigEntry(k, v), t); }
  static Object topic(String name) throws Exception {
    TopicDescription d = admin.describeTopics(List.of(name), new DescribeTopicsOptions().includeAuthorizedOperations(true)).allTopicNames().get().get(name);
    StringBuilder sb = new StringBuilder(d.name() + " internal=" + d.isInternal());
    for (TopicPartitionInfo p : d.partitions()) sb.append(" " + p.partition() + ":" + p.leader() + p.replicas() + p.isr());
    return sb + " " + new TreeSet<>(d.authorizedOperations());
  }
  static Object cluster() throws Exception {
    DescribeClusterResult r = admin.describeCluster(new DescribeClusterOptions().includeAuthorizedOperations(true));
    return r.nodes().get() + " controller=" + r.controller().get() + " " + new TreeSet<>(r.authorizedOperations().get());
  }
  static String address;
  static final ConfigResource B = new ConfigResource(ConfigResource.Type.BROKER, System.getenv().getOrDefault("BROKER_ID", "0")), D = new ConfigResource(ConfigResource.Type.BROKER, "");
  static final AlterConfigOp.OpType S = AlterConfigOp.OpType.SET, X = AlterConfigOp.OpType.DELETE, A = AlterConfigOp.OpType.APPEND, U = AlterConfigOp.OpType.SUBTRACT;

  public static void main(String[] a) throws Exception {
    address = System.getenv("BOOTSTRAP");
    Properties p = new Properties();
    p.put("bootstrap.servers", address);
    p.put("default.api.timeout.ms", "15000");
    p.put("request.timeout.ms", "10000");
    String px = "aa-" + a[0];
    admin = Admin.create(p);
    ConfigResource T = new ConfigResource(ConfigResource.Type.TOPIC, px + "-a");
    if (!a[0].equals("create")) create(new NewTopic(px + "-a", 2, (short) 1).configs(Map.of("retention.ms", "1000")), false);
    switch (a[0]) {
      case "create": create(px); break;
      case "describe": describe(px); break;
      case "partitions": partitions(px); break;
      case "configs": configs(px, T); break;
      case "alter": alter(px, T); break;
      case "broker": broker(px); break;
      case "delete": delete(px); break;
      case "acls": acls(); break;
    }
    admin.close(Duration0.of());
  }

  static void create(String px) throws Exception {
    t("create ok", () -> create(new NewTopic(px + "-a", 2, (short) 1).configs(Map.of("retention.ms", "1000")), false));
    t("create again", () -> create(new NewTopic(px + "-a", 2, (short) 1), false));
    t("create validate", () -> create(new NewTopic(px + "-v", Optional.empty(), Optional.empty()), true));
    t("create defaults", () -> create(new NewTopic(px + "-d", Optional.empty(), Optional.empty()), false));
    t("create 0 partitions", () -> create(new NewTopic(px + "-b", 0, (short) 1), false));
    t("create -2 partitions", () -> create(new NewTopic(px + "-b", -2, (short) 1), false));
    t("create rf 0", () -> create(new NewTopic(px + "-b", 1, (short) 0), false));
    t("create rf 5", () -> create(new NewTopic(px + "-b", 1, (short) 5), false));
    t("create bad name", () -> create(new NewTopic(px + " b", 1, (short) 1), false));
    t("create empty name", () -> create(new NewTopic("", 1, (short) 1), false));
    t("create .", () -> create(new NewTopic(".", 1, (short) 1), false));
    t("create ..", () -> create(new NewTopic("..", 1, (short) 1), false));
    t("create long", () -> create(new NewTopic("x".repeat(250), 1, (short) 1), false));
    t("create 249", () -> create(new NewTopic("y".repeat(249), 1, (short) 1), true));
    t("create col.1", () -> create(new NewTopic(px + ".c_x", 1, (short) 1), false));
    t("create col_1", () -> create(new NewTopic(px + "_c.x", 1, (short) 1), false));
    t("create bad cfg value", () -> create(new NewTopic(px + "-b", 1, (short) 1).configs(Map.of("retention.ms", "abc")), false));
    t("create unknown cfg", () -> create(new NewTopic(px + "-b", 1, (short) 1).configs(Map.of("no.such", "1")), false));
    t("create range cfg", () -> create(new NewTopic(px + "-b", 1, (short) 1).configs(Map.of("segment.bytes", "1")), false));
    HashMap<String,String> nul = new HashMap<>(); nul.put("retention.ms", null);
    t("create null cfg", () -> create(new NewTopic(px + "-b", 1, (short) 1).configs(nul), false));
    t("create lag", () -> create(new NewTopic(px + "-b", 1, (short) 1).configs(Map.of("min.compaction.lag.ms", "100", "max.compaction.lag.ms", "50")), false));
    t("create remote", () -> create(new NewTopic(px + "-b", 1, (short) 1).configs(Map.of("remote.storage.enable", "true")), false));
    t("assign ok", () -> create(new NewTopic(px + "-as", Map.of(0, List.of(0), 1, List.of(0))), false));
    t("assign gap", () -> create(new NewTopic(px + "-b", Map.of(0, List.of(0), 2, List.of(0))), false));
    t("assign dup", () -> create(new NewTopic(px + "-b", Map.of(0, List.of(0, 0))), false));
    t("assign neg partition", () -> create(new NewTopic(px + "-b", Map.of(-1, List.of(0))), false));
    t("assign sizes", () -> create(new NewTopic(px + "-b", Map.of(0, List.of(0), 1, List.of(0, 1))), false));
    t("describe ub", () -> admin.describeTopics(List.of(px + "-ub")).allTopicNames().get());
  }

  static void describe(String px) throws Exception {
    t("describe a", () -> topic(px + "-a"));
    t("describe none", () -> admin.describeTopics(List.of(px + "-none")).allTopicNames().get());
    t("describe id none", () -> admin.describeTopics(TopicCollection.ofTopicIds(List.of(Uuid.fromString("AAAAAAAAAAAAAAAAAAAAEA")))).allTopicIds().get());
    t("cluster", () -> cluster());
  }

  static void partitions(String px) throws Exception {
    t("parts up", () -> { admin.createPartitions(Map.of(px + "-a", NewPartitions.increaseTo(4))).all().get(); return "ok"; });
    t("parts same", () -> { admin.createPartitions(Map.of(px + "-a", NewPartitions.increaseTo(4))).all().get(); return "ok"; });
    t("parts down", () -> { admin.createPartitions(Map.of(px + "-a", NewPartitions.increaseTo(1))).all().get(); return "ok"; });
    t("parts none", () -> { admin.createPartitions(Map.of(px + "-none", NewPartitions.increaseTo(1))).all().get(); return "ok"; });
    t("parts 0", () -> { admin.createPartitions(Map.of(px + "-a", NewPartitions.increaseTo(0))).all().get(); return "ok"; });
    t("parts assign bad n", () -> { admin.createPartitions(Map.of(px + "-a", NewPartitions.increaseTo(6, List.of(List.of(0))))).all().get(); return "ok"; });
    t("parts assign unknown", () -> { admin.createPartitions(Map.of(px + "-a", NewPartitions.increaseTo(5, List.of(List.of(77))))).all().get(); return "ok"; });
    t("parts assign rf", () -> { admin.createPartitions(Map.of(px + "-a", NewPartitions.increaseTo(5, List.of(List.of(0, 1))))).all().get(); return "ok"; });
    t("parts assign dup", () -> { admin.createPartitions(Map.of(px + "-a", NewPartitions.increaseTo(5, List.of(List.of(0, 0))))).all().get(); return "ok"; });
    t("parts assign empty", () -> { admin.createPartitions(Map.of(px + "-a", NewPartitions.increaseTo(5, List.of(List.of())))).all().get(); return "ok"; });
    t("parts validate", () -> { admin.createPartitions(Map.of(px + "-a", NewPartitions.increaseTo(9)), new CreatePartitionsOptions().validateOnly(true)).all().get(); return "ok"; });
    t("parts assign ok", () -> { admin.createPartitions(Map.of(px + "-a", NewPartitions.increaseTo(5, List.of(List.of(0))))).all().get(); return "ok"; });
    t("describe a", () -> topic(px + "-a"));
  }

  static void configs(String px, ConfigResource T) throws Exception {
    t("cfg topic", () -> describe(T));
    t("cfg topic none", () -> describe(new ConfigResource(ConfigResource.Type.TOPIC, px + "-none")));
    t("cfg topic bad", () -> describe(new ConfigResource(ConfigResource.Type.TOPIC, "a b")));
    t("cfg topic empty", () -> describe(new ConfigResource(ConfigResource.Type.TOPIC, "")));
    t("cfg default", () -> describe(D));
    t("cfg metrics", () -> describe(new ConfigResource(ConfigResource.Type.CLIENT_METRICS, "x")));
  }

  static void alter(String px, ConfigResource T) throws Exception {
    t("inc set", () -> inc(T, false, op("max.message.bytes", "5000", S)));
    t("inc append", () -> inc(T, false, op("cleanup.policy", "compact", A)));
    t("inc subtract", () -> inc(T, false, op("cleanup.policy", "delete", U)));
    t("inc append int", () -> inc(T, false, op("max.message.bytes", "1", A)));
    t("inc bad", () -> inc(T, false, op("max.message.bytes", "-5", S)));
    t("inc bad text", () -> inc(T, false, op("max.message.bytes", "x", S)));
    t("inc unknown", () -> inc(T, false, op("no.such", "1", S)));
    t("inc dup", () -> inc(T, false, op("max.message.bytes", "1", S), op("max.message.bytes", "2", S)));
    t("inc null", () -> inc(T, false, op("max.message.bytes", null, S)));
    t("inc topic none", () -> inc(new ConfigResource(ConfigResource.Type.TOPIC, px + "-none"), false, op("max.message.bytes", "5000", S)));
    t("inc validate", () -> inc(T, true, op("max.message.bytes", "6000", S)));
    t("inc bad cleanup", () -> inc(T, false, op("cleanup.policy", "foo", S)));
    t("inc delete", () -> inc(T, false, op("max.message.bytes", "", X)));
    t("inc delete again", () -> inc(T, false, op("max.message.bytes", "", X)));
    t("cfg topic", () -> { StringBuilder sb = new StringBuilder(); Config c = admin.describeConfigs(List.of(T)).all().get().get(T); for (ConfigEntry e : c.entries()) if (!e.isDefault()) sb.append(e.name() + "=" + e.value() + " " + e.source() + ";"); return sb; });
    t("alter", () -> { admin.alterConfigs(Map.of(T, new Config(List.of(new ConfigEntry("retention.ms", "777"))))).all().get(); return "ok"; });
    t("alter bad", () -> { admin.alterConfigs(Map.of(T, new Config(List.of(new ConfigEntry("retention.ms", "z"))))).all().get(); return "ok"; });
    t("alter null", () -> { admin.alterConfigs(Map.of(T, new Config(List.of(new ConfigEntry("retention.ms", null))))).all().get(); return "ok"; });
    t("alter none", () -> { admin.alterConfigs(Map.of(new ConfigResource(ConfigResource.Type.TOPIC, px + "-none"), new Config(List.of()))).all().get(); return "ok"; });
    t("cfg topic", () -> { StringBuilder sb = new StringBuilder(); Config c = admin.describeConfigs(List.of(T)).all().get().get(T); for (ConfigEntry e : c.entries()) if (!e.isDefault()) sb.append(e.name() + "=" + e.value() + " " + e.source() + ";"); return sb; });
  }

  static void broker(String px) throws Exception {
    t("inc broker", () -> inc(B, false, op("log.cleaner.threads", "2", S)));
    t("inc broker ro", () -> inc(B, false, op("log.dirs", "/x", S)));
    t("inc broker default perbroker", () -> inc(D, false, op("listeners", "PLAINTEXT://:1", S)));
    t("inc broker bad", () -> inc(B, false, op("log.cleaner.threads", "x", S)));
    t("inc broker unknown", () -> inc(B, false, op("my.plugin.key", "1", S)));
    t("inc broker unknown del", () -> inc(B, false, op("my.plugin.key", "", X)));
    t("inc default", () -> inc(D, false, op("log.retention.ms", "100000000", S)));
    Thread.sleep(1500); // Apache Kafka applies it after it has answered
    t("cfg default", () -> describe(D));
    t("cfg topic d", () -> { ConfigResource R = new ConfigResource(ConfigResource.Type.TOPIC, px + "-a"); StringBuilder sb = new StringBuilder(); for (ConfigEntry e : admin.describeConfigs(List.of(R), new DescribeConfigsOptions().includeSynonyms(true)).all().get().get(R).entries()) if (e.name().equals("retention.ms")) sb.append(e); return sb; });
    t("inc default del", () -> inc(D, false, op("log.retention.ms", "", X)));
    t("inc broker del", () -> inc(B, false, op("log.cleaner.threads", "", X)));
  }

  static void acls() {
    AclBinding one = new AclBinding(new ResourcePattern(ResourceType.TOPIC, "t", PatternType.LITERAL), new AccessControlEntry("User:a", "*", AclOperation.READ, AclPermissionType.ALLOW));
    t("describe acls", () -> admin.describeAcls(AclBindingFilter.ANY).values().get());
    t("create acls", () -> admin.createAcls(List.of(one)).all().get());
    t("delete acls", () -> admin.deleteAcls(List.of(one.toFilter(), AclBindingFilter.ANY)).all().get());
  }

  static void delete(String px) throws Exception {
    t("delete none", () -> { admin.deleteTopics(List.of(px + "-none")).all().get(); return "ok"; });
    t("delete bad name", () -> { admin.deleteTopics(List.of("a b")).all().get(); return "ok"; });
    t("delete id none", () -> { admin.deleteTopics(TopicCollection.ofTopicIds(List.of(Uuid.fromString("AAAAAAAAAAAAAAAAAAAAEA")))).all().get(); return "ok"; });
    t("delete a", () -> { admin.deleteTopics(List.of(px + "-a")).all().get(); return "ok"; });
    create(new NewTopic(px + "-d", 1, (short) 1), false);
    t("delete d by id", () -> { Uuid id = admin.describeTopics(List.of(px + "-d")).allTopicNames().get().get(px + "-d").topicId(); admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get(); return "ok"; });
  }
}
class Duration0 { static java.time.Duration of() { return java.time.Duration.ofSeconds(2); } }

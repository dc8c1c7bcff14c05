// Writes the golden files of this folder with Apache Kafka 3.9.2's own classes (the peer's jars):
//   java KafkaConfigGolden defs > config_defs.tsv
//   java KafkaConfigGolden describe 127.0.0.1:PORT > describe.tsv
// The second wants a broker with the static settings of describe_test.cc; it makes the dynamic ones itself.
import java.util.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.common.config.ConfigResource;

public class KafkaConfigGolden {
  static String text(Object o) { return o == null ? "<null>" : o.toString(); }

  static void defs(String kind, ConfigDef def, Map<String, String> modes) {
    for (ConfigDef.ConfigKey k : new TreeMap<>(def.configKeys()).values()) {
      String validator = text(k.validator);
      if (validator.startsWith("[0.8.0")) validator = "<versions>";
      if (validator.length() > 90) validator = "<text>";
      System.out.println(String.join("\t", kind, k.name, k.type.toString(), text(ConfigDef.convertToString(k.defaultValue, k.type)), validator,
          k.importance.toString(), String.valueOf(k.internalConfig), modes.getOrDefault(k.name, "read-only")));
    }
  }

  static void describe(Admin admin, ConfigResource resource) throws Exception {
    Config config = admin.describeConfigs(List.of(resource), new DescribeConfigsOptions().includeSynonyms(true)).all().get().get(resource);
    List<String> lines = new ArrayList<>();
    for (ConfigEntry e : config.entries()) {
      List<String> synonyms = new ArrayList<>();
      for (ConfigEntry.ConfigSynonym s : e.synonyms()) synonyms.add(s.name() + "=" + text(s.value()) + "@" + s.source());
      lines.add(String.join("\t", resource.type() + ":" + resource.name(), e.name(), text(e.value()), e.source().toString(), String.valueOf(e.isSensitive()),
          String.valueOf(e.isReadOnly()), e.type().toString(), String.join(" ", synonyms)));
    }
    Collections.sort(lines);
    lines.forEach(System.out::println);
  }

  static AlterConfigOp set(String k, String v) { return new AlterConfigOp(new ConfigEntry(k, v), AlterConfigOp.OpType.SET); }

  public static void main(String[] args) throws Exception {
    if (args[0].equals("defs")) {
      Map<String, String> modes = new HashMap<>();
      kafka.server.DynamicBrokerConfig$.MODULE$.dynamicConfigUpdateModes().forEach((k, v) -> modes.put((String) k, v.equals("per-broker") ? "per-broker" : "cluster"));
      defs("broker", kafka.server.KafkaConfig$.MODULE$.configDef(), modes);
      defs("topic", org.apache.kafka.storage.internals.log.LogConfig.configDefCopy(), Map.of());
      return;
    }
    try (Admin admin = Admin.create(Map.of("bootstrap.servers", args[1]))) {
      ConfigResource topic = new ConfigResource(ConfigResource.Type.TOPIC, "t1");
      ConfigResource broker = new ConfigResource(ConfigResource.Type.BROKER, "0");
      ConfigResource all = new ConfigResource(ConfigResource.Type.BROKER, "");
      admin.createTopics(List.of(new NewTopic("t1", 1, (short) 1).configs(Map.of("segment.bytes", "100000", "cleanup.policy", "compact", "retention.ms", "5000",
          "min.cleanable.dirty.ratio", "0.30")))).all().get();
      admin.incrementalAlterConfigs(Map.of(all, List.of(set("log.retention.ms", "100000"), set("log.segment.bytes", "1000000"), set("background.threads", "12"),
          set("plugin.default", "x")))).all().get();
      admin.incrementalAlterConfigs(Map.of(broker, List.of(set("log.retention.ms", "7200000"), set("log.cleaner.min.cleanable.ratio", "0.50"),
          set("log.cleanup.policy", "compact, delete"), set("listener.name.plaintext.max.connections", "5"), set("plugin.broker", "y")))).all().get();
      Thread.sleep(3000);
      describe(admin, topic);
      describe(admin, broker);
      describe(admin, all);
    }
  }
}

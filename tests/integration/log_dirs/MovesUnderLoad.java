import java.time.Duration;
import java.util.*;
import java.util.concurrent.*;
import java.util.concurrent.atomic.*;
import org.apache.kafka.clients.admin.*;
import org.apache.kafka.clients.consumer.*;
import org.apache.kafka.clients.producer.*;
import org.apache.kafka.common.*;
import org.apache.kafka.common.serialization.*;

/** MovesUnderLoad FOLDER...: an idempotent producer writes to a topic whose partitions move from directory to directory; then every record is there once, in order. */
public class MovesUnderLoad {
  static final String TOPIC = "moves";
  static Admin admin;

  static String where(TopicPartition tp) throws Exception {
    TopicPartitionReplica replica = new TopicPartitionReplica(tp.topic(), tp.partition(), 0);
    DescribeReplicaLogDirsResult.ReplicaLogDirInfo info = admin.describeReplicaLogDirs(List.of(replica)).all().get().get(replica);
    return info.getFutureReplicaLogDir() == null ? info.getCurrentReplicaLogDir() : null;
  }

  static String alter(TopicPartition tp, String folder) throws Exception {
    try {
      admin.alterReplicaLogDirs(Map.of(new TopicPartitionReplica(tp.topic(), tp.partition(), 0), folder)).all().get();
      return "begun";
    } catch (ExecutionException e) {
      return e.getCause().getClass().getSimpleName();
    }
  }

  public static void main(String[] folders) throws Exception {
    Map<String, Object> common = Map.of("bootstrap.servers", System.getenv("BOOTSTRAP"), "default.api.timeout.ms", "30000");
    admin = Admin.create(new HashMap<>(common));
    admin.createTopics(List.of(new NewTopic(TOPIC, 2, (short) 1))).all().get();
    AtomicBoolean stop = new AtomicBoolean();
    AtomicInteger failed = new AtomicInteger();
    Semaphore waiting = new Semaphore(2000);  // no record gets old in the client
    long[] sent = new long[2];
    Thread writer = new Thread(() -> {
      Map<String, Object> config = new HashMap<>(common);
      config.put("enable.idempotence", "true");
      config.put("linger.ms", "1");
      config.put("batch.size", "2000");  // fits a segment
      try (KafkaProducer<byte[], Long> producer = new KafkaProducer<>(config, new ByteArraySerializer(), new LongSerializer())) {
        while (!stop.get()) {
          for (int p = 0; p < 2; ++p) {
            waiting.acquireUninterruptibly();
            producer.send(new ProducerRecord<>(TOPIC, p, null, sent[p]++), (m, e) -> {
              waiting.release();
              if (e != null && failed.getAndIncrement() == 0) System.err.println("first failure: " + e);
            });
          }
          if (sent[0] % 50 == 0) try { Thread.sleep(2); } catch (InterruptedException e) { return; }
        }
      }
    });
    writer.start();
    while (sent[0] < 500) Thread.sleep(10);
    TopicPartition first = new TopicPartition(TOPIC, 0), second = new TopicPartition(TOPIC, 1);
    for (int round = 0; round < 6; ++round)
      for (TopicPartition tp : List.of(first, second)) {
        String to = folders[(round + tp.partition()) % folders.length];
        String said = alter(tp, to);
        long end = System.nanoTime() + 60_000_000_000L;
        while (!to.equals(where(tp))) {
          if (System.nanoTime() > end) throw new TimeoutException(tp + " does not get to its directory");
          Thread.sleep(20);
        }
        System.out.println("round " + round + " " + tp + ": " + said + ", there");
      }
    System.out.println("to nowhere: " + alter(first, "/no/such/directory"));
    System.out.println("what is not there: " + alter(new TopicPartition(TOPIC, 5), folders[0]));
    stop.set(true);
    writer.join();
    System.out.println("failed: " + failed.get());

    Map<String, Object> config = new HashMap<>(common);
    config.put("auto.offset.reset", "earliest");
    try (KafkaConsumer<byte[], Long> consumer = new KafkaConsumer<>(config, new ByteArrayDeserializer(), new LongDeserializer())) {
      consumer.assign(List.of(first, second));
      consumer.seekToBeginning(List.of(first, second));
      long[] next = new long[2];
      long end = System.nanoTime() + 60_000_000_000L;
      while ((next[0] < sent[0] || next[1] < sent[1]) && System.nanoTime() < end)
        for (ConsumerRecord<byte[], Long> r : consumer.poll(Duration.ofMillis(200))) {
          if (r.value() != next[r.partition()] || r.offset() != next[r.partition()]) throw new IllegalStateException("expected " + next[r.partition()] + ", got " + r);
          ++next[r.partition()];
        }
      System.out.println("all there: " + (next[0] == sent[0] && next[1] == sent[1]));
    }
    admin.close();
  }
}

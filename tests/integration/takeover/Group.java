import java.time.Duration;
import java.util.List;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/**
 * Group GROUP TOPIC COUNT: a member of a group that commits what each poll gave it, and with it the leader epoch of the records, as KafkaConsumer does it of itself.
 * Prints "partition offset" of each record; ends when it has COUNT of them, with 0.
 */
public class Group {
  public static void main(String[] arguments) {
    Properties properties = new Properties();
    properties.put(ConsumerConfig.BOOTSTRAP_SERVERS_CONFIG, System.getenv("BOOTSTRAP"));
    properties.put(ConsumerConfig.GROUP_ID_CONFIG, arguments[0]);
    properties.put(ConsumerConfig.AUTO_OFFSET_RESET_CONFIG, "earliest");
    properties.put(ConsumerConfig.ENABLE_AUTO_COMMIT_CONFIG, "false");
    properties.put(ConsumerConfig.MAX_POLL_RECORDS_CONFIG, "20");
    properties.put(ConsumerConfig.METADATA_MAX_AGE_CONFIG, "2000");
    properties.put(ConsumerConfig.RECONNECT_BACKOFF_MAX_MS_CONFIG, "200");
    properties.put(ConsumerConfig.KEY_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class.getName());
    properties.put(ConsumerConfig.VALUE_DESERIALIZER_CLASS_CONFIG, ByteArrayDeserializer.class.getName());
    long left = Long.parseLong(arguments[2]);
    try (KafkaConsumer<byte[], byte[]> consumer = new KafkaConsumer<>(properties)) {
      consumer.subscribe(List.of(arguments[1]));
      while (left > 0) {
        var records = consumer.poll(Duration.ofMillis(200));
        if (records.isEmpty()) continue;
        StringBuilder lines = new StringBuilder();
        for (var record : records) lines.append(record.partition()).append(' ').append(record.offset()).append('\n');
        System.out.print(lines);
        System.out.flush();
        left -= records.count();
        try {
          consumer.commitSync(Duration.ofSeconds(10));
        } catch (KafkaException notCommitted) {  // the broker is away: a later commit covers it
          System.err.println(notCommitted);
        }
      }
    }
  }
}

// Files for suite.py, made with Apache Kafka's own classes: `java MakeFiles.java DIR` writes partition directories with segments of every magic, codec and kind of
// record, and what only __consumer_offsets and __transaction_state hold.
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.Optional;
import java.util.TreeMap;

import org.apache.kafka.clients.consumer.ConsumerPartitionAssignor;
import org.apache.kafka.clients.consumer.internals.ConsumerProtocol;
import org.apache.kafka.common.TopicIdPartition;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.record.*;
import org.apache.kafka.coordinator.group.generated.*;
import org.apache.kafka.coordinator.transaction.generated.*;
import org.apache.kafka.server.log.remote.metadata.storage.generated.*;
import org.apache.kafka.server.log.remote.metadata.storage.serialization.RemoteLogMetadataSerde;
import org.apache.kafka.server.log.remote.storage.*;
import org.apache.kafka.server.log.remote.storage.RemoteLogSegmentMetadata.CustomMetadata;

public class MakeFiles {
    static final long TIME = 1_700_000_000_000L;
    static final byte[] BROKEN_UTF8 = {'a', (byte) 0xC3, '(', (byte) 0xE2, (byte) 0x82, 'b', (byte) 0xED, (byte) 0xA0, (byte) 0x80, (byte) 0xF0, (byte) 0x9F, (byte) 0x98, (byte) 0x80,
        (byte) 0xF4, (byte) 0x90, (byte) 0x80, (byte) 0x80, (byte) 0xC0, (byte) 0x80, (byte) 0xFF, 'z', (byte) 0xF0, (byte) 0x9F};

    static void write(Path dir, String topic, long base, List<ByteBuffer> batches) throws Exception {
        Path folder = Files.createDirectories(dir.resolve(topic + "-0"));
        try (var out = Files.newOutputStream(folder.resolve(String.format("%020d.log", base)))) {
            for (ByteBuffer b : batches) {
                byte[] bytes = new byte[b.remaining()];
                b.duplicate().get(bytes);
                out.write(bytes);
            }
        }
    }

    static byte[] text(String s) { return s == null ? null : s.getBytes(StandardCharsets.UTF_8); }

    static SimpleRecord[] records(byte magic, int n) {
        SimpleRecord[] records = new SimpleRecord[n];
        for (int i = 0; i < n; i++) {
            byte[] key = i % 5 == 1 ? null : i % 7 == 2 ? BROKEN_UTF8 : text("key " + i + " \u00e4\u20ac");
            byte[] value = i % 6 == 3 ? null : i % 7 == 4 ? BROKEN_UTF8 : text("value " + i + " \u0001\ttab \"quoted\" " + "v".repeat(i * 11));
            if (key == null && value == null) value = text("");
            Header[] headers = magic < 2 ? new Header[0]
                : i % 4 == 0 ? new Header[] {new RecordHeader("h\u00f6", text("x")), new RecordHeader("", null), new RecordHeader("third", new byte[0])} : new Header[0];
            records[i] = new SimpleRecord(magic == 0 ? -1 : TIME + i * 10L, key, value, headers);
        }
        return records;
    }

    static Compression compression(CompressionType type) { return Compression.of(type).build(); }

    static void magics(Path dir) throws Exception {
        for (byte magic = 0; magic <= 2; magic++) {
            List<ByteBuffer> batches = new ArrayList<>();
            long offset = 100;
            for (CompressionType type : CompressionType.values()) {
                if (magic < 2 && type == CompressionType.ZSTD) continue;
                for (TimestampType stamp : new TimestampType[] {TimestampType.CREATE_TIME, TimestampType.LOG_APPEND_TIME}) {
                    if (magic == 0 && stamp == TimestampType.LOG_APPEND_TIME) continue;
                    MemoryRecordsBuilder b = new MemoryRecordsBuilder(ByteBuffer.allocate(1 << 20), magic, compression(type), stamp, offset, TIME + 77, 1234567L + offset, (short) 3, 7, false, false, 4, 1 << 20);
                    if (magic < 2) b = new MemoryRecordsBuilder(ByteBuffer.allocate(1 << 20), magic, compression(type), stamp, offset, TIME + 77, -1, (short) -1, -1, false, false, -1, 1 << 20);
                    for (SimpleRecord r : records(magic, 9)) b.append(r);
                    MemoryRecords made = b.build();
                    batches.add(made.buffer());
                    offset += 9 + (type == CompressionType.GZIP ? 5 : 0);  // gaps
                }
            }
            write(dir, "magic" + magic, 100, batches);
        }
        List<ByteBuffer> control = new ArrayList<>();
        control.add(MemoryRecords.withTransactionalRecords(0, Compression.NONE, 9L, (short) 2, Integer.MAX_VALUE - 1, 3, records((byte) 2, 4)).buffer());
        control.add(MemoryRecords.withEndTransactionMarker(4, TIME, 3, 9L, (short) 2, new EndTransactionMarker(ControlRecordType.COMMIT, 12)).buffer());
        control.add(MemoryRecords.withEndTransactionMarker(5, TIME + 1, 3, 9L, (short) 2, new EndTransactionMarker(ControlRecordType.ABORT, -1)).buffer());
        ByteBuffer empty = ByteBuffer.allocate(61);
        DefaultRecordBatch.writeEmptyHeader(empty, (byte) 2, 9L, (short) 2, 5, 6, 8, 3, TimestampType.CREATE_TIME, TIME, true, false);
        empty.flip();
        control.add(empty);
        write(dir, "control", 0, control);
    }

    static byte[] versioned(Message message, int version) {
        ByteBuffer b = MessageUtil.toVersionPrefixedByteBuffer((short) version, message);
        byte[] bytes = new byte[b.remaining()];
        b.get(bytes);
        return bytes;
    }

    static SimpleRecord record(Message key, int keyVersion, Message value, int valueVersion) {
        return new SimpleRecord(TIME, versioned(key, keyVersion), value == null ? null : versioned(value, valueVersion));
    }

    static ByteBuffer one(long offset, SimpleRecord... records) { return MemoryRecords.withRecords(offset, Compression.NONE, 0, records).buffer(); }

    static byte[] bytes(ByteBuffer b) {
        byte[] out = new byte[b.remaining()];
        b.get(out);
        return out;
    }

    static GroupMetadataValue group(int version, boolean consumers) {
        List<GroupMetadataValue.MemberMetadata> members = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            var subscription = new ConsumerPartitionAssignor.Subscription(Arrays.asList("t1", "t\"2"), i == 0 ? null : ByteBuffer.wrap(BROKEN_UTF8), List.of(new TopicPartition("t1", i), new TopicPartition("t1", i + 5), new TopicPartition("x", 1)), i, java.util.Optional.ofNullable(i == 1 ? "rack" : null));
            var assignment = new ConsumerPartitionAssignor.Assignment(List.of(new TopicPartition("t1", i)), i == 0 ? null : ByteBuffer.wrap(text("user")));
            var member = new GroupMetadataValue.MemberMetadata().setMemberId("m" + i).setClientId("client\\" + i).setClientHost("/127.0.0.1").setSessionTimeout(10_000)
                .setSubscription(bytes(ConsumerProtocol.serializeSubscription(subscription, (short) i)))
                .setAssignment(i == 2 ? new byte[0] : bytes(ConsumerProtocol.serializeAssignment(assignment, (short) i)));
            if (version >= 1) member.setRebalanceTimeout(30_000 + i);
            if (version >= 3) member.setGroupInstanceId(i == 0 ? null : "static-" + i);
            members.add(member);
        }
        var value = new GroupMetadataValue().setProtocolType(consumers ? "consumer" : "connect").setGeneration(7).setProtocol(consumers ? "range" : null).setLeader("m0").setMembers(members);
        if (version >= 2) value.setCurrentStateTimestamp(TIME);
        return value;
    }

    static void offsets(Path dir) throws Exception {
        List<SimpleRecord> r = new ArrayList<>();
        for (int version = 0; version <= 4; version++) {
            var value = new OffsetCommitValue().setOffset(42 + version).setMetadata("meta \"\u00e4\u0007").setCommitTimestamp(TIME);
            if (version == 1) value.setExpireTimestamp(TIME + 5);
            if (version >= 3) value.setLeaderEpoch(6);
            r.add(record(new OffsetCommitKey().setGroup("g").setTopic("t").setPartition(version), version % 2, value, version));
            r.add(record(new GroupMetadataKey().setGroup("g" + version), 2, group(version, true), version));
            r.add(record(new GroupMetadataKey().setGroup("c" + version), 2, group(version, false), version));
        }
        r.add(record(new OffsetCommitKey().setGroup("g").setTopic("t").setPartition(9), 1, null, 0));
        r.add(record(new GroupMetadataKey().setGroup("gone"), 2, null, 0));
        Uuid id = Uuid.fromString("AAECAwQFBgcICQoLDA0ODw");
        r.add(record(new ConsumerGroupMetadataKey().setGroupId("new"), 3, new ConsumerGroupMetadataValue().setEpoch(3), 0));
        var topic = new ConsumerGroupPartitionMetadataValue.TopicMetadata().setTopicId(id).setTopicName("t").setNumPartitions(2)
            .setPartitionMetadata(List.of(new ConsumerGroupPartitionMetadataValue.PartitionMetadata().setPartition(1).setRacks(List.of("a", "b"))));
        r.add(record(new ConsumerGroupPartitionMetadataKey().setGroupId("new"), 4, new ConsumerGroupPartitionMetadataValue().setTopics(List.of(topic)), 0));
        var member = new ConsumerGroupMemberMetadataValue().setInstanceId(null).setRackId("r").setClientId("c").setClientHost("/h").setSubscribedTopicNames(List.of("t"))
            .setSubscribedTopicRegex(null).setRebalanceTimeoutMs(5).setServerAssignor("uniform");
        r.add(record(new ConsumerGroupMemberMetadataKey().setGroupId("new").setMemberId("m"), 5, member, 0));
        var classic = member.duplicate().setClassicMemberMetadata(new ConsumerGroupMemberMetadataValue.ClassicMemberMetadata().setSessionTimeoutMs(9)
            .setSupportedProtocols(List.of(new ConsumerGroupMemberMetadataValue.ClassicProtocol().setName("range").setMetadata(BROKEN_UTF8))));
        r.add(record(new ConsumerGroupMemberMetadataKey().setGroupId("new").setMemberId("n"), 5, classic, 0));
        r.add(record(new ConsumerGroupTargetAssignmentMetadataKey().setGroupId("new"), 6, new ConsumerGroupTargetAssignmentMetadataValue().setAssignmentEpoch(4), 0));
        r.add(record(new ConsumerGroupTargetAssignmentMemberKey().setGroupId("new").setMemberId("m"), 7, new ConsumerGroupTargetAssignmentMemberValue()
            .setTopicPartitions(List.of(new ConsumerGroupTargetAssignmentMemberValue.TopicPartition().setTopicId(id).setPartitions(List.of(1, 2)))), 0));
        r.add(record(new ConsumerGroupCurrentMemberAssignmentKey().setGroupId("new").setMemberId("m"), 8, new ConsumerGroupCurrentMemberAssignmentValue().setMemberEpoch(3)
            .setPreviousMemberEpoch(2).setState((byte) 1).setAssignedPartitions(List.of(new ConsumerGroupCurrentMemberAssignmentValue.TopicPartitions().setTopicId(id).setPartitions(List.of(0))))
            .setPartitionsPendingRevocation(Collections.emptyList()), 0));
        r.add(new SimpleRecord(TIME, new byte[] {0, 99, 1}, text("of another kind")));
        List<ByteBuffer> batches = new ArrayList<>();
        for (int i = 0; i < r.size(); i++) batches.add(one(i, r.get(i)));
        write(dir, "__consumer_offsets", 0, batches);
    }

    static void transactions(Path dir) throws Exception {
        List<ByteBuffer> batches = new ArrayList<>();
        int[] sizes = {0, 1, 3, 5, 11, 12, 13, 40, 200};
        for (int i = 0; i < sizes.length; i++) {
            List<TransactionLogValue.PartitionsSchema> topics = new ArrayList<>();
            for (int t = 0; t <= i % 3 && sizes[i] > 0; t++) {
                List<Integer> ids = new ArrayList<>();
                for (int p = 0; p < sizes[i]; p++) ids.add(p * (t + 1));
                topics.add(new TransactionLogValue.PartitionsSchema().setTopic("topic-" + t + "\u00e4").setPartitionIds(ids));
            }
            var value = new TransactionLogValue().setProducerId(1000 + i).setProducerEpoch((short) i).setTransactionTimeoutMs(60_000).setTransactionStatus((byte) (i % 6))
                .setTransactionPartitions(i % 6 == 0 ? null : topics).setTransactionLastUpdateTimestampMs(TIME).setTransactionStartTimestampMs(TIME - 1);
            batches.add(one(i, record(new TransactionLogKey().setTransactionalId("txn " + i), 0, value, i % 2)));
        }
        batches.add(one(sizes.length, record(new TransactionLogKey().setTransactionalId("gone"), 0, null, 0)));
        batches.add(one(sizes.length + 1, new SimpleRecord(TIME, new byte[] {0, 5, 1}, text("of another kind"))));
        write(dir, "__transaction_state", 0, batches);
    }

    static void numbers(Path dir) throws Exception {
        byte[] number = ByteBuffer.allocate(9).putLong(-5_000_000_000L).put((byte) 1).array();
        write(dir, "numbers", 0, List.of(one(0, new SimpleRecord(TIME, number, number), new SimpleRecord(TIME, null, number), new SimpleRecord(TIME, number, (byte[]) null))));
    }

    /** A record of the topic __remote_log_metadata, with the frame before it. */
    static byte[] framed(ApiMessage message) {
        ByteBuffer body = MessageUtil.toByteBuffer(message, (short) 0);
        byte[] bytes = new byte[3 + body.remaining()];
        bytes[0] = 1;
        bytes[1] = (byte) message.apiKey();
        body.get(bytes, 3, body.remaining());
        return bytes;
    }

    /** What the topic __remote_log_metadata of tiered storage holds, and what it can't. */
    static void remote(Path dir) throws Exception {
        var serde = new RemoteLogMetadataSerde();
        var partition = new TopicIdPartition(new Uuid(1, 2), 3, "topic \u00e4");
        var id = new RemoteLogSegmentId(partition, new Uuid(5, -6));
        NavigableMap<Integer, Long> epochs = new TreeMap<>(Map.of(7, 90L, 0, 0L, 3, 50L));
        List<byte[]> values = new ArrayList<>();
        for (var state : RemoteLogSegmentState.values()) {
            values.add(serde.serialize(new RemoteLogSegmentMetadata(id, 0, 100, state.id() * 17L - 1, 1, TIME, 1024,
                state.id() % 2 == 0 ? Optional.empty() : Optional.of(new CustomMetadata(new byte[state.id()])), state, epochs)));
            if (state == RemoteLogSegmentState.COPY_SEGMENT_STARTED) continue;
            values.add(serde.serialize(new RemoteLogSegmentMetadataUpdate(id, TIME + 1, state.id() == 1 ? Optional.empty() : Optional.of(new CustomMetadata(new byte[3])), state, 4)));
        }
        for (var state : RemotePartitionDeleteState.values()) values.add(serde.serialize(new RemotePartitionDeleteMetadata(partition, state, -5L, 6)));
        byte[] whole = values.get(0);
        for (int n = 0; n < whole.length; n += n < 8 ? 1 : 7) values.add(Arrays.copyOf(whole, n));
        values.add(Arrays.copyOf(whole, whole.length + 2));
        for (int at = 0; at < whole.length; at += 1)
            for (int b : new int[] {1, 2, 0x7f, 0x80, 0xff}) {
                byte[] changed = whole.clone();
                changed[at] = (byte) b;
                values.add(changed);
            }
        for (int state : new int[] {1, 4, 5}) {
            byte[] changed = values.get(1).clone();
            changed[changed.length - 2] = (byte) state;
            values.add(changed);
        }
        for (int start : new int[] {0, 200})
            for (int n : new int[] {1, 0}) {
                var epoch = new RemoteLogSegmentMetadataSnapshotRecord.SegmentLeaderEpochEntry().setLeaderEpoch(1).setOffset(2L);
                values.add(framed(new RemoteLogSegmentMetadataSnapshotRecord().setSegmentId(new Uuid(1, 2)).setSegmentLeaderEpochs(Collections.nCopies(n, epoch)).setStartOffset(start)
                    .setEndOffset(100).setCustomMetadata(new byte[n])));
            }
        for (byte state : new byte[] {3, -1}) values.add(framed(new RemotePartitionDeleteMetadataRecord().setRemotePartitionDeleteState(state)));
        values.add(framed(new RemoteLogSegmentMetadataRecord()));
        values.add(null);
        List<ByteBuffer> batches = new ArrayList<>();
        for (int i = 0; i < values.size(); i++) batches.add(one(i, new SimpleRecord(TIME, i % 2 == 0 ? null : text("key"), values.get(i))));
        write(dir, "__remote_log_metadata", 0, batches);
    }

    public static void main(String[] args) throws Exception {
        Path dir = Path.of(args[0]);
        magics(dir);
        offsets(dir);
        transactions(dir);
        numbers(dir);
        remote(dir);
    }
}

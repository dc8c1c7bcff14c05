// Writes tests/unit/records/data/golden.txt.gz: batches made by Apache Kafka's own classes, the records Kafka reads from them, what its LogValidator makes of
// them, and its down-conversions. Run by tests/conformance/records/make-vectors.
import java.io.PrintStream;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import java.util.function.Consumer;
import java.util.zip.CRC32;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.record.Record;
import org.apache.kafka.common.utils.BufferSupplier;
import org.apache.kafka.common.utils.PrimitiveRef;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.server.common.MetadataVersion;
import org.apache.kafka.storage.internals.log.AppendOrigin;
import org.apache.kafka.storage.internals.log.LogValidator;
import org.apache.kafka.storage.internals.log.RecordValidationException;

public class RecordVectors {
    static final long NOW = 1700000000000L;
    static final Header[] NONE = {};
    static final Time FIXED = new Time() {
        public long milliseconds() { return NOW; }
        public long nanoseconds() { return 0; }
        public void sleep(long ms) {}
        public void waitObject(Object o, java.util.function.Supplier<Boolean> c, long d) {}
        public org.apache.kafka.common.utils.Timer timer(long ms) { return Time.SYSTEM.timer(ms); }
    };
    static PrintStream out;

    static byte[] utf8(String s) { return s == null ? null : s.getBytes(StandardCharsets.UTF_8); }

    // Words that compress, from a small generator.
    static byte[] text(int seed, int size) {
        byte[] b = new byte[size];
        long x = seed;
        for (int i = 0; i < size; i++) {
            if (i % 8 == 0) x = (x * 6364136223846793005L + 1442695040888963407L);
            b[i] = (byte) ('a' + (((int) (x >>> 58) * 7 + i % 8 * 5) % 26));
        }
        return b;
    }

    static String hex(byte[] b) {
        StringBuilder s = new StringBuilder();
        for (byte x : b) s.append(String.format("%02x", x));
        return s.toString();
    }

    static byte[] array(ByteBuffer b) {
        if (b == null) return null;
        byte[] a = new byte[b.remaining()];
        b.duplicate().get(a);
        return a;
    }

    // Up to 40 bytes as they are, longer ones as size and CRC-32.
    static String field(byte[] b) {
        if (b == null) return "null";
        if (b.length == 0) return "empty";
        if (b.length <= 40) return hex(b);
        CRC32 crc = new CRC32();
        crc.update(b);
        return "#" + b.length + ":" + String.format("%08x", crc.getValue());
    }

    static void bytes(String word, ByteBuffer b) { out.println(word + " " + Base64.getEncoder().encodeToString(array(b))); }

    static void records(Iterable<? extends RecordBatch> batches) {
        for (RecordBatch batch : batches) {
            out.println("batch magic=" + batch.magic() + " base=" + batch.baseOffset() + " last=" + batch.lastOffset() + " size=" + batch.sizeInBytes()
                + " max_timestamp=" + batch.maxTimestamp() + " type=" + (batch.timestampType() == TimestampType.LOG_APPEND_TIME ? "append" : "create")
                + " codec=" + batch.compressionType().name + " pid=" + batch.producerId() + " epoch=" + batch.producerEpoch() + " sequence=" + batch.baseSequence()
                + " last_sequence=" + batch.lastSequence() + " txn=" + (batch.isTransactional() ? 1 : 0) + " control=" + (batch.isControlBatch() ? 1 : 0)
                + " leader_epoch=" + batch.partitionLeaderEpoch() + " count=" + (batch.countOrNull() == null ? -1 : batch.countOrNull())
                + " horizon=" + (batch.deleteHorizonMs().isPresent() ? batch.deleteHorizonMs().getAsLong() : -1));
            for (Record r : batch) {
                StringBuilder s = new StringBuilder("record offset=" + r.offset() + " timestamp=" + r.timestamp() + " sequence=" + r.sequence()
                    + " key=" + field(array(r.key())) + " value=" + field(array(r.value())) + " headers=" + r.headers().length);
                for (Header h : r.headers()) s.append(" ").append(h.key().isEmpty() ? "empty" : hex(utf8(h.key()))).append(":").append(field(h.value()));
                out.println(s);
            }
        }
    }

    static void vector(String name, MemoryRecords r) {
        out.println("vector " + name);
        bytes("bytes", r.buffer());
        records(r.batches());
        out.println("end");
    }

    static Compression codec(String name) {
        switch (name) {
            case "gzip": return Compression.gzip().build();
            case "snappy": return Compression.snappy().build();
            case "lz4": return Compression.lz4().build();
            case "zstd": return Compression.zstd().build();
            default: return Compression.NONE;
        }
    }

    // A few records with everything that can be null or empty. Magic 0 and 1 lose the headers.
    static void few(MemoryRecordsBuilder b, boolean headers) {
        b.append(NOW - 5, utf8("key"), utf8("value"), NONE);
        b.append(NOW - 7, null, utf8("no key"), headers ? new Header[] {new RecordHeader("trace", utf8("1")), new RecordHeader("nothing", (byte[]) null), new RecordHeader("", new byte[0])} : NONE);
        b.append(NOW + 3, utf8("tombstone"), null, NONE);
        b.append(NOW - 5, new byte[0], new byte[0], NONE);
        b.append(NOW, utf8("größe"), text(1, 300), headers ? new Header[] {new RecordHeader("größe", text(2, 200))} : NONE);
    }

    static MemoryRecords build(byte magic, String codec, TimestampType type, long base, long appendTime, Consumer<MemoryRecordsBuilder> fill) {
        MemoryRecordsBuilder b = MemoryRecords.builder(ByteBuffer.allocate(1 << 20), magic, codec(codec), type, base, appendTime);
        fill.accept(b);
        return b.build();
    }

    static void many(MemoryRecordsBuilder b) { for (int i = 0; i < 40; i++) b.append(NOW + i, utf8("k" + i), text(i % 4, 3000 + i), NONE); }

    static void validate(String name, MemoryRecords source, String target, boolean compacted, TimestampType type, long before, long after, AppendOrigin origin) {
        out.println("validate " + name + " target=" + target + " compacted=" + (compacted ? 1 : 0) + " type=" + (type == TimestampType.LOG_APPEND_TIME ? "append" : "create")
            + " before=" + before + " after=" + after + " origin=" + (origin == AppendOrigin.CLIENT ? "client" : "coordinator") + " now=" + NOW + " offset=1000 leader_epoch=7");
        bytes("bytes", source.buffer());
        CompressionType sourceType = CompressionType.NONE;
        for (RecordBatch b : source.batches()) if (b.compressionType() != CompressionType.NONE) sourceType = b.compressionType();
        ByteBuffer copy = ByteBuffer.wrap(array(source.buffer()));
        try {
            LogValidator.ValidationResult result = new LogValidator(MemoryRecords.readableRecords(copy), new TopicPartition("t", 0), FIXED, sourceType,
                target.equals("producer") ? Compression.of(sourceType).build() : codec(target), compacted, (byte) 2, type, before, after, 7, origin, MetadataVersion.latestProduction())
                .validateMessagesAndAssignOffsets(PrimitiveRef.ofLong(1000), new LogValidator.MetricsRecorder() {
                    public void recordInvalidMagic() {}
                    public void recordInvalidOffset() {}
                    public void recordInvalidSequence() {}
                    public void recordInvalidChecksums() {}
                    public void recordNoKeyCompactedTopic() {}
                }, BufferSupplier.create());
            out.println("result max_timestamp=" + result.maxTimestampMs + " changed=" + (result.messageSizeMaybeChanged ? 1 : 0)
                + " converted=" + result.recordValidationStats.numRecordsConverted());
            bytes("bytes", result.validatedRecords.buffer());
            records(result.validatedRecords.batches());
        } catch (RecordValidationException e) {
            out.println("error " + org.apache.kafka.common.protocol.Errors.forException(e.invalidException()).code() + " " + e.invalidException().getMessage());
            e.recordErrors().forEach(r -> out.println("record_error " + r.batchIndex + " " + r.message));
        } catch (Exception e) {
            out.println("error " + org.apache.kafka.common.protocol.Errors.forException(e).code() + " " + e.getMessage());
        }
        out.println("end");
    }

    static void downConvert(String name, MemoryRecords source, byte magic, long firstOffset) {
        out.println("convert " + name + " magic=" + magic + " offset=" + firstOffset);
        bytes("bytes", source.buffer());
        try {
            ConvertedRecords<MemoryRecords> c = source.downConvert(magic, firstOffset, Time.SYSTEM);
            out.println("result converted=" + c.recordConversionStats().numRecordsConverted());
            bytes("bytes", c.records().buffer());
            records(c.records().batches());
        } catch (Exception e) {
            out.println("error " + org.apache.kafka.common.protocol.Errors.forException(e).code() + " " + e.getMessage());
        }
        out.println("end");
    }

    static MemoryRecords join(MemoryRecords... parts) {
        int n = 0;
        for (MemoryRecords p : parts) n += p.sizeInBytes();
        ByteBuffer b = ByteBuffer.allocate(n);
        for (MemoryRecords p : parts) b.put(p.buffer().duplicate());
        b.flip();
        return MemoryRecords.readableRecords(b);
    }

    // Lets one field of a batch of magic 2 lie and repairs the checksum.
    static MemoryRecords patched(MemoryRecords r, Consumer<ByteBuffer> edit) {
        ByteBuffer b = ByteBuffer.wrap(array(r.buffer()));
        edit.accept(b);
        java.util.zip.CRC32C crc = new java.util.zip.CRC32C();
        crc.update(b.array(), 21, b.limit() - 21);
        b.putInt(17, (int) crc.getValue());
        return MemoryRecords.readableRecords(b);
    }

    public static void main(String[] args) throws Exception {
        out = new PrintStream(args[0], "UTF-8");
        out.println("# Written by tests/conformance/records/RecordVectors.java with Apache Kafka 3.9.2. Do not edit.");
        String[] codecs = {"none", "gzip", "snappy", "lz4", "zstd"};
        for (String c : codecs) {
            vector("v2-" + c + "-create", build((byte) 2, c, TimestampType.CREATE_TIME, 42, -1, b -> few(b, true)));
            vector("v2-" + c + "-append", build((byte) 2, c, TimestampType.LOG_APPEND_TIME, 42, NOW, b -> few(b, true)));
            if (!c.equals("none")) vector("v2-" + c + "-many", build((byte) 2, c, TimestampType.CREATE_TIME, 0, -1, RecordVectors::many));
            if (c.equals("zstd")) continue;
            for (byte m = 0; m <= 1; m++) vector("v" + m + "-" + c + "-create", build(m, c, m == 0 ? TimestampType.NO_TIMESTAMP_TYPE : TimestampType.CREATE_TIME, 42, -1, b -> {
                b.append(b.magic() == 0 ? -1 : NOW - 5, utf8("key"), utf8("value"));
                b.append(b.magic() == 0 ? -1 : NOW + 9, null, utf8("no key"));
                b.append(b.magic() == 0 ? -1 : NOW, utf8("k"), null);
            }));
            vector("v1-" + c + "-append", build((byte) 1, c, TimestampType.LOG_APPEND_TIME, 42, NOW, b -> { b.append(1, utf8("a"), utf8("b")); b.append(2, utf8("c"), utf8("d")); }));
        }
        vector("v2-gaps", build((byte) 2, "none", TimestampType.CREATE_TIME, 10, -1, b -> {
            b.appendWithOffset(12, NOW, utf8("a"), utf8("1"));
            b.appendWithOffset(70000, NOW + 1, utf8("b"), utf8("2"));
        }));
        MemoryRecordsBuilder idem = MemoryRecords.builder(ByteBuffer.allocate(4096), (byte) 2, Compression.NONE, TimestampType.CREATE_TIME, 7, -1, 4000000000L, (short) 12, Integer.MAX_VALUE - 1, true, 5);
        for (int i = 0; i < 4; i++) idem.append(NOW + i, utf8("k"), utf8("v" + i));
        MemoryRecords idempotent = idem.build();
        vector("v2-transactional-wrap", idempotent);
        vector("v2-commit", MemoryRecords.withEndTransactionMarker(99, NOW, 3, 4000000000L, (short) 12, new EndTransactionMarker(ControlRecordType.COMMIT, 8)));
        vector("v2-abort", MemoryRecords.withEndTransactionMarker(0, NOW, -1, 1, (short) 0, new EndTransactionMarker(ControlRecordType.ABORT, 0)));
        ByteBuffer empty = ByteBuffer.allocate(61);
        DefaultRecordBatch.writeEmptyHeader(empty, (byte) 2, 5, (short) 1, 17, 100, 109, 4, TimestampType.CREATE_TIME, NOW, true, false);
        empty.flip();
        vector("v2-empty", MemoryRecords.readableRecords(empty));
        ByteBuffer filtered = ByteBuffer.allocate(4096);
        build((byte) 2, "none", TimestampType.CREATE_TIME, 42, -1, b -> few(b, true)).filterTo(new TopicPartition("t", 0), new MemoryRecords.RecordFilter(NOW, 60000) {
            protected BatchRetentionResult checkBatchRetention(RecordBatch batch) { return new BatchRetentionResult(BatchRetention.DELETE_EMPTY, false); }
            protected boolean shouldRetainRecord(RecordBatch batch, Record r) { return r.hasKey(); }
        }, filtered, Integer.MAX_VALUE, BufferSupplier.NO_CACHING);
        filtered.flip();
        vector("v2-delete-horizon", MemoryRecords.readableRecords(filtered));

        // What the leader makes of them.
        TimestampType create = TimestampType.CREATE_TIME, append = TimestampType.LOG_APPEND_TIME;
        long max = Long.MAX_VALUE;
        for (String c : codecs) {
            MemoryRecords v2 = build((byte) 2, c, create, 0, -1, b -> few(b, true));
            for (String target : new String[] {"producer", "none", "gzip", "snappy", "lz4", "zstd"})
                validate("v2-" + c, v2, target, false, create, max, max, AppendOrigin.CLIENT);
            validate("v2-append-" + c, v2, "producer", false, append, max, max, AppendOrigin.CLIENT);
            validate("v2-compacted-" + c, v2, "producer", true, create, max, max, AppendOrigin.CLIENT);
            validate("v2-late-" + c, v2, "producer", false, create, 5, max, AppendOrigin.CLIENT);
            validate("v2-early-" + c, v2, "producer", false, create, max, 2, AppendOrigin.CLIENT);
            if (c.equals("zstd")) continue;
            for (byte m = 0; m <= 1; m++) {
                MemoryRecords old = build(m, c, m == 0 ? TimestampType.NO_TIMESTAMP_TYPE : create, 0, -1, b -> {
                    b.append(b.magic() == 0 ? -1 : NOW - 5, utf8("key"), utf8("value"));
                    b.append(b.magic() == 0 ? -1 : NOW + 9, null, utf8("no key"));
                });
                for (String target : new String[] {"producer", "none", "snappy"}) validate("v" + m + "-" + c, old, target, false, create, max, max, AppendOrigin.CLIENT);
                validate("v" + m + "-append-" + c, old, "producer", false, append, max, max, AppendOrigin.CLIENT);
                validate("v" + m + "-compacted-" + c, old, "producer", true, create, max, max, AppendOrigin.CLIENT);
                validate("v" + m + "-late-" + c, old, "producer", false, create, 2, 2, AppendOrigin.CLIENT);
            }
        }
        MemoryRecords plain = build((byte) 2, "none", create, 0, -1, b -> few(b, true));
        MemoryRecords zipped = build((byte) 2, "gzip", create, 0, -1, b -> few(b, true));
        MemoryRecords stamped = build((byte) 2, "none", append, 0, NOW - 100, b -> few(b, true));
        validate("v2-client-append-time", stamped, "producer", false, create, max, max, AppendOrigin.CLIENT);
        validate("v2-client-append-time-in-append-topic", stamped, "producer", false, append, max, max, AppendOrigin.CLIENT);
        validate("v2-two-batches", join(plain, plain), "producer", false, create, max, max, AppendOrigin.CLIENT);
        validate("v1-then-v2", join(build((byte) 1, "none", create, 0, -1, b -> b.append(NOW, utf8("a"), utf8("b"))), plain), "producer", false, create, max, max, AppendOrigin.CLIENT);
        validate("v2-idempotent", patched(idempotent, b -> b.putLong(0, 0)), "gzip", false, create, max, max, AppendOrigin.CLIENT);
        validate("v2-control-of-client", MemoryRecords.withEndTransactionMarker(0, NOW, -1, 1, (short) 0, new EndTransactionMarker(ControlRecordType.ABORT, 0)), "producer", false, create, max, max, AppendOrigin.CLIENT);
        validate("v2-control-of-coordinator", MemoryRecords.withEndTransactionMarker(0, NOW, -1, 1, (short) 0, new EndTransactionMarker(ControlRecordType.ABORT, 0)), "gzip", false, create, max, max, AppendOrigin.COORDINATOR);
        for (MemoryRecords r : new MemoryRecords[] {plain, zipped}) {
            String n = r == plain ? "none" : "gzip";
            validate("v2-count-short-" + n, patched(r, b -> b.putInt(57, 4)), "producer", false, create, max, max, AppendOrigin.CLIENT);
            validate("v2-count-and-delta-short-" + n, patched(r, b -> { b.putInt(57, 4); b.putInt(23, 3); }), "producer", false, create, max, max, AppendOrigin.CLIENT);
            validate("v2-count-and-delta-long-" + n, patched(r, b -> { b.putInt(57, 6); b.putInt(23, 5); }), "producer", false, create, max, max, AppendOrigin.CLIENT);
            validate("v2-count-zero-" + n, patched(r, b -> { b.putInt(57, 0); b.putInt(23, 0); }), "producer", false, create, max, max, AppendOrigin.CLIENT);
            validate("v2-negative-delta-" + n, patched(r, b -> b.putInt(23, -5)), "producer", false, create, max, max, AppendOrigin.CLIENT);
            validate("v2-sequence-missing-" + n, patched(r, b -> { b.putLong(43, 5); b.putShort(51, (short) 0); }), "producer", false, create, max, max, AppendOrigin.CLIENT);
            validate("v2-wrong-max-timestamp-" + n, patched(r, b -> b.putLong(35, 12345)), "producer", false, create, max, max, AppendOrigin.CLIENT);
        }

        for (String c : codecs) {
            MemoryRecords v2 = build((byte) 2, c, create, 42, -1, b -> few(b, true));
            MemoryRecords log = join(v2, MemoryRecords.withEndTransactionMarker(47, NOW, 3, 4000000000L, (short) 12, new EndTransactionMarker(ControlRecordType.COMMIT, 8)),
                build((byte) 2, c, append, 48, NOW, b -> few(b, true)), build((byte) 1, "none", create, 53, -1, b -> b.append(NOW, utf8("a"), utf8("b"))));
            for (byte m = 0; m <= 1; m++) if (m == 1 || c.equals("none")) {
                downConvert("log-" + c, m == 0 ? v2 : log, m, 42);
                downConvert("log-" + c + "-middle", m == 0 ? v2 : log, m, 45);
            }
        }
        downConvert("v1-to-v0-gzip", build((byte) 1, "gzip", create, 42, -1, b -> { b.append(NOW - 5, utf8("key"), utf8("value")); b.append(NOW, null, utf8("x")); }), (byte) 0, 42);
        out.close();
    }
}

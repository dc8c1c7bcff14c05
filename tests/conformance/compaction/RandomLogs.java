// Random logs, made and read with Apache Kafka's own classes, for suite.py:
//
//   java RandomLogs.java make DIR SEED ROUNDS PARTITIONS NOW   DIR/ROUND/PARTITION/*.log: what each round adds to each partition's log, and its `end`; DIR/ROUND/keys/*.log: a log of
//                                                              more keys than the smallest log.cleaner.dedupe.buffer.size holds
//   java RandomLogs.java dump DATA TOPIC...                    what the partitions of the topics hold: batches, records, aborted transactions, producers
//
// One seed decides everything. A log has batches of all three magics, all codecs, both timestamp types; idempotent and transactional producers whose transactions
// overlap, are committed, aborted, empty or open; records without key, value or timestamp, out of order in time; gaps, some wider than 2^31 offsets; batches larger
// than the topic's max.message.bytes.
import java.io.File;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.FileTime;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Random;

import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.*;
import org.apache.kafka.storage.internals.log.AbortedTxn;
import org.apache.kafka.storage.internals.log.ProducerStateEntry;
import org.apache.kafka.storage.internals.log.ProducerStateManager;
import org.apache.kafka.storage.internals.log.TransactionIndex;

public class RandomLogs {
    static final CompressionType[] OLD_CODECS = {CompressionType.NONE, CompressionType.GZIP, CompressionType.SNAPPY, CompressionType.LZ4};
    static final CompressionType[] CODECS = CompressionType.values();

    static class Producer {
        long id;
        short epoch;
        int sequence;
        boolean transactional;
        boolean open;
    }

    /** One partition over all rounds. */
    static class Log {
        final Random random;
        final long now;
        final List<Producer> producers = new ArrayList<>();
        final int keys;
        final boolean future;  // has records that min.compaction.lag.ms keeps from being cleaned
        byte magic;
        long offset;
        FileChannel file;
        Path path;
        long written;
        boolean lastIsWhole;  // the last batch of the file stays, whatever the keys

        Log(long seed, long now) {
            random = new Random(seed);
            this.now = now;
            keys = 1 + random.nextInt(random.nextBoolean() ? 12 : 200);
            future = random.nextInt(4) == 0;
            magic = (byte) (random.nextInt(3) == 0 ? random.nextInt(2) : 2);
            for (int i = random.nextInt(5); i >= 0; i--) {
                Producer p = new Producer();
                p.id = 100 + i;
                p.transactional = random.nextInt(3) > 0;
                producers.add(p);
            }
        }

        boolean chance(int one, int of) { return random.nextInt(of) < one; }

        byte[] text(String s) { return s.getBytes(StandardCharsets.UTF_8); }

        long timestamp() {
            if (chance(1, 60)) return RecordBatch.NO_TIMESTAMP;
            if (future && chance(1, 200)) return now + 86_400_000L;
            return now - 18_000_000L + random.nextInt(10_000_000);
        }

        byte[] key() { return chance(1, 40) ? null : chance(1, 60) ? new byte[0] : text("key-" + random.nextInt(keys)); }

        byte[] value() {
            if (chance(1, 6)) return null;
            int size = chance(1, 400) ? 20_000 + random.nextInt(400_000) : random.nextInt(chance(1, 10) ? 600 : 60);
            byte[] v = new byte[size];
            random.nextBytes(v);
            for (int i = 0; i < size; i++) if (i % 3 > 0) v[i] = 'v';
            return v;
        }

        Header[] headers() {
            Header[] h = new Header[chance(1, 5) ? random.nextInt(4) : 0];
            for (int i = 0; i < h.length; i++) h[i] = new RecordHeader("h" + random.nextInt(3), chance(1, 3) ? null : text("x".repeat(random.nextInt(20))));
            return h;
        }

        void append(ByteBuffer bytes) throws Exception {
            written += bytes.remaining();
            while (bytes.hasRemaining()) file.write(bytes);
        }

        void data(int round, Producer p, boolean last) throws Exception {
            boolean old = magic < 2;
            CompressionType[] codecs = old ? OLD_CODECS : CODECS;
            CompressionType codec = chance(1, 2) ? CompressionType.NONE : codecs[random.nextInt(codecs.length)];
            TimestampType stamp = magic > 0 && chance(1, 6) ? TimestampType.LOG_APPEND_TIME : TimestampType.CREATE_TIME;
            int n = 1 + random.nextInt(chance(1, 3) ? 30 : 4);
            boolean transactional = p != null && p.transactional;
            MemoryRecordsBuilder b = new MemoryRecordsBuilder(ByteBuffer.allocate(1 << 16), magic, Compression.of(codec).build(), stamp, offset, now - 17_000_000L, p == null ? -1 : p.id,
                p == null ? (short) -1 : p.epoch, p == null ? -1 : p.sequence, transactional, false, old ? -1 : 0, 1 << 30);
            for (int i = 0; i < n; i++) {
                long time = magic == 0 ? RecordBatch.NO_TIMESTAMP : stamp == TimestampType.LOG_APPEND_TIME ? now - 17_000_000L : timestamp();
                byte[] key = key(), value = value();
                // Apache Kafka can't keep an empty batch of the old magics at the end of a pass: what ends a file stays.
                if (last && old) {
                    key = text("last-" + offset + "-" + i);
                    value = text("stays");
                }
                b.appendWithOffset(offset, time, key, value, old ? new Header[0] : headers());
                // An idempotent producer's batch has no gaps.
                offset += p == null && chance(1, 30) ? 1 + random.nextInt(5) : 1;
            }
            append(b.build().buffer());
            if (p != null) {
                p.sequence += n;
                p.open = transactional;
            }
            if (!old && chance(1, 20)) offset += random.nextInt(50);
        }

        void marker(int round, Producer p, boolean commit) throws Exception {
            append(MemoryRecords.withEndTransactionMarker(offset++, now - 17_000_000L, 0, p.id, p.epoch, new EndTransactionMarker(commit ? ControlRecordType.COMMIT : ControlRecordType.ABORT, round)).buffer());
            p.open = false;
        }

        void batch(int round, boolean last) throws Exception {
            Producer p = magic == 2 && chance(2, 3) ? producers.get(random.nextInt(producers.size())) : null;
            if (p == null) {
                data(round, null, last);
            } else if (p.transactional && (p.open ? chance(1, 3) : chance(1, 25))) {
                marker(round, p, chance(1, 2));
            } else {
                if (!p.open && chance(1, 15)) {
                    p.epoch++;
                    p.sequence = 0;
                }
                data(round, p, last);
            }
        }

        void roll(Path folder) throws Exception {
            if (file != null) file.close();
            if (path != null) Files.setLastModifiedTime(path, FileTime.fromMillis(now - 10_000_000L + offset % 1000 * 1000));
            path = folder.resolve(String.format("%020d.log", offset));
            file = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE);
            written = 0;
        }

        void round(int round, Path folder) throws Exception {
            Files.createDirectories(folder);
            int segments = 1 + random.nextInt(6);
            for (int s = 0; s < segments; s++) {
                if (chance(1, 40)) offset += (1L << 31) + random.nextInt(1000);
                if (magic < 2 && chance(1, 3)) magic++;
                roll(folder);
                int batches = 1 + random.nextInt(12);
                for (int i = 0; i < batches; i++) batch(round, i + 1 == batches);
                // The end of the file is where the next one begins; now and then there is a gap.
                if (chance(1, 10)) offset += random.nextInt(1000);
            }
            // Open transactions hold the cleaner up: most are ended.
            if (magic == 2 && chance(3, 4)) {
                roll(folder);
                for (Producer p : producers) if (p.open) marker(round, p, chance(1, 2));
                data(round, null, true);
            }
            roll(folder);
            data(round, null, true);
            file.close();
            Files.setLastModifiedTime(path, FileTime.fromMillis(now - 5_000_000L + round * 1000L));
            Files.writeString(folder.resolve("end"), Long.toString(offset));
            file = null;
            path = null;
        }
    }

    static void keys(Random random, int round, long now, Path folder) throws Exception {
        Files.createDirectories(folder);
        long offset = (round - 1) * 75_000L;
        for (int segment = 0; segment < 5; segment++) {
            Path path = folder.resolve(String.format("%020d.log", offset));
            try (FileChannel out = FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
                for (int batch = 0; batch < 60; batch++) {
                    CompressionType codec = CODECS[random.nextInt(CODECS.length)];
                    MemoryRecordsBuilder b = MemoryRecords.builder(ByteBuffer.allocate(1 << 16), Compression.of(codec).build(), TimestampType.CREATE_TIME, offset);
                    for (int i = 0; i < 250; i++) b.append(now - 18_000_000L, ("key-" + random.nextInt(90_000)).getBytes(StandardCharsets.UTF_8), new byte[] {(byte) ('0' + round)});
                    offset += 250;
                    ByteBuffer bytes = b.build().buffer();
                    while (bytes.hasRemaining()) out.write(bytes);
                }
            }
            Files.setLastModifiedTime(path, FileTime.fromMillis(now - 10_000_000L));
        }
        Files.writeString(folder.resolve("end"), Long.toString(offset));
    }

    static void make(String[] a) throws Exception {
        long seed = Long.parseLong(a[2]), now = Long.parseLong(a[5]);
        int rounds = Integer.parseInt(a[3]), partitions = Integer.parseInt(a[4]);
        for (int r = 1; r <= rounds; r++) keys(new Random(seed + r), r, now, Path.of(a[1], Integer.toString(r), "keys"));
        for (int p = 0; p < partitions; p++) {
            Log log = new Log(seed * 1_000_003L + p, now);
            for (int r = 1; r <= rounds; r++) log.round(r, Path.of(a[1], Integer.toString(r), Integer.toString(p)));
        }
    }

    static String text(ByteBuffer b) {
        if (b == null) return "null";
        byte[] bytes = new byte[b.remaining()];
        b.duplicate().get(bytes);
        return bytes.length <= 40 && !new String(bytes, StandardCharsets.ISO_8859_1).chars().anyMatch(c -> c < 32 || c > 126) ? new String(bytes, StandardCharsets.US_ASCII) : bytes.length + "#" + Arrays.hashCode(bytes);
    }

    static void dumpPartition(String name, File folder) throws Exception {
        System.out.println("== " + name);
        File[] files = folder.listFiles((d, n) -> n.endsWith(".log"));
        Arrays.sort(files);
        for (File f : files) {
            System.out.println("segment " + f.getName());
            try (FileRecords records = FileRecords.open(f, false)) {
                for (FileLogInputStream.FileChannelRecordBatch batch : records.batches()) {
                    batch.ensureValid();
                    StringBuilder line = new StringBuilder("batch " + batch.baseOffset() + ".." + batch.lastOffset() + " magic " + batch.magic() + " " + batch.compressionType() + " " + batch.timestampType()
                        + " max " + batch.maxTimestamp());
                    if (batch.magic() == 2) {
                        line.append(" count " + batch.countOrNull() + " producer " + batch.producerId() + "/" + batch.producerEpoch() + " sequence " + batch.baseSequence() + ".." + batch.lastSequence()
                            + " epoch " + batch.partitionLeaderEpoch() + (batch.isTransactional() ? " transactional" : "") + (batch.isControlBatch() ? " control" : "")
                            + (batch.deleteHorizonMs().isPresent() ? " horizon" : ""));
                    }
                    System.out.println(line);
                    for (org.apache.kafka.common.record.Record r : batch) {
                        String headers = "";
                        for (Header h : r.headers()) headers += " " + h.key() + "=" + text(h.value() == null ? null : ByteBuffer.wrap(h.value()));
                        System.out.println("  " + r.offset() + " " + r.timestamp() + " " + r.sequence() + " " + text(r.key()) + " " + text(r.value()) + headers);
                    }
                }
                if (records.sizeInBytes() != f.length()) System.out.println("trailing bytes");
            }
            File aborted = new File(f.getPath().replace(".log", ".txnindex"));
            if (aborted.exists() && aborted.length() > 0) {
                TransactionIndex index = new TransactionIndex(Long.parseLong(f.getName().substring(0, 20)), aborted);
                for (AbortedTxn t : index.allAbortedTxns()) System.out.println("aborted " + t.producerId() + " " + t.firstOffset() + ".." + t.lastOffset() + " stable " + t.lastStableOffset());
                index.close();
            }
        }
        File[] snapshots = folder.listFiles((d, n) -> n.endsWith(".snapshot"));
        Arrays.sort(snapshots);
        if (snapshots.length > 0) {
            File last = snapshots[snapshots.length - 1];
            System.out.println("snapshot " + last.getName());
            List<ProducerStateEntry> entries = new ArrayList<>(ProducerStateManager.readSnapshot(last));
            entries.sort(Comparator.comparingLong(ProducerStateEntry::producerId));
            for (ProducerStateEntry e : entries)
                System.out.println("producer " + e.producerId() + "/" + e.producerEpoch() + " sequence " + e.lastSeq() + " offset " + e.lastDataOffset() + " delta " + e.lastOffsetDelta() + " time " + e.lastTimestamp()
                    + " coordinator " + e.coordinatorEpoch() + " open " + e.currentTxnFirstOffset());
        }
    }

    public static void main(String[] args) throws Exception {
        if (args[0].equals("make")) {
            make(args);
            return;
        }
        File[] folders = new File(args[1]).listFiles();
        Arrays.sort(folders);
        for (File folder : folders)
            for (int i = 2; i < args.length; i++)
                if (folder.getName().matches(args[i] + "-\\d+")) dumpPartition(folder.getName(), folder);
    }
}

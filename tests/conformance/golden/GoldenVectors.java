// Writes instances of every generated message class of Apache Kafka, in every version, as bytes.
//
//   java -cp JARS GoldenVectors.java OUTPUT.gz      (tests/conformance/golden/make calls it once per Kafka release)
//
// Output, gzipped: entries of  uint16 name length, name, int16 version, int32 length, bytes  (big-endian). The name is that of
// the schema file's message (no "Data" behind it), the version the one on the wire: for keys of coordinator records 4.x counts
// from 0 and has the record type apart, on the wire it stands where 3.9 has the version.
//
// Instances: all defaults; everything empty or null; several with pseudo-random values, seeded by name and version. What a
// version holds is taken from the class's own SCHEMAS, so that every field of the version is set and no other.

import java.io.DataOutputStream;
import java.io.FileOutputStream;
import java.lang.reflect.Constructor;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.TreeMap;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.GZIPOutputStream;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.ByteBufferAccessor;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.ObjectSerializationCache;
import org.apache.kafka.common.protocol.types.ArrayOf;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.CompactArrayOf;
import org.apache.kafka.common.protocol.types.Field;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.MemoryRecords;

public class GoldenVectors {
    static final int RANDOM_INSTANCES = 8;
    static final String[] WORDS = {"", "a", "topic", "meu-topico", "group-1", "consumer", "10.0.0.1", "rack", "PLAINTEXT", "münchen", "日本", "x.y_z-1"};

    /** How values are chosen: defaults stay, all is empty, or random. */
    enum Style { EMPTY, RANDOM }

    final Random random;
    final Style style;
    final boolean nullStructs;

    GoldenVectors(long seed, Style style, boolean nullStructs) {
        this.random = new Random(seed);
        this.style = style;
        this.nullStructs = nullStructs;
    }

    public static void main(String[] args) throws Exception {
        Map<String, Class<?>> classes = new TreeMap<>();
        for (String path : System.getProperty("java.class.path").split(":")) {
            if (!path.endsWith(".jar")) continue;
            try (JarFile jar = new JarFile(path)) {
                for (JarEntry e : java.util.Collections.list(jar.entries())) {
                    String n = e.getName();
                    boolean place = n.startsWith("org/apache/kafka/common/message/") || n.matches("org/apache/kafka/coordinator/(group|transaction)/generated/.*");
                    if (!place || !n.endsWith(".class") || n.contains("$")) continue;
                    Class<?> c = Class.forName(n.substring(0, n.length() - 6).replace('/', '.'));
                    if (Message.class.isAssignableFrom(c) && !Modifier.isAbstract(c.getModifiers())) classes.put(c.getSimpleName(), c);
                }
            }
        }
        int count = 0;
        List<String> failures = new ArrayList<>();
        try (DataOutputStream out = new DataOutputStream(new GZIPOutputStream(new FileOutputStream(args[0])))) {
            for (Class<?> c : classes.values()) {
                Message probe = (Message) c.getDeclaredConstructor().newInstance();
                Schema[] schemas = (Schema[]) c.getField("SCHEMAS").get(null);
                for (short v = probe.lowestSupportedVersion(); v <= probe.highestSupportedVersion(); v++) {
                    Set<ByteBuffer> seen = new HashSet<>();
                    for (int i = -2; i < RANDOM_INSTANCES; i++) {
                        byte[] bytes = instance(c, schemas[v], v, i, failures);
                        if (bytes == null || !seen.add(ByteBuffer.wrap(bytes))) continue;
                        byte[] name = messageName(c).getBytes(StandardCharsets.UTF_8);
                        out.writeShort(name.length);
                        out.write(name);
                        out.writeShort(wireVersion(probe, v));
                        out.writeInt(bytes.length);
                        out.write(bytes);
                        count++;
                    }
                    if (seen.isEmpty()) failures.add(c.getSimpleName() + " v" + v + ": nothing could be written");
                }
            }
        }
        failures.stream().distinct().limit(50).forEach(System.err::println);
        System.out.println(classes.size() + " classes, " + count + " vectors");
        if (!failures.isEmpty()) System.exit(1);
    }

    static String messageName(Class<?> c) {
        String n = c.getSimpleName();
        if (n.startsWith("Legacy")) n = n.substring(6);
        if (c.getPackageName().endsWith("common.message") && n.endsWith("Data") && !n.equals("DefaultPrincipalData")) n = n.substring(0, n.length() - 4);
        return n;
    }

    static short wireVersion(Message m, short v) {
        boolean coordinatorKey = m instanceof ApiMessage && m.getClass().getPackageName().contains(".coordinator.") && m.getClass().getSimpleName().endsWith("Key");
        return coordinatorKey && ((ApiMessage) m).apiKey() >= 0 ? ((ApiMessage) m).apiKey() : v;  // 3.9 says -1
    }

    static byte[] instance(Class<?> c, Schema schema, short version, int number, List<String> failures) throws Exception {
        Exception last = null;
        // Null structs and records are tried first; classes that do not allow them throw.
        for (boolean nulls : new boolean[] {true, false}) {
            Message m = (Message) c.getDeclaredConstructor().newInstance();
            long seed = (messageName(c) + "/" + version + "/" + number).hashCode();
            if (number > -2) new GoldenVectors(seed, number == -1 ? Style.EMPTY : Style.RANDOM, nulls).fill(m, schema);
            try {
                ObjectSerializationCache cache = new ObjectSerializationCache();
                ByteBuffer buffer = ByteBuffer.allocate(m.size(cache, version));
                m.write(new ByteBufferAccessor(buffer), cache, version);
                if (buffer.hasRemaining()) throw new IllegalStateException("size() said more than write() wrote");
                return buffer.array();
            } catch (NullPointerException e) {
                last = e;  // a default of null that this version cannot carry, or a struct that must be there
            }
        }
        if (number != -2) failures.add(c.getSimpleName() + " v" + version + " #" + number + ": " + last);
        return null;
    }

    void fill(Object target, Schema schema) throws Exception {
        for (BoundField f : schema.fields()) {
            if (f.def.type instanceof TaggedFields) {
                java.lang.reflect.Field map = TaggedFields.class.getDeclaredField("fields");
                map.setAccessible(true);
                for (Object tagged : ((Map<?, ?>) map.get(f.def.type)).values()) set(target, (Field) tagged);
            } else {
                set(target, f.def);
            }
        }
    }

    static String normal(String name) {
        return name.replace("_", "").toLowerCase(Locale.ROOT);
    }

    static final Map<Class<?>, Map<String, java.lang.reflect.Field>> MEMBERS = new HashMap<>();

    static java.lang.reflect.Field member(Class<?> c, String name) {
        Map<String, java.lang.reflect.Field> all = MEMBERS.computeIfAbsent(c, k -> {
            Map<String, java.lang.reflect.Field> m = new HashMap<>();
            for (java.lang.reflect.Field f : k.getDeclaredFields()) {
                if (Modifier.isStatic(f.getModifiers()) || f.getName().startsWith("_")) continue;
                f.setAccessible(true);
                m.put(normal(f.getName()), f);
            }
            return m;
        });
        java.lang.reflect.Field f = all.get(normal(name));
        if (f == null) throw new IllegalStateException(c.getName() + " has no member " + name);
        return f;
    }

    void set(Object target, Field def) throws Exception {
        java.lang.reflect.Field f = member(target.getClass(), def.name);
        f.set(target, value(def.type, f, f.get(target)));
    }

    boolean nullable(Type type) {
        return type instanceof ArrayOf a ? a.isNullable() : type instanceof CompactArrayOf b ? b.isNullable() : type.isNullable();
    }

    Object value(Type type, java.lang.reflect.Field f, Object current) throws Exception {
        if (type instanceof Schema schema) {
            boolean structMayBeNull = current == null || f.getName().equals("classicMemberMetadata");
            if (structMayBeNull && nullStructs && (style == Style.EMPTY || random.nextInt(3) == 0)) return null;
            Object o = f.getType().getDeclaredConstructor().newInstance();
            fill(o, schema);
            return o;
        }
        // The schema calls all records nullable, the class may differ.
        boolean mayBeNull = nullable(type) && (nullStructs || !type.toString().endsWith("RECORDS"));
        if (mayBeNull && (style == Style.EMPTY || random.nextInt(4) == 0)) return null;
        Type element = type.arrayElementType().orElse(null);
        if (element != null) return array(element, f);
        return scalar(type, f);
    }

    @SuppressWarnings({"unchecked", "rawtypes"})
    Object array(Type element, java.lang.reflect.Field f) throws Exception {
        int n = style == Style.EMPTY ? 0 : random.nextInt(12) == 0 ? 0 : 1 + random.nextInt(3);
        // A length that needs two bytes as a varint, where elements are small.
        if (n > 0 && !(element instanceof Schema) && random.nextInt(8) == 0) n = 130;
        Collection out;
        Class<?> elementClass = null;
        if (f.getType() == List.class) {
            out = new ArrayList();
            if (element instanceof Schema) elementClass = (Class<?>) ((ParameterizedType) f.getGenericType()).getActualTypeArguments()[0];
        } else {
            out = (Collection) f.getType().getDeclaredConstructor().newInstance();
            elementClass = (Class<?>) ((ParameterizedType) f.getType().getGenericSuperclass()).getActualTypeArguments()[0];
        }
        for (int i = 0; i < n; i++) {
            if (element instanceof Schema schema) {
                Constructor<?> make = elementClass.getDeclaredConstructor();
                Object o = make.newInstance();
                fill(o, schema);
                out.add(o);
            } else {
                out.add(scalar(element, null));
            }
        }
        return out;
    }

    long integer(int bits) {
        if (style == Style.EMPTY) return 0;
        long low = -(1L << (bits - 1)), high = -(low + 1);
        switch (random.nextInt(8)) {
            case 0: return 0;
            case 1: return -1;
            case 2: return low;
            case 3: return high;
            case 4: return random.nextInt(100);
            default: return bits == 64 ? random.nextLong() : low + (random.nextLong() >>> (64 - bits));
        }
    }

    byte[] blob() {
        byte[] b = new byte[style == Style.EMPTY ? 0 : random.nextInt(10) == 0 ? 150 : random.nextInt(12)];
        Arrays.fill(b, (byte) random.nextInt(256));
        return b;
    }

    Object scalar(Type type, java.lang.reflect.Field f) {
        switch (type.toString()) {
            case "BOOLEAN": return style == Style.RANDOM && random.nextBoolean();
            case "INT8": return (byte) integer(8);
            case "INT16": return (short) integer(16);
            case "UINT16": return (int) (integer(16) & 0xffff);
            case "INT32": return (int) integer(32);
            case "UINT32": return integer(32) & 0xffffffffL;
            case "INT64": return integer(64);
            case "FLOAT64": return style == Style.EMPTY ? 0.0 : random.nextGaussian() * 1e6;
            case "UUID": return style == Style.EMPTY ? Uuid.ZERO_UUID : new Uuid(random.nextLong(), random.nextLong());
            case "STRING": case "NULLABLE_STRING": case "COMPACT_STRING": case "COMPACT_NULLABLE_STRING":
                if (style == Style.EMPTY) return "";
                return random.nextInt(16) == 0 ? "long-".repeat(40) : WORDS[random.nextInt(WORDS.length)];
            case "BYTES": case "NULLABLE_BYTES": case "COMPACT_BYTES": case "COMPACT_NULLABLE_BYTES":
                return f != null && f.getType() == ByteBuffer.class ? ByteBuffer.wrap(blob()) : blob();
            case "RECORDS": case "COMPACT_RECORDS":
                return MemoryRecords.readableRecords(ByteBuffer.wrap(blob()));
            default: throw new IllegalStateException("type " + type);
        }
    }
}

// The scenarios of suite.py; tests/support/go/program.go is built with it.
package main

import (
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/segmentio/kafka-go"
)

func name(err error) string {
	var known kafka.Error
	if err == nil {
		return "ok"
	} else if errors.As(err, &known) {
		return known.Title()
	}
	return err.Error()
}

func write(topic string, codec kafka.Compression, values ...string) {
	w := &kafka.Writer{Addr: kafka.TCP(broker), Topic: topic, RequiredAcks: kafka.RequireAll, AllowAutoTopicCreation: true, Compression: codec, BatchTimeout: 5 * time.Millisecond, MaxAttempts: 10}
	var messages []kafka.Message
	for i, v := range values {
		messages = append(messages, kafka.Message{Key: []byte(fmt.Sprint("k", i)), Value: []byte(v), Headers: []kafka.Header{{Key: "h", Value: []byte("1")}}})
	}
	// The first write to a new topic may meet a topic without a leader; the writer leaves trying again to its user.
	for attempt := 0; ; attempt++ {
		err := w.WriteMessages(ctx, messages...)
		if err == nil {
			break
		} else if attempt > 20 || !(errors.Is(err, kafka.UnknownTopicOrPartition) || errors.Is(err, kafka.LeaderNotAvailable)) {
			panic(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	check(w.Close())
}

func produceConsume() {
	write("kgo", 0, "a", "b", "c")
	r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker}, Topic: "kgo", MaxWait: 100 * time.Millisecond})
	for i := 0; i < 3; i++ {
		m := must(r.ReadMessage(ctx))
		fmt.Println(m.Topic, m.Partition, m.Offset, string(m.Key), string(m.Value), m.Headers[0].Key, m.HighWaterMark, time.Since(m.Time) < time.Minute)
	}
	check(r.SetOffset(1))
	fmt.Println(must(r.ReadMessage(ctx)).Offset)
	check(r.SetOffsetAt(ctx, time.Now().Add(-time.Hour)))
	fmt.Println(must(r.ReadMessage(ctx)).Offset)
	fmt.Println("lag", must(r.ReadLag(ctx)))
	check(r.Close())
}

func codecs() {
	for _, codec := range []kafka.Compression{kafka.Gzip, kafka.Snappy, kafka.Lz4, kafka.Zstd} {
		var values []string
		for i := 0; i < 50; i++ {
			values = append(values, strings.Repeat(codec.String(), 300)+fmt.Sprint(i))
		}
		write("kgo-"+codec.String(), codec, values...)
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker}, Topic: "kgo-" + codec.String(), MaxWait: 100 * time.Millisecond})
		for i := 0; i < 50; i++ {
			if m := must(r.ReadMessage(ctx)); m.Offset != int64(i) || string(m.Value) != values[i] {
				panic(codec)
			}
		}
		check(r.Close())
		fmt.Println(codec, 50)
	}
}

func group() {
	for round := 0; round < 2; round++ {
		write("kgo-group", 0, fmt.Sprint("a", round), fmt.Sprint("b", round))
		r := kafka.NewReader(kafka.ReaderConfig{Brokers: []string{broker}, GroupID: "kgo-g", Topic: "kgo-group", MaxWait: 100 * time.Millisecond, StartOffset: kafka.FirstOffset})
		for i := 0; i < 2; i++ {
			m := must(r.FetchMessage(ctx))
			fmt.Println(m.Offset, string(m.Value))
			check(r.CommitMessages(ctx, m))
		}
		check(r.Close())
	}
	client := &kafka.Client{Addr: kafka.TCP(broker)}
	offsets := must(client.OffsetFetch(ctx, &kafka.OffsetFetchRequest{GroupID: "kgo-g", Topics: map[string][]int{"kgo-group": {0}}}))
	fmt.Println("committed", offsets.Topics["kgo-group"][0].CommittedOffset)
	described := must(client.DescribeGroups(ctx, &kafka.DescribeGroupsRequest{GroupIDs: []string{"kgo-g"}}))
	fmt.Println(described.Groups[0].GroupState, len(described.Groups[0].Members))
	deleted := must(client.DeleteGroups(ctx, &kafka.DeleteGroupsRequest{GroupIDs: []string{"kgo-g", "kgo-none"}}))
	fmt.Println(name(deleted.Errors["kgo-g"]), name(deleted.Errors["kgo-none"]))
}

func admin() {
	client := &kafka.Client{Addr: kafka.TCP(broker)}
	create := func(topic string, partitions, factor int) error {
		return must(client.CreateTopics(ctx, &kafka.CreateTopicsRequest{Topics: []kafka.TopicConfig{{Topic: topic, NumPartitions: partitions, ReplicationFactor: factor}}})).Errors[topic]
	}
	fmt.Println(name(create("kgo-a", 2, 1)), name(create("kgo-a", 2, 1)), name(create("kgo-b", 1, 5)), name(create("bad name", 1, 1)))
	more := must(client.CreatePartitions(ctx, &kafka.CreatePartitionsRequest{Topics: []kafka.TopicPartitionsConfig{{Name: "kgo-a", Count: 4}}}))
	fmt.Println(name(more.Errors["kgo-a"]))
	meta := must(client.Metadata(ctx, &kafka.MetadataRequest{Topics: []string{"kgo-a"}}))
	fmt.Println(len(meta.Brokers), meta.Controller.ID, len(meta.ClusterID), len(meta.Topics[0].Partitions), meta.Topics[0].Partitions[0].Leader.ID)
	write("kgo-offsets", 0, "a", "b", "c")
	offsets := must(client.ListOffsets(ctx, &kafka.ListOffsetsRequest{Topics: map[string][]kafka.OffsetRequest{"kgo-offsets": {kafka.FirstOffsetOf(0), kafka.LastOffsetOf(0)}}}))
	fmt.Println(offsets.Topics["kgo-offsets"][0].FirstOffset, offsets.Topics["kgo-offsets"][0].LastOffset)
	configs := must(client.DescribeConfigs(ctx, &kafka.DescribeConfigsRequest{Resources: []kafka.DescribeConfigRequestResource{{ResourceType: kafka.ResourceTypeTopic, ResourceName: "kgo-a", ConfigNames: []string{"cleanup.policy"}}}}))
	fmt.Println(configs.Resources[0].ConfigEntries[0].ConfigName, configs.Resources[0].ConfigEntries[0].ConfigValue)
	versions := must(client.ApiVersions(ctx, &kafka.ApiVersionsRequest{}))
	fmt.Println(len(versions.ApiKeys) > 25, versions.Error == nil)
	gone := must(client.DeleteTopics(ctx, &kafka.DeleteTopicsRequest{Topics: []string{"kgo-a", "kgo-none"}}))
	fmt.Println(name(gone.Errors["kgo-a"]), name(gone.Errors["kgo-none"]))
}

// The low-level connection: one dial, produce, read a batch.
func conn() {
	write("kgo-conn", 0, "warm")
	host, port, err := net.SplitHostPort(broker)
	check(err)
	c := must(kafka.DialLeader(ctx, "tcp", net.JoinHostPort(host, port), "kgo-conn", 0))
	check(c.SetDeadline(time.Now().Add(20 * time.Second)))
	must(c.WriteMessages(kafka.Message{Value: []byte("one")}, kafka.Message{Value: []byte("two")}))
	first, last, err := c.ReadOffsets()
	check(err)
	fmt.Println(first, last)
	must(c.Seek(0, kafka.SeekStart))
	batch := c.ReadBatch(1, 1e6)
	for i := 0; i < 3; i++ {
		m := must(batch.ReadMessage())
		fmt.Println(m.Offset, string(m.Value))
	}
	batch.Close()
	fmt.Println(len(must(c.Brokers())), must(c.Controller()).ID, len(must(c.ReadPartitions("kgo-conn"))))
	check(c.Close())
}

func main() {
	runScenario(map[string]func(){"produce-consume": produceConsume, "codecs": codecs, "group": group, "admin": admin, "conn": conn})
}

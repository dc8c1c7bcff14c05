// The scenarios of suite.py; tests/support/go/program.go is built with it.
package main

import (
	"context"
	"fmt"
	"sort"
	"strings"
	"sync"
	"time"

	"github.com/IBM/sarama"
)

func name(err error) string {
	if err == nil {
		return "ok"
	}
	for _, word := range []string{"already exists", "Replication-factor", "does not exist", "Topic is invalid", "invalid topic", "Number of partitions", "larger than", "configuration is invalid", "not empty", "group id does not exist", "not find", "outside the range"} {
		if strings.Contains(err.Error(), word) {
			return word
		}
	}
	return err.Error()
}

func config(version sarama.KafkaVersion) *sarama.Config {
	c := sarama.NewConfig()
	c.ClientID = "sarama"
	c.Version = version
	c.Producer.Return.Successes = true
	c.Consumer.Offsets.Initial = sarama.OffsetOldest
	c.Consumer.MaxWaitTime = 100 * time.Millisecond
	return c
}

func read(c *sarama.Config, topic string, count int) []*sarama.ConsumerMessage {
	consumer := must(sarama.NewConsumer([]string{broker}, c))
	defer consumer.Close()
	part := must(consumer.ConsumePartition(topic, 0, sarama.OffsetOldest))
	defer part.Close()
	var got []*sarama.ConsumerMessage
	for len(got) < count {
		select {
		case m := <-part.Messages():
			got = append(got, m)
		case <-time.After(20 * time.Second):
			panic(fmt.Sprintf("%d of %d of %s", len(got), count, topic))
		}
	}
	return got
}

func produceConsume() {
	producer := must(sarama.NewSyncProducer([]string{broker}, config(sarama.V2_6_0_0)))
	for i := 0; i < 5; i++ {
		partition, offset, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "sarama-basic", Key: sarama.StringEncoder("key"), Value: sarama.StringEncoder(fmt.Sprint("value ", i)),
			Headers: []sarama.RecordHeader{{Key: []byte("h"), Value: []byte(fmt.Sprint(i))}}})
		check(err)
		fmt.Println("sent", partition, offset)
	}
	check(producer.Close())
	for _, m := range read(config(sarama.V2_6_0_0), "sarama-basic", 5) {
		fmt.Println(m.Partition, m.Offset, string(m.Key), string(m.Value), string(m.Headers[0].Key), string(m.Headers[0].Value), time.Since(m.Timestamp) < time.Minute)
	}
}

// Every protocol generation that sarama can speak, from 0.8.2 on: old message sets, then record batches.
func versions() {
	for _, v := range []sarama.KafkaVersion{sarama.V0_8_2_0, sarama.V0_9_0_0, sarama.V0_10_0_0, sarama.V0_11_0_0, sarama.V1_0_0_0, sarama.V2_1_0_0, sarama.V2_8_0_0, sarama.V3_6_0_0} {
		topic := "sarama-v" + v.String()
		c := config(v)
		c.Producer.Compression = sarama.CompressionGZIP
		producer := must(sarama.NewSyncProducer([]string{broker}, c))
		for i := 0; i < 3; i++ {
			check(producer.SendMessages([]*sarama.ProducerMessage{{Topic: topic, Value: sarama.StringEncoder(fmt.Sprint("a", i))}, {Topic: topic, Value: sarama.StringEncoder(fmt.Sprint("b", i))}}))
		}
		check(producer.Close())
		for _, reader := range []sarama.KafkaVersion{v, sarama.V3_6_0_0} {
			var values []string
			for _, m := range read(config(reader), topic, 6) {
				values = append(values, fmt.Sprintf("%d=%s", m.Offset, m.Value))
			}
			fmt.Println(v, reader, values)
		}
	}
}

func codecs() {
	for _, codec := range []sarama.CompressionCodec{sarama.CompressionNone, sarama.CompressionGZIP, sarama.CompressionSnappy, sarama.CompressionLZ4, sarama.CompressionZSTD} {
		c := config(sarama.V2_6_0_0)
		c.Producer.Compression = codec
		c.Producer.Flush.Messages = 20
		c.Producer.Flush.Frequency = 50 * time.Millisecond // or a rest of fewer than 20 is never sent
		topic := "sarama-" + codec.String()
		producer := must(sarama.NewAsyncProducer([]string{broker}, c))
		for i := 0; i < 100; i++ {
			producer.Input() <- &sarama.ProducerMessage{Topic: topic, Value: sarama.StringEncoder(strings.Repeat("x", 500) + fmt.Sprint(i))}
		}
		for i := 0; i < 100; i++ {
			select {
			case <-producer.Successes():
			case err := <-producer.Errors():
				panic(err)
			}
		}
		check(producer.Close())
		for i, m := range read(config(sarama.V2_6_0_0), topic, 100) {
			if m.Offset != int64(i) || string(m.Value) != strings.Repeat("x", 500)+fmt.Sprint(i) {
				panic(topic)
			}
		}
		fmt.Println(codec, "100")
	}
}

func idempotent() {
	c := config(sarama.V2_6_0_0)
	c.Producer.Idempotent = true
	c.Producer.RequiredAcks = sarama.WaitForAll
	c.Net.MaxOpenRequests = 1
	producer := must(sarama.NewSyncProducer([]string{broker}, c))
	for i := 0; i < 200; i++ {
		_, offset, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "sarama-idempotent", Value: sarama.StringEncoder(fmt.Sprint(i))})
		check(err)
		if offset != int64(i) {
			panic(offset)
		}
	}
	check(producer.Close())
	fmt.Println(len(read(config(sarama.V2_6_0_0), "sarama-idempotent", 200)))
}

type handler struct {
	sync.Mutex
	got    []string
	claims map[int32]bool
	want   int
	done   chan bool
}

func (h *handler) Setup(s sarama.ConsumerGroupSession) error {
	h.Lock()
	defer h.Unlock()
	h.claims = map[int32]bool{}
	for _, partitions := range s.Claims() {
		for _, p := range partitions {
			h.claims[p] = true
		}
	}
	return nil
}
func (h *handler) Cleanup(sarama.ConsumerGroupSession) error { return nil }
func (h *handler) ConsumeClaim(s sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	for {
		select {
		case m, open := <-claim.Messages():
			if !open {
				return nil
			}
			h.Lock()
			h.got = append(h.got, fmt.Sprintf("%d/%d=%s", m.Partition, m.Offset, m.Value))
			if len(h.got) == h.want {
				close(h.done)
			}
			h.Unlock()
			s.MarkMessage(m, "")
		case <-s.Context().Done():
			return nil
		}
	}
}

func group() {
	admin := must(sarama.NewClusterAdmin([]string{broker}, config(sarama.V2_6_0_0)))
	check(admin.CreateTopic("sarama-group", &sarama.TopicDetail{NumPartitions: 3, ReplicationFactor: 1}, false))
	c := config(sarama.V2_6_0_0)
	c.Producer.Partitioner = sarama.NewManualPartitioner
	producer := must(sarama.NewSyncProducer([]string{broker}, c))
	write := func(from, to int) {
		for i := from; i < to; i++ {
			_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "sarama-group", Partition: int32(i % 3), Value: sarama.StringEncoder(fmt.Sprint(i))})
			check(err)
		}
	}
	for round := 0; round < 2; round++ {
		write(round*9, round*9+9)
		h := &handler{want: 9, done: make(chan bool)}
		group := must(sarama.NewConsumerGroup([]string{broker}, "sarama-group-g", config(sarama.V2_6_0_0)))
		ctx, cancel := context.WithCancel(context.Background())
		finished := make(chan bool)
		go func() {
			for ctx.Err() == nil {
				check(group.Consume(ctx, []string{"sarama-group"}, h))
			}
			close(finished)
		}()
		select {
		case <-h.done:
		case <-time.After(30 * time.Second):
			panic(fmt.Sprint("only ", h.got))
		}
		cancel()
		<-finished
		check(group.Close())
		sort.Strings(h.got)
		fmt.Println(len(h.claims), h.got)
	}
	offsets := must(admin.ListConsumerGroupOffsets("sarama-group-g", map[string][]int32{"sarama-group": {0, 1, 2}}))
	for p := int32(0); p < 3; p++ {
		fmt.Println(p, offsets.Blocks["sarama-group"][p].Offset)
	}
	described := must(admin.DescribeConsumerGroups([]string{"sarama-group-g"}))
	fmt.Println(described[0].State, described[0].ProtocolType, len(described[0].Members))
	fmt.Println(name(admin.DeleteConsumerGroup("sarama-group-g")), name(admin.DeleteConsumerGroup("sarama-group-g")))
}

func admin() {
	a := must(sarama.NewClusterAdmin([]string{broker}, config(sarama.V2_6_0_0)))
	value := "60000"
	fmt.Println(name(a.CreateTopic("sarama-a", &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1, ConfigEntries: map[string]*string{"retention.ms": &value}}, false)))
	fmt.Println(name(a.CreateTopic("sarama-a", &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1}, false)))
	fmt.Println(name(a.CreateTopic("sarama-b", &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 3}, false)))
	fmt.Println(name(a.CreateTopic("sarama b", &sarama.TopicDetail{NumPartitions: 2, ReplicationFactor: 1}, false)))
	fmt.Println(name(a.CreatePartitions("sarama-a", 4, nil, false)), name(a.CreatePartitions("sarama-a", 1, nil, false)))
	topics := must(a.ListTopics())
	fmt.Println(topics["sarama-a"].NumPartitions, *topics["sarama-a"].ConfigEntries["retention.ms"])
	entries := must(a.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: "sarama-a", ConfigNames: []string{"retention.ms", "cleanup.policy"}}))
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name < entries[j].Name })
	for _, e := range entries {
		fmt.Println(e.Name, e.Value, e.Source, e.ReadOnly, e.Sensitive)
	}
	policy := "compact"
	check(a.AlterConfig(sarama.TopicResource, "sarama-a", map[string]*string{"cleanup.policy": &policy}, false))
	entries = must(a.DescribeConfig(sarama.ConfigResource{Type: sarama.TopicResource, Name: "sarama-a", ConfigNames: []string{"retention.ms", "cleanup.policy"}}))
	sort.Slice(entries, func(i, j int) bool { return entries[i].Name < entries[j].Name })
	for _, e := range entries {
		fmt.Println(e.Name, e.Value, e.Source)
	}
	producer := must(sarama.NewSyncProducer([]string{broker}, config(sarama.V2_6_0_0)))
	for i := 0; i < 5; i++ {
		_, _, err := producer.SendMessage(&sarama.ProducerMessage{Topic: "sarama-records", Value: sarama.StringEncoder("x")})
		check(err)
	}
	fmt.Println(name(a.DeleteRecords("sarama-records", map[int32]int64{0: 3})))
	client := must(sarama.NewClient([]string{broker}, config(sarama.V2_6_0_0)))
	fmt.Println(must(client.GetOffset("sarama-records", 0, sarama.OffsetOldest)), must(client.GetOffset("sarama-records", 0, sarama.OffsetNewest)))
	brokers, controller, err := a.DescribeCluster()
	check(err)
	fmt.Println(len(brokers), controller)
	dirs := must(a.DescribeLogDirs([]int32{0}))
	fmt.Println(len(dirs[0]), dirs[0][0].ErrorCode)
	fmt.Println(name(a.DeleteTopic("sarama-a")), name(a.DeleteTopic("sarama-a")))
}

func main() {
	runScenario(map[string]func(){"produce-consume": produceConsume, "versions": versions, "codecs": codecs, "idempotent": idempotent, "group": group, "admin": admin})
}

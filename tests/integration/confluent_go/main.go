// The scenarios of suite.py; tests/support/go/program.go is built with it.
package main

import (
	"context"
	"fmt"
	"sort"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

func config(pairs ...any) *kafka.ConfigMap {
	c := kafka.ConfigMap{"bootstrap.servers": broker}
	for i := 0; i < len(pairs); i += 2 {
		c[pairs[i].(string)] = pairs[i+1]
	}
	return &c
}

func read(c *kafka.Consumer, count int) []*kafka.Message {
	var got []*kafka.Message
	for end := time.Now().Add(30 * time.Second); len(got) < count; {
		if time.Now().After(end) {
			panic(fmt.Sprintf("%d of %d", len(got), count))
		}
		m, err := c.ReadMessage(200 * time.Millisecond)
		if err == nil {
			got = append(got, m)
		} else if err.(kafka.Error).Code() != kafka.ErrTimedOut {
			panic(err)
		}
	}
	return got
}

func consumer(group string, pairs ...any) *kafka.Consumer {
	return must(kafka.NewConsumer(config(append([]any{"group.id", group, "auto.offset.reset", "earliest"}, pairs...)...)))
}

// What the tutorial does: three partitions, delivery reports on the events channel, a group that reads them.
func deliveryReports() {
	topic := "teste"
	admin := must(kafka.NewAdminClient(config()))
	created := must(admin.CreateTopics(context.Background(), []kafka.TopicSpecification{{Topic: topic, NumPartitions: 3, ReplicationFactor: 1}}))
	fmt.Println(created[0].Topic, created[0].Error.Code())
	p := must(kafka.NewProducer(config("acks", "all", "enable.idempotence", true)))
	for i := 0; i < 30; i++ {
		err := p.Produce(&kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: int32(i % 3)}, Key: []byte("chave"), Value: []byte(fmt.Sprint("mensagem ", i)),
			Headers: []kafka.Header{{Key: "n", Value: []byte(fmt.Sprint(i))}}}, nil)
		if err != nil {
			panic(err)
		}
	}
	var reports []string
	for len(reports) < 30 {
		if m, ok := (<-p.Events()).(*kafka.Message); ok {
			reports = append(reports, fmt.Sprintf("%d/%02d %s %v", m.TopicPartition.Partition, m.TopicPartition.Offset, m.Value, m.TopicPartition.Error))
		}
	}
	p.Close()
	sort.Strings(reports)
	for _, r := range reports {
		fmt.Println(r)
	}
	c := consumer("teste-g")
	if err := c.Subscribe(topic, nil); err != nil {
		panic(err)
	}
	counts := map[int32]int{}
	for _, m := range read(c, 30) {
		if string(m.Value) != fmt.Sprint("mensagem ", int64(m.TopicPartition.Offset)*3+int64(m.TopicPartition.Partition)) {
			panic(string(m.Value))
		}
		counts[m.TopicPartition.Partition]++
	}
	fmt.Println(counts)
	must(c.Commit())
	committed := must(c.Committed([]kafka.TopicPartition{{Topic: &topic, Partition: 0}, {Topic: &topic, Partition: 1}, {Topic: &topic, Partition: 2}}, 10000))
	for _, tp := range committed {
		fmt.Println(tp.Partition, tp.Offset)
	}
	if err := c.Close(); err != nil {
		panic(err)
	}
}

func autoCreated() {
	topic := "teste-novo"
	p := must(kafka.NewProducer(config()))
	reports := make(chan kafka.Event, 1)
	for i := 0; i < 3; i++ {
		if err := p.Produce(&kafka.Message{TopicPartition: kafka.TopicPartition{Topic: &topic, Partition: kafka.PartitionAny}, Value: []byte(fmt.Sprint(i))}, reports); err != nil {
			panic(err)
		}
		m := (<-reports).(*kafka.Message)
		fmt.Println(m.TopicPartition.Partition, m.TopicPartition.Offset, m.TopicPartition.Error)
	}
	low, high, err := p.QueryWatermarkOffsets(topic, 0, 10000)
	fmt.Println(low, high, err)
	meta := must(p.GetMetadata(&topic, false, 10000))
	fmt.Println(len(meta.Brokers), len(meta.Topics[topic].Partitions))
	p.Close()
}

// Two consumers of a group in one process: partitions are shared, then taken over.
func rebalance() {
	topic := "teste-rebalance"
	admin := must(kafka.NewAdminClient(config()))
	must(admin.CreateTopics(context.Background(), []kafka.TopicSpecification{{Topic: topic, NumPartitions: 4, ReplicationFactor: 1}}))
	var members []*kafka.Consumer
	for i := 0; i < 2; i++ {
		c := consumer("teste-rebalance-g", "session.timeout.ms", 10000, "heartbeat.interval.ms", 300)
		if err := c.Subscribe(topic, nil); err != nil {
			panic(err)
		}
		members = append(members, c)
	}
	for end := time.Now().Add(40 * time.Second); ; {
		for _, c := range members {
			c.Poll(100)
		}
		if len(must(members[0].Assignment())) == 2 && len(must(members[1].Assignment())) == 2 {
			break
		} else if time.Now().After(end) {
			panic("not shared")
		}
	}
	fmt.Println("two each")
	if err := members[0].Close(); err != nil {
		panic(err)
	}
	for end := time.Now().Add(40 * time.Second); len(must(members[1].Assignment())) != 4; {
		members[1].Poll(100)
		if time.Now().After(end) {
			panic("not taken over")
		}
	}
	fmt.Println("four for the other")
	members[1].Close()
}

func admin() {
	ctx := context.Background()
	a := must(kafka.NewAdminClient(config()))
	results := must(a.CreateTopics(ctx, []kafka.TopicSpecification{{Topic: "teste-a", NumPartitions: 2, ReplicationFactor: 1, Config: map[string]string{"retention.ms": "60000"}}, {Topic: "teste-b", NumPartitions: 1, ReplicationFactor: 7}}))
	for _, r := range results {
		fmt.Println(r.Topic, r.Error.Code())
	}
	for _, r := range must(a.CreatePartitions(ctx, []kafka.PartitionsSpecification{{Topic: "teste-a", IncreaseTo: 3}})) {
		fmt.Println(r.Topic, r.Error.Code())
	}
	configs := must(a.DescribeConfigs(ctx, []kafka.ConfigResource{{Type: kafka.ResourceTopic, Name: "teste-a"}}))
	for _, key := range []string{"retention.ms", "cleanup.policy"} {
		e := configs[0].Config[key]
		fmt.Println(e.Name, e.Value, e.Source, e.IsReadOnly, e.IsSensitive)
	}
	fmt.Println(len(must(a.ClusterID(ctx))), must(a.ControllerID(ctx)))
	for _, r := range must(a.DeleteTopics(ctx, []string{"teste-a", "teste-none"})) {
		fmt.Println(r.Topic, r.Error.Code())
	}
}

func main() {
	runScenario(map[string]func(){"delivery-reports": deliveryReports, "auto-created": autoCreated, "rebalance": rebalance, "admin": admin})
}

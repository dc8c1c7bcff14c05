// The scenarios of suite.py; tests/support/go/program.go is built with it.
package main

import (
	"errors"
	"fmt"
	"sort"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func name(err error) string {
	var known *kerr.Error
	if err == nil {
		return "ok"
	} else if errors.As(err, &known) {
		return known.Message
	}
	return err.Error()
}

func client(options ...kgo.Opt) *kgo.Client {
	return must(kgo.NewClient(append([]kgo.Opt{kgo.SeedBrokers(broker), kgo.AllowAutoTopicCreation(), kgo.FetchMaxWait(200 * time.Millisecond)}, options...)...))
}

func read(c *kgo.Client, count int) []*kgo.Record {
	var got []*kgo.Record
	for len(got) < count {
		fetches := c.PollFetches(ctx)
		for _, e := range fetches.Errors() {
			panic(e.Err)
		}
		got = append(got, fetches.Records()...)
	}
	return got
}

func write(topic string, count int, options ...kgo.Opt) {
	c := client(append(options, kgo.DefaultProduceTopic(topic), kgo.RecordPartitioner(kgo.RoundRobinPartitioner()))...)
	defer c.Close()
	for i := 0; i < count; i++ {
		check(c.ProduceSync(ctx, kgo.StringRecord(fmt.Sprint("v", i))).FirstErr())
	}
}

func produceConsume() {
	c := client()
	for i := 0; i < 5; i++ {
		r := must(c.ProduceSync(ctx, &kgo.Record{Topic: "franz", Key: []byte("k"), Value: []byte(fmt.Sprint("value ", i)), Headers: []kgo.RecordHeader{{Key: "h", Value: []byte("1")}}}).First())
		fmt.Println("sent", r.Partition, r.Offset, r.ProducerEpoch, time.Since(r.Timestamp) < time.Minute)
	}
	c.Close()
	c = client(kgo.ConsumeTopics("franz"))
	for _, r := range read(c, 5) {
		fmt.Println(r.Topic, r.Partition, r.Offset, string(r.Key), string(r.Value), r.Headers[0].Key, string(r.Headers[0].Value), r.LeaderEpoch, r.Attrs.TimestampType())
	}
	c.Close()
}

func codecs() {
	for codec, option := range map[string]kgo.CompressionCodec{"gzip": kgo.GzipCompression(), "snappy": kgo.SnappyCompression(), "lz4": kgo.Lz4Compression(), "zstd": kgo.ZstdCompression()} {
		c := client(kgo.ProducerBatchCompression(option), kgo.ProducerLinger(20*time.Millisecond))
		var records []*kgo.Record
		for i := 0; i < 200; i++ {
			records = append(records, &kgo.Record{Topic: "franz-" + codec, Value: []byte(strings.Repeat(codec, 200) + fmt.Sprint(i))})
		}
		check(c.ProduceSync(ctx, records...).FirstErr())
		c.Close()
		c = client(kgo.ConsumeTopics("franz-" + codec))
		for i, r := range read(c, 200) {
			if r.Offset != int64(i) || string(r.Value) != strings.Repeat(codec, 200)+fmt.Sprint(i) {
				panic(codec)
			}
		}
		c.Close()
	}
	fmt.Println("four codecs")
}

func group() {
	a := kadm.NewClient(client())
	for round, balancer := range []kgo.GroupBalancer{kgo.RangeBalancer(), kgo.StickyBalancer(), kgo.CooperativeStickyBalancer()} {
		topic, g := fmt.Sprint("franz-group", round), fmt.Sprint("franz-g", round)
		must(a.CreateTopic(ctx, 3, 1, nil, topic))
		write(topic, 9)
		c := client(kgo.ConsumerGroup(g), kgo.ConsumeTopics(topic), kgo.Balancers(balancer), kgo.DisableAutoCommit(), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
		got := read(c, 9)
		check(c.CommitUncommittedOffsets(ctx))
		described := must(a.DescribeGroups(ctx, g))
		fmt.Println(balancer.ProtocolName(), len(got), described[g].State, described[g].Protocol, len(described[g].Members))
		c.Close()
		sum := int64(0)
		must(a.FetchOffsets(ctx, g)).Each(func(o kadm.OffsetResponse) { sum += o.At })
		lags := must(a.Lag(ctx, g))
		fmt.Println("committed", sum, "lag", lags[g].Lag.Total(), lags[g].State)
		c = client(kgo.ConsumerGroup(g), kgo.ConsumeTopics(topic), kgo.Balancers(balancer), kgo.InstanceID("static"))
		write(topic, 3)
		fmt.Println("new", len(read(c, 3)))
		c.Close()
	}
}

func idempotent() {
	c := client(kgo.ProducerBatchMaxBytes(1000))
	bad := 0
	done := make(chan bool, 5000)
	for i := 0; i < 5000; i++ {
		want := int64(i)
		c.Produce(ctx, &kgo.Record{Topic: "franz-idempotent", Value: []byte(fmt.Sprint(i))}, func(r *kgo.Record, err error) {
			if err != nil || r.Offset != want {
				bad++
			}
			done <- true
		})
	}
	for i := 0; i < 5000; i++ {
		<-done
	}
	c.Close()
	c = client(kgo.ConsumeTopics("franz-idempotent"), kgo.FetchIsolationLevel(kgo.ReadCommitted()))
	for i, r := range read(c, 5000) {
		if string(r.Value) != fmt.Sprint(i) {
			bad++
		}
	}
	fmt.Println("wrong:", bad)
	c.Close()
}

func admin() {
	a := kadm.NewClient(client())
	value := "60000"
	created := must(a.CreateTopics(ctx, 2, 1, map[string]*string{"retention.ms": &value}, "franz-a", "bad name"))
	fmt.Println(name(created["franz-a"].Err), created["franz-a"].NumPartitions, created["franz-a"].ReplicationFactor, len(created["franz-a"].Configs) > 20, created["franz-a"].ID.String() != "", name(created["bad name"].Err))
	created = must(a.CreateTopics(ctx, 2, 3, nil, "franz-a", "franz-b"))
	fmt.Println(name(created["franz-a"].Err), name(created["franz-b"].Err), created["franz-b"].ErrMessage)
	more := must(a.UpdatePartitions(ctx, 5, "franz-a", "franz-none"))
	fmt.Println(name(more["franz-a"].Err), name(more["franz-none"].Err))
	write("franz-a", 10)
	starts, ends := must(a.ListStartOffsets(ctx, "franz-a")), must(a.ListEndOffsets(ctx, "franz-a"))
	var line []string
	ends.Each(func(o kadm.ListedOffset) {
		start, _ := starts.Lookup("franz-a", o.Partition)
		line = append(line, fmt.Sprint(o.Partition, ":", start.Offset, "-", o.Offset))
	})
	sort.Strings(line)
	fmt.Println(line)
	deleted := must(a.DeleteRecords(ctx, kadm.Offsets{"franz-a": {0: {Topic: "franz-a", Partition: 0, At: 1}}}))
	fmt.Println(deleted["franz-a"][0].LowWatermark, name(deleted["franz-a"][0].Err))
	configs := must(a.DescribeTopicConfigs(ctx, "franz-a"))
	sort.Slice(configs[0].Configs, func(i, j int) bool { return configs[0].Configs[i].Key < configs[0].Configs[j].Key })
	for _, c := range configs[0].Configs {
		if c.Key == "retention.ms" || c.Key == "cleanup.policy" || c.Key == "min.insync.replicas" {
			line = []string{}
			for _, s := range c.Synonyms {
				line = append(line, s.Key+"="+*s.Value+"/"+s.Source.String())
			}
			fmt.Println(c.Key, *c.Value, c.Source, line)
		}
	}
	policy := "compact"
	altered := must(a.AlterTopicConfigs(ctx, []kadm.AlterConfig{{Op: kadm.AppendConfig, Name: "cleanup.policy", Value: &policy}}, "franz-a"))
	fmt.Println(name(altered[0].Err))
	meta := must(a.Metadata(ctx, "franz-a"))
	fmt.Println(len(meta.Brokers), meta.Controller, len(meta.Cluster), len(meta.Topics["franz-a"].Partitions), meta.Topics["franz-a"].Partitions[0].LeaderEpoch)
	leaders := must(a.OffsetForLeaderEpoch(ctx, func() kadm.OffsetForLeaderEpochRequest {
		var r kadm.OffsetForLeaderEpochRequest
		r.Add("franz-a", 0, 0)
		return r
	}()))
	for _, partitions := range leaders {
		for _, p := range partitions {
			fmt.Println("epoch end", p.LeaderEpoch, p.EndOffset, name(p.Err))
		}
	}
	dirs := must(a.DescribeAllLogDirs(ctx, nil))
	fmt.Println("dirs", len(dirs))
	gone := must(a.DeleteTopics(ctx, "franz-a", "franz-none"))
	fmt.Println(name(gone["franz-a"].Err), name(gone["franz-none"].Err))
}

// Consuming by time, from the end backwards, and a regular expression.
func positions() {
	for i := 0; i < 10; i++ {
		c := client()
		check(c.ProduceSync(ctx, &kgo.Record{Topic: "franz-positions", Value: []byte(fmt.Sprint(i)), Timestamp: time.UnixMilli(1600000000000 + int64(i)*1000)}).FirstErr())
		c.Close()
	}
	for label, offset := range map[string]kgo.Offset{"3 relative to the end": kgo.NewOffset().AtEnd().Relative(-3), "7 exact": kgo.NewOffset().At(7), "7 by time": kgo.NewOffset().AfterMilli(1600000006500)} {
		c := client(kgo.ConsumeTopics("franz-positions"), kgo.ConsumeResetOffset(offset))
		got := read(c, 3)
		if got[0].Offset != 7 || len(got) != 3 {
			panic(label)
		}
		c.Close()
	}
	c := client(kgo.ConsumeTopics("^franz-posit.*"), kgo.ConsumeRegex())
	fmt.Println(len(read(c, 10)))
	c.Close()
}

func main() {
	runScenario(map[string]func(){"produce-consume": produceConsume, "codecs": codecs, "group": group, "idempotent": idempotent, "admin": admin, "positions": positions})
}

// The scenarios of suite.py; `node program.js NAME` prints its canonical answer, one JSON value a line.
const { Kafka, logLevel, CompressionTypes, ConfigResourceTypes, Partitioners } = require('kafkajs')

const kafka = new Kafka({
  clientId: 'meu-app', brokers: [process.env.BOOTSTRAP], logLevel: logLevel.WARN,
  logCreator: () => ({ namespace, label, log }) => process.stderr.write(`${label} ${namespace} ${log.message} ${log.error || ''}\n`),
})
const say = (what) => console.log(JSON.stringify(what))
const text = (buffer) => (buffer === null || buffer === undefined ? null : buffer.toString())
const headersOf = (headers) => Object.fromEntries(Object.entries(headers || {}).map(([k, v]) => [k, Array.isArray(v) ? v.map(text) : text(v)]))
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))

async function until(condition, what, ms = 20000) {
  const end = Date.now() + ms
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`)
    await sleep(20)
  }
}
function check(condition, what) { if (!condition) throw new Error(`wrong: ${what}`) }

async function withProducer(options, body) {
  const producer = kafka.producer(options)
  await producer.connect()
  try { return await body(producer) } finally { await producer.disconnect() }
}
async function withAdmin(body) {
  const admin = kafka.admin()
  await admin.connect()
  try { return await body(admin) } finally { await admin.disconnect() }
}
// Reads `count` messages from the beginning in a new group.
async function readAll(topic, count, groupId = `${topic}-reader`) {
  const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 200 })
  const got = []
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ eachMessage: async ({ partition, message }) => { got.push({ partition, ...message }) } })
  await until(() => got.length >= count, `${count} messages of ${topic}, got ${got.length}`)
  await sleep(200)
  await consumer.disconnect()
  check(got.length === count, `${got.length} messages, not ${count}`)
  return got
}
const code = (error) => ({ name: error.name, type: error.type || (error.cause && error.cause.type) || null })

const scenarios = {
  // The first program everybody writes: the topic comes into being with the first send.
  async basic() {
    const before = Date.now()
    const sent = await withProducer({}, (producer) => producer.send({
      topic: 'meu-topico',
      messages: [
        { key: 'chave1', value: 'olá mundo', headers: { origem: 'teste', 'x-id': '42' } },
        { value: 'sem chave' }, { key: 'chave2', value: '' }, { key: 'chave3', value: null },
      ],
    }))
    for (const { topicName, partition, errorCode, baseOffset, logAppendTime, logStartOffset } of sent)
      say({ topicName, partition, errorCode, baseOffset, logAppendTime, logStartOffset })
    const consumer = kafka.consumer({ groupId: 'meu-grupo' })
    const got = []
    let joined
    consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => { joined = payload })
    await consumer.connect()
    await consumer.subscribe({ topic: 'meu-topico', fromBeginning: true })
    await consumer.run({ eachMessage: async ({ topic, partition, message }) => got.push({ topic, partition, ...message }) })
    await until(() => got.length >= 4, 'four messages')
    say({ group: joined.groupId, leader: joined.isLeader, assignment: joined.memberAssignment, protocol: joined.groupProtocol })
    for (const m of got) {
      check(Number(m.timestamp) >= before - 5 && Number(m.timestamp) <= Date.now() + 5, `timestamp ${m.timestamp}`)
      say({ topic: m.topic, partition: m.partition, offset: m.offset, key: text(m.key), value: text(m.value), headers: headersOf(m.headers) })
    }
    await consumer.disconnect()
  },

  // A second run of a group goes on where the first stopped.
  async resume() {
    const topic = 'meu-topico-resume'
    const write = (from, n) => withProducer({}, (p) => p.send({ topic, messages: Array.from({ length: n }, (_, i) => ({ value: `m${from + i}` })) }))
    const session = async (count) => {
      const consumer = kafka.consumer({ groupId: 'resume', maxWaitTimeInMs: 200 })
      const got = []
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({ autoCommitThreshold: 1, eachMessage: async ({ message }) => { got.push(`${message.offset}:${text(message.value)}`) } })
      await until(() => got.length >= count, `${count}, got ${got}`)
      await sleep(300)
      await consumer.disconnect()
      say(got)
    }
    await write(0, 5)
    await session(5)
    await write(5, 3)
    await session(3)
  },

  async 'each-batch'() {
    const topic = 'lotes'
    await withProducer({}, async (p) => {
      for (let b = 0; b < 3; b++) await p.send({ topic, messages: Array.from({ length: 10 }, (_, i) => ({ key: `k${i}`, value: `b${b}-${i}` })) })
    })
    const consumer = kafka.consumer({ groupId: 'lotes-g' })
    const values = []
    let last
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    await consumer.run({
      eachBatchAutoResolve: false,
      eachBatch: async ({ batch, resolveOffset, heartbeat, commitOffsetsIfNecessary, isRunning, isStale, uncommittedOffsets }) => {
        check(isRunning() && !isStale(), 'running')
        for (const message of batch.messages) {
          values.push(`${message.offset}:${text(message.value)}`)
          resolveOffset(message.offset)
          await heartbeat()
        }
        last = { first: batch.firstOffset(), last: batch.lastOffset(), highWatermark: batch.highWatermark, lag: batch.offsetLag(), lagLow: batch.offsetLagLow(), uncommitted: uncommittedOffsets().topics.map((t) => t.topic) }
        await commitOffsetsIfNecessary()
      },
    })
    await until(() => values.length >= 30, '30 messages')
    say(values)
    say({ last: last.last, highWatermark: last.highWatermark, lag: last.lag, uncommitted: last.uncommitted })
    await consumer.disconnect()
  },

  async gzip() {
    const topic = 'comprimido'
    const value = 'abc'.repeat(20000)
    await withProducer({}, (p) => p.send({ topic, compression: CompressionTypes.GZIP, messages: Array.from({ length: 50 }, (_, i) => ({ key: `${i}`, value: value + i, headers: { n: `${i}` } })) }))
    const got = await readAll(topic, 50)
    got.forEach((m, i) => check(text(m.value) === value + i && text(m.key) === `${i}` && text(m.headers.n) === `${i}` && m.offset === `${i}`, `message ${i}`))
    say({ messages: got.length, bytes: got.reduce((sum, m) => sum + m.value.length, 0) })
  },

  async keys() {
    const topic = 'chaves'
    await withAdmin((a) => a.createTopics({ topics: [{ topic, numPartitions: 3 }], waitForLeaders: true }))
    await withProducer({ createPartitioner: Partitioners.DefaultPartitioner }, (p) => p.send({ topic, messages: Array.from({ length: 30 }, (_, i) => ({ key: `user-${i % 7}`, value: `${i}` })) }))
    const got = await readAll(topic, 30)
    for (let partition = 0; partition < 3; partition++)
      say({ partition, messages: got.filter((m) => m.partition === partition).map((m) => `${m.offset} ${text(m.key)}=${text(m.value)}`) })
  },

  async timestamps() {
    const topic = 'tempos'
    const start = 1700000000000
    await withProducer({}, (p) => p.send({ topic, messages: Array.from({ length: 10 }, (_, i) => ({ value: `${i}`, timestamp: `${start + i * 1000}` })) }))
    await withAdmin(async (a) => {
      for (const at of [start, start + 4500, start + 9000]) say({ at: at - start, offsets: await a.fetchTopicOffsetsByTimestamp(topic, at) })
      say({ after: (await a.fetchTopicOffsetsByTimestamp(topic, start + 9001)) })
    })
    const got = await readAll(topic, 10)
    say(got.map((m) => [m.offset, m.timestamp]))
  },

  async idempotent() {
    const topic = 'exato'
    await withProducer({ idempotent: true, maxInFlightRequests: 1 }, async (p) => {
      for (let i = 0; i < 20; i++) {
        const [r] = await p.send({ topic, acks: -1, messages: [{ value: `a${i}` }, { value: `b${i}` }] })
        check(r.baseOffset === `${2 * i}`, `base offset ${r.baseOffset}`)
      }
    })
    say((await readAll(topic, 40)).map((m) => `${m.offset}:${text(m.value)}`))
  },

  async acks() {
    const topic = 'acks'
    await withProducer({}, async (p) => {
      for (const acks of [-1, 1]) say((await p.send({ topic, acks, messages: [{ value: `acks ${acks}` }] })).map((r) => [r.errorCode, r.baseOffset]))
      say(await p.send({ topic, acks: 0, messages: [{ value: 'acks 0' }] }) || null)
    })
    say((await readAll(topic, 3)).map((m) => `${m.offset}:${text(m.value)}`))
  },

  async 'too-large'() {
    const topic = 'grande'
    await withProducer({ retry: { retries: 1 } }, async (p) => {
      await p.send({ topic, messages: [{ value: 'x' }] })
      try {
        await p.send({ topic, messages: [{ value: 'x'.repeat(1100000) }] })
        say('accepted')
      } catch (error) { say(code(error)) }
      say((await p.send({ topic, messages: [{ value: 'y' }] })).map((r) => r.baseOffset))
    })
  },

  async 'seek-pause'() {
    const topic = 'busca'
    await withProducer({}, (p) => p.send({ topic, messages: Array.from({ length: 20 }, (_, i) => ({ value: `${i}` })) }))
    const consumer = kafka.consumer({ groupId: 'busca-g', maxWaitTimeInMs: 100 })
    const got = []
    await consumer.connect()
    await consumer.subscribe({ topic, fromBeginning: true })
    consumer.run({ partitionsConsumedConcurrently: 1, eachMessage: async ({ message }) => {
      got.push(message.offset)
      if (got.length === 20) consumer.pause([{ topic }])
    } })
    await until(() => got.length === 20, 'the first pass')
    say({ paused: consumer.paused() })
    consumer.seek({ topic, partition: 0, offset: '15' })
    await sleep(700)
    say({ whilePaused: got.length })
    consumer.resume([{ topic }])
    await until(() => got.length >= 25, `after the seek, got ${got.length}`)
    await sleep(200)
    say(got)
    await consumer.disconnect()
  },

  // Two members over four partitions share them; one leaves and the other takes all.
  async 'two-consumers'() {
    const topic = 'dois'
    await withAdmin((a) => a.createTopics({ topics: [{ topic, numPartitions: 4 }], waitForLeaders: true }))
    const owned = [null, null]
    const got = new Set()
    const consumers = [0, 1].map((i) => {
      const consumer = kafka.consumer({ groupId: 'dois-g', maxWaitTimeInMs: 200, sessionTimeout: 10000, heartbeatInterval: 500, rebalanceTimeout: 10000 })
      consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => { owned[i] = payload.memberAssignment[topic] || [] })
      return consumer
    })
    for (const consumer of consumers) {
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      consumer.run({ eachMessage: async ({ partition, message }) => { got.add(`${partition}/${message.offset}/${text(message.value)}`) } })
    }
    await until(() => owned[0] && owned[1] && owned[0].length === 2 && owned[1].length === 2, `two each: ${JSON.stringify(owned)}`)
    say({ all: [...owned[0], ...owned[1]].sort() })
    await withProducer({}, (p) => p.send({ topic, messages: [0, 1, 2, 3].map((partition) => ({ partition, value: `p${partition}` })) }))
    await until(() => got.size === 4, 'a message of each partition')
    await consumers[0].disconnect()
    await until(() => owned[1].length === 4, 'the other takes over')
    await withProducer({}, (p) => p.send({ topic, messages: [0, 1, 2, 3].map((partition) => ({ partition, value: `q${partition}` })) }))
    await until(() => got.size === 8, 'again a message of each partition')
    say([...got].sort())
    await consumers[1].disconnect()
  },

  async 'admin-topics'() {
    await withAdmin(async (a) => {
      say({ created: await a.createTopics({ topics: [{ topic: 'adm-a', numPartitions: 2, replicationFactor: 1, configEntries: [{ name: 'retention.ms', value: '60000' }] }, { topic: 'adm-b' }], waitForLeaders: true }) })
      say({ again: await a.createTopics({ topics: [{ topic: 'adm-a' }] }) })
      for (const bad of [{ topic: 'adm-rf', replicationFactor: 3 }, { topic: 'adm bad' }, { topic: 'adm-cfg', configEntries: [{ name: 'no.such', value: '1' }] }, { topic: 'adm-zero', numPartitions: 0 }]) {
        try { say({ created: await a.createTopics({ topics: [bad] }) }) } catch (error) {
          say({ topic: bad.topic, ...code(error), errors: (error.errors || []).map((e) => e.type) })
        }
      }
      say((await a.listTopics()).filter((t) => t.startsWith('adm-')).sort())
      const meta = await a.fetchTopicMetadata({ topics: ['adm-a', 'adm-b'] })
      say(meta.topics.map((t) => ({ name: t.name, partitions: t.partitions.map((p) => [p.partitionId, p.leader, p.replicas, p.isr, p.offlineReplicas, p.partitionErrorCode]).sort() })).sort((x, y) => (x.name < y.name ? -1 : 1)))
      say({ partitions: await a.createPartitions({ topicPartitions: [{ topic: 'adm-b', count: 3 }] }) })
      try { await a.createPartitions({ topicPartitions: [{ topic: 'adm-b', count: 2 }] }) } catch (error) { say(code(error)) }
      await until2(async () => (await a.fetchTopicMetadata({ topics: ['adm-b'] })).topics[0].partitions.length === 3)
      const cluster = await a.describeCluster()
      say({ brokers: cluster.brokers.map((b) => [b.nodeId, `${b.host}:${b.port}` === process.env.BOOTSTRAP]), controller: cluster.controller, clusterId: cluster.clusterId.length })
      await a.deleteTopics({ topics: ['adm-a', 'adm-b'] })
      await until2(async () => !(await a.listTopics()).some((t) => t === 'adm-a' || t === 'adm-b'))
      try { await a.deleteTopics({ topics: ['adm-a'] }); say('deleted twice') } catch (error) { say(code(error)) }
      try { await a.fetchTopicMetadata({ topics: ['adm bad'] }) } catch (error) { say(code(error)) }
    })
  },

  async 'admin-configs'() {
    await withAdmin(async (a) => {
      await a.createTopics({ topics: [{ topic: 'cfg', configEntries: [{ name: 'retention.ms', value: '60000' }] }], waitForLeaders: true })
      const show = async (names) => {
        const { resources } = await a.describeConfigs({ includeSynonyms: true, resources: [{ type: ConfigResourceTypes.TOPIC, name: 'cfg', configNames: names }] })
        for (const e of resources[0].configEntries.sort((x, y) => (x.configName < y.configName ? -1 : 1)))
          say([e.configName, e.configValue, e.readOnly, e.isDefault, e.configSource, e.isSensitive, (e.configSynonyms || []).map((s) => [s.configName, s.configValue, s.configSource])])
      }
      await show(['retention.ms', 'cleanup.policy', 'segment.bytes', 'max.message.bytes', 'compression.type', 'min.insync.replicas'])
      await a.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: 'cfg', configEntries: [{ name: 'cleanup.policy', value: 'compact' }, { name: 'segment.bytes', value: '1048576' }] }] })
      await show(['retention.ms', 'cleanup.policy', 'segment.bytes'])
      for (const entry of [{ name: 'cleanup.policy', value: 'nonsense' }, { name: 'nope', value: '1' }]) {
        try { await a.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: 'cfg', configEntries: [entry] }] }); say('accepted') } catch (error) { say(code(error)) }
      }
      const all = await a.describeConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: 'cfg' }] })
      say(all.resources[0].configEntries.map((e) => e.configName).sort())
      const broker = await a.describeConfigs({ resources: [{ type: ConfigResourceTypes.BROKER, name: '0', configNames: ['log.retention.hours', 'num.partitions', 'message.max.bytes'] }] })
      say(broker.resources[0].configEntries.map((e) => [e.configName, e.configValue]).sort())
      try { say((await a.describeConfigs({ resources: [{ type: ConfigResourceTypes.TOPIC, name: 'no-such-topic' }] })).resources.map((r) => r.errorCode)) } catch (error) { say(code(error)) }
    })
  },

  async 'admin-offsets'() {
    const topic = 'offs'
    const groupId = 'offs-g'
    await withAdmin(async (a) => {
      await a.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true })
      await withProducer({}, (p) => p.send({ topic, messages: Array.from({ length: 10 }, (_, i) => ({ partition: i % 2, value: `${i}` })) }))
      say((await a.fetchTopicOffsets(topic)).sort((x, y) => x.partition - y.partition))
      const show = async (options = {}) => say((await a.fetchOffsets({ groupId, topics: [topic], ...options })).map((t) => ({ topic: t.topic, partitions: t.partitions.sort((x, y) => x.partition - y.partition) })))
      await show()
      await a.setOffsets({ groupId, topic, partitions: [{ partition: 0, offset: '3' }, { partition: 1, offset: '1' }] })
      await show()
      await a.resetOffsets({ groupId, topic, earliest: true })
      await show()
      await a.resetOffsets({ groupId, topic, earliest: false })
      await show({ resolveOffsets: true })
      await a.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '2' }, { partition: 1, offset: '-1' }] })
      say((await a.fetchTopicOffsets(topic)).sort((x, y) => x.partition - y.partition))
      try { await a.deleteTopicRecords({ topic, partitions: [{ partition: 0, offset: '99' }] }); say('accepted') } catch (error) { say(code(error)) }
      const left = await readAll(topic, 3, 'offs-reader')
      say(left.map((m) => `${m.partition}/${m.offset}=${text(m.value)}`).sort())
    })
  },

  async 'admin-groups'() {
    const topic = 'grp'
    const groupId = 'grp-g'
    await withAdmin(async (a) => {
      await a.createTopics({ topics: [{ topic, numPartitions: 2 }], waitForLeaders: true })
      const consumer = kafka.consumer({ groupId, maxWaitTimeInMs: 200 })
      let joined = false
      consumer.on(consumer.events.GROUP_JOIN, () => { joined = true })
      await consumer.connect()
      await consumer.subscribe({ topic, fromBeginning: true })
      await consumer.run({ eachMessage: async () => {} })
      await until(() => joined, 'joined')
      const show = async () => {
        const { groups } = await a.describeGroups([groupId])
        say(groups.map((g) => ({ id: g.groupId, state: g.state, type: g.protocolType, protocol: g.protocol, errorCode: g.errorCode, members: g.members.map((m) => [m.clientId, m.clientHost, m.memberId.startsWith('meu-app-'), m.memberMetadata.length > 0, m.memberAssignment.length > 0]) })))
      }
      await show()
      say((await a.listGroups()).groups.filter((g) => g.groupId === groupId))
      try { await a.deleteGroups([groupId]); say('deleted') } catch (error) { say({ ...code(error), groups: error.groups.map((g) => [g.groupId, g.errorCode, g.error && g.error.type]) }) }
      await consumer.disconnect()
      await show()
      say(await a.deleteGroups([groupId]))
      await show()
      try { await a.deleteGroups(['grp-none']); say('deleted') } catch (error) { say({ ...code(error), groups: error.groups.map((g) => [g.groupId, g.errorCode, g.error && g.error.type]) }) }
    })
  },
}

async function until2(condition, ms = 15000) {
  const end = Date.now() + ms
  for (;;) {
    try { if (await condition()) return } catch (error) { if (Date.now() > end) throw error }
    if (Date.now() > end) throw new Error('not in time')
    await sleep(100)
  }
}

scenarios[process.argv[2]]().then(() => process.exit(0), (error) => { console.error(error); process.exit(1) })

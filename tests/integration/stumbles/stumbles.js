// What users stumble over, with kafkajs; `node stumbles.js NAME` prints the canonical answer, one JSON value a line.
const { existsSync } = require('fs')
const { Kafka, logLevel } = require('kafkajs')

const kafka = new Kafka({
  clientId: 'app', brokers: [process.env.BOOTSTRAP], logLevel: logLevel.WARN,
  logCreator: () => ({ namespace, label, log }) => process.stderr.write(`${label} ${namespace} ${log.message} ${log.error || ''}\n`),
})
const say = (what) => console.log(JSON.stringify(what))
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
async function until(condition, what, ms = 40000) {
  const end = Date.now() + ms
  while (!condition()) {
    if (Date.now() > end) throw new Error(`not in time: ${what}`)
    await sleep(20)
  }
}
async function withAdmin(body) {
  const admin = kafka.admin()
  await admin.connect()
  try { return await body(admin) } finally { await admin.disconnect() }
}
const create = (topic, numPartitions = 1) => withAdmin((admin) => admin.createTopics({ topics: [{ topic, numPartitions }] }))
async function connectedProducer(options) {
  const producer = kafka.producer(options)
  await producer.connect()
  return producer
}
async function member(groupId, topic, options = {}) {
  const consumer = kafka.consumer({ groupId, heartbeatInterval: 300, sessionTimeout: 10000, metadataMaxAge: 500, maxWaitTimeInMs: 200, ...options })
  const self = { consumer, got: [], owned: 0, crashes: 0 }
  consumer.on(consumer.events.GROUP_JOIN, ({ payload }) => { self.owned = (payload.memberAssignment[topic] || []).length })
  consumer.on(consumer.events.CRASH, () => { self.crashes += 1 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({ autoCommitInterval: 100, eachMessage: async ({ message }) => { self.got.push(Number(message.value)) } })
  return self
}
// Sends numbers until stopped; waits for each answer.
function sender(producer, topic) {
  const self = { sent: 0, errors: [], ending: false }
  self.done = (async () => {
    while (!self.ending) {
      try {
        await producer.send({ topic, messages: [{ value: String(self.sent) }] })
        self.sent += 1
      } catch (error) { self.errors.push(error.name) }
      await sleep(5)
    }
  })()
  self.stop = async () => { self.ending = true; await self.done }
  return self
}
const missing = (sent, members) => { const all = new Set(members.flatMap((m) => m.got)); return [...Array(sent).keys()].filter((n) => !all.has(n)).length }

const scenarios = {
  // Many first sends at once to a topic that nobody created.
  async 'first-sends'() {
    const producers = await Promise.all([...Array(6)].map(() => connectedProducer()))
    const answers = await Promise.all(producers.map((p, i) => p.send({ topic: 'js-race', messages: [{ value: String(i) }] }).then((a) => a[0].errorCode, (e) => e.name)))
    say(answers)
    await Promise.all(producers.map((p) => p.disconnect()))
    const m = await member('js-race-g', 'js-race')
    await until(() => m.got.length >= 6, 'six')
    say(m.got.sort())
    await m.consumer.disconnect()
  },
  // Members come and go while records flow.
  async 'rebalance-under-load'() {
    await create('js-load', 6)
    const producer = await connectedProducer()
    const numbers = sender(producer, 'js-load')
    const members = [await member('js-load-g', 'js-load')]
    await until(() => members[0].owned === 6, 'six')
    for (const n of [2, 3]) {
      members.push(await member('js-load-g', 'js-load'))
      await until(() => members.every((m) => m.owned === 6 / n), `${n} members`)
    }
    await members[0].consumer.disconnect()
    await until(() => members[1].owned === 3 && members[2].owned === 3, 'two left')
    await numbers.stop()
    await until(() => missing(numbers.sent, members) === 0, 'all read')
    say({ errors: numbers.errors, crashes: members.map((m) => m.crashes), missing: missing(numbers.sent, members) })
    for (const m of members.slice(1)) await m.consumer.disconnect()
    await producer.disconnect()
  },
  async 'idle'() {
    await create('js-idle')
    const producer = await connectedProducer()
    const m = await member('js-idle-g', 'js-idle')
    await withAdmin(async (admin) => {
      for (let i = 0; i < 3; i += 1) {
        if (i) await sleep(4000)
        const [answer] = await producer.send({ topic: 'js-idle', messages: [{ value: String(i) }] })
        say([answer.errorCode, answer.baseOffset, (await admin.listTopics()).includes('js-idle')])
        await until(() => m.got.length === i + 1, 'read')
      }
    })
    say({ got: m.got, crashes: m.crashes })
    await m.consumer.disconnect()
    await producer.disconnect()
  },
  // Producer and consumer stay while the suite restarts the broker (it does so when it reads 'running', and makes a file then).
  async 'restart'() {
    await create('js-restart', 3)
    const producer = await connectedProducer()
    const m = await member('js-restart-g', 'js-restart', { retry: { retries: 20 } })
    const numbers = sender(producer, 'js-restart')
    await until(() => m.got.length > 50, 'running')
    say('running')
    await until(() => existsSync('restarted'), 'restarted', 90000)
    const before = numbers.sent
    await until(() => numbers.sent > before + 50, 'sending goes on')
    await numbers.stop()
    await until(() => missing(numbers.sent, [m]) === 0, 'all read')
    say({ missing: missing(numbers.sent, [m]) })
    await m.consumer.disconnect()
    await producer.disconnect()
  },
}
// kafkajs may keep a socket of a lost broker that nobody owns any more: the end is told, not waited for.
scenarios[process.argv[2]]().then(() => process.exit(0), (error) => { console.error(error); process.exit(1) })

// node between.js write|read TOPIC [CODEC]: the records of between.py, with kafkajs.
const { Kafka, logLevel, CompressionTypes } = require('kafkajs')
const [action, topic, codec] = process.argv.slice(2)
const kafka = new Kafka({ clientId: 'between', brokers: [process.env.BOOTSTRAP], logLevel: logLevel.NOTHING })
const messages = [
  { key: null, value: 'no key' }, { key: 'key', value: 'olá '.repeat(300), headers: { h: ['1', '2'], '': 'no name' } }, { key: 'tombstone', value: null },
  { key: '', value: '', headers: { empty: '' } }, { key: 'k'.repeat(200), value: 'long key' }, { key: 'last', value: 'z'.repeat(5000), headers: { ã: 'ç' } },
]
const text = (buffer) => (buffer === null || buffer === undefined ? null : buffer.toString())

async function main() {
  if (action === 'write') {
    const producer = kafka.producer()
    await producer.connect()
    await producer.send({ topic, compression: codec === 'gzip' ? CompressionTypes.GZIP : CompressionTypes.None, messages: messages.map((m) => ({ ...m, partition: 0 })) })
    await producer.disconnect()
    return
  }
  const consumer = kafka.consumer({ groupId: `between-${topic}` })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  let left = messages.length
  await new Promise((resolve, reject) => {
    setTimeout(() => reject(new Error('not in time')), 25000).unref()
    consumer.run({ eachMessage: async ({ partition, message }) => {
      const value = text(message.value)
      const headers = Object.entries(message.headers || {}).flatMap(([k, v]) => (Array.isArray(v) ? v : [v]).map((one) => [k, text(one)]))
      console.log(JSON.stringify([partition, Number(message.offset), text(message.key), value && value.slice(0, 10), (value || '').length, headers]))
      left -= 1
      if (left === 0) resolve()
    } })
  })
  await consumer.disconnect()
}
main().catch((error) => { console.error(error); process.exit(1) })

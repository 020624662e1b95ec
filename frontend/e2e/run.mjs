// Runs a TypeScript file of this folder: Node.js 20 can't do so by itself.
import { runnerImport } from 'vite'

const [file = '', ...rest] = process.argv.slice(2)
const { module } = await runnerImport(new URL(file, import.meta.url).pathname, { configFile: false })
await module.main(rest)

import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import type { LogLine, PipelineDetail } from '../src/api/types'
import { until } from './until'

export const root = resolve(import.meta.dirname, '../..')
const run = promisify(execFile)

/** Starting takes long where nothing of Python is in the disk's cache yet. */
const START_MS = 180_000
const STOP_MS = 60_000

interface Addresses {
  api: string
  model_server: string
  mlflow: string
  /** Signs a browser in, once. */
  sign_in: string
}

function existing(what: string, path: string, help: string): string {
  if (!existsSync(path)) throw new Error(`${what} is missing at ${path}: ${help}`)
  return path
}

/** A real `mlsys up`: backend, worker, model-server and MLflow, on free ports, in a home of its own. */
export class Stack {
  readonly home: string
  private readonly binary: string
  private readonly environment: NodeJS.ProcessEnv
  private process: ChildProcess | null = null
  private addresses: Addresses | null = null
  /** What a browser that is signed in sends. */
  session = ''

  private constructor(binaries: string) {
    this.binary = existing('mlsys', join(binaries, 'mlsys'), '`make build` builds it')
    const python = process.env.MLSYS_PYTHON ?? join(root, '.mlsys/python/bin/python')
    const uv = process.env.MLSYS_UV ?? join(root, '.mlsys/uv/bin/uv')
    existing('Python', python, '`MLSYS_HOME=.mlsys mlsys prepare` prepares it')
    this.home = mkdtempSync(join(tmpdir(), 'mlsys-e2e-'))
    this.environment = {
      ...process.env,
      MLSYS_HOME: this.home,
      MLSYS_PYTHON: python,
      ...(existsSync(uv) ? { MLSYS_UV: uv } : {}),
    }
  }

  static async start(binaries = join(root, 'target/debug')): Promise<Stack> {
    const stack = new Stack(binaries)
    try {
      await stack.up()
    } catch (error) {
      const log = stack.log()
      await stack.stop()
      throw new Error(`mlsys did not start:\n${log}`, { cause: error })
    }
    return stack
  }

  private async up(): Promise<void> {
    const log = openSync(join(this.home, 'up.log'), 'a')
    const ports = ['--port', '0', '--model-server-port', '0', '--mlflow-port', '0']
    // On the leash of its standard input: when this process is gone, however it went, mlsys stops.
    const started = spawn(this.binary, ['up', '--json', '--leash', ...ports], { env: this.environment, stdio: ['pipe', 'pipe', log] })
    this.process = started
    const said = createInterface({ input: started.stdout as Readable })
    const signal = AbortSignal.timeout(START_MS)
    const [line] = (await Promise.race([once(said, 'line', { signal }), once(started, 'exit', { signal }).then(() => Promise.reject(new Error('it ended')))])) as [string]
    this.addresses = JSON.parse(line) as Addresses
    this.session = await this.signIn()
  }

  /** A browser's session, by the address that mlsys printed. */
  private async signIn(): Promise<string> {
    const token = this.addresses?.sign_in.split('#token=')[1]
    const body = JSON.stringify({ token })
    const answer = await fetch(`${this.api}/api/sessions`, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
    const session = /mlsys_session=([0-9a-f]+)/.exec(answer.headers.get('set-cookie') ?? '')?.[1]
    if (!session) throw new Error(`signing in: ${answer.status} ${await answer.text()}`)
    return session
  }

  /** An address that signs another browser in, once. */
  async signInAddress(): Promise<string> {
    return (await this.cli('login')).trim()
  }

  /** Asks the API as the command line of this home does. */
  fetch(path: string, init: RequestInit & { headers?: Record<string, string> } = {}): Promise<Response> {
    const token = readFileSync(join(this.home, 'home.token'), 'utf8').trim()
    return fetch(`${this.api}${path}`, { ...init, headers: { ...init.headers, authorization: `Bearer ${token}` } })
  }

  /** Where the dashboard and the API are. */
  get api(): string {
    if (!this.addresses) throw new Error('mlsys has not started')
    return this.addresses.api
  }

  /** What it has logged. */
  log(): string {
    return existsSync(join(this.home, 'up.log')) ? readFileSync(join(this.home, 'up.log'), 'utf8') : ''
  }

  /** Runs a command of the same mlsys. */
  async cli(...words: string[]): Promise<string> {
    return (await run(this.binary, words, { env: this.environment })).stdout
  }

  async get<T>(path: string): Promise<T> {
    const answer = await this.fetch(path)
    if (!answer.ok) throw new Error(`${path}: ${answer.status} ${await answer.text()}`)
    return (await answer.json()) as T
  }

  pipeline(id: string): Promise<PipelineDetail> {
    return this.get(`/api/pipelines/${id}`)
  }

  /** A pipeline at its end. */
  ended(id: string, seconds = 120): Promise<PipelineDetail> {
    const over = async () => {
      const pipeline = await this.pipeline(id)
      return pipeline.status !== 'queued' && pipeline.status !== 'running' && pipeline
    }
    return until(`the end of pipeline ${id}`, over, seconds) as Promise<PipelineDetail>
  }

  /** The whole stored log of a pipeline. */
  async lines(id: string): Promise<LogLine[]> {
    const lines: LogLine[] = []
    for (;;) {
      const page = await this.get<{ items: LogLine[] }>(`/api/pipelines/${id}/logs?limit=10000&after=${lines.at(-1)?.seq ?? 0}`)
      if (page.items.length === 0) return lines
      lines.push(...page.items)
    }
  }

  /** A new git repository whose remote `mlsys` is this one's project `name`. */
  async project(name: string): Promise<Project> {
    const project = new Project(join(this.home, 'work', name))
    await project.git('init', '--quiet', '--initial-branch=main')
    await this.cli('remote', '--project', name, project.folder)
    return project
  }

  async stop(): Promise<void> {
    const running = this.process
    if (running && running.exitCode === null && running.signalCode === null) {
      const gone = once(running, 'exit')
      running.kill('SIGTERM')
      const killer = setTimeout(() => running.kill('SIGKILL'), STOP_MS)
      await gone
      clearTimeout(killer)
    }
    rmSync(this.home, { recursive: true, force: true })
  }
}

/** Somebody's working copy. */
export class Project {
  readonly folder: string

  constructor(folder: string) {
    this.folder = folder
    mkdirSync(folder, { recursive: true })
  }

  async git(...words: string[]): Promise<string> {
    const identity = ['-c', 'user.name=Test', '-c', 'user.email=test@localhost', '-c', 'commit.gpgsign=false']
    const { stdout, stderr } = await run('git', ['-C', this.folder, ...identity, ...words])
    return stdout + stderr
  }

  write(path: string, content: string): void {
    const file = join(this.folder, path)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, content)
  }

  /** Commits the files, pushes them for real, and answers the pipelines by their notebooks' paths. */
  async push(files: Record<string, string>): Promise<Map<string, string>> {
    for (const [path, content] of Object.entries(files)) this.write(path, content)
    await this.git('add', '--all')
    await this.git('commit', '--quiet', '--message', 'Change')
    const said = await this.git('push', 'mlsys', 'main')
    const found = [...said.matchAll(/mlsys: (.+) runs as pipeline (\S+)/g)]
    return new Map(found.map(([, path = '', id = '']) => [path, id]))
  }

  /** Pushes one notebook, and answers its pipeline. */
  async pushOne(path: string, notebook: string): Promise<string> {
    const pipelines = await this.push({ [path]: notebook })
    const [id] = pipelines.values()
    if (!id || pipelines.size > 1) throw new Error(`one notebook makes one pipeline, not ${JSON.stringify([...pipelines])}`)
    return id
  }
}

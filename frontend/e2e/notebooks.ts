import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './stack'

interface Cell {
  cell_type: string
  id: string
  metadata: { tags?: string[] }
  source: string | string[]
  execution_count?: null
  outputs?: unknown[]
}

/** A notebook in the making. */
export class Notebook {
  private readonly cells: readonly Cell[]

  private constructor(cells: readonly Cell[]) {
    this.cells = cells
  }

  /** The least that keeps the contract. */
  static small(model: string, version = '1.0.0'): Notebook {
    return new Notebook([])
      .code(`MODEL_NAME = "${model}"\nVERSION = "${version}"`, 'mlops:config')
      .code('import numpy as np\nX, y = np.arange(20.0).reshape(10, 2), np.array([0, 1] * 5)', 'mlops:preprocessing')
      .code('from sklearn.linear_model import LogisticRegression\nmodel = LogisticRegression().fit(X, y)', 'mlops:training')
      .code('accuracy = 0.9', 'mlops:evaluation')
      .code('import joblib\njoblib.dump(model, MODEL_OUTPUT_PATH)', 'mlops:export')
  }

  /** One of the examples. */
  static example(name: string): Notebook {
    const { cells } = JSON.parse(readFileSync(join(root, 'notebooks', `${name}.ipynb`), 'utf8')) as { cells: Cell[] }
    return new Notebook(cells)
  }

  /** With a code cell more at the end. */
  code(source: string, tag?: string, outputs: unknown[] = []): Notebook {
    return new Notebook([...this.cells, { ...cell('code', source, tag), execution_count: null, outputs }])
  }

  markdown(source: string): Notebook {
    return new Notebook([...this.cells, cell('markdown', source)])
  }

  /** With these cells before the first one of a tag. */
  before(tag: string, more: Notebook): Notebook {
    const at = this.place(tag)
    return new Notebook([...this.cells.slice(0, at), ...more.cells, ...this.cells.slice(at)])
  }

  /** With other text in the cell of a tag. */
  with(tag: string, change: (source: string) => string): Notebook {
    const at = this.place(tag)
    return new Notebook(this.cells.map((one, index) => (index === at ? { ...one, source: change([one.source].flat().join('')) } : one)))
  }

  /** Cells of their own, to be put into a notebook. */
  static cells(): Notebook {
    return new Notebook([])
  }

  /** What a cell of a tag is called on the page. */
  label(tag: string): string {
    return `Code cell ${this.place(tag)}`
  }

  private place(tag: string): number {
    const at = this.cells.findIndex((one) => one.metadata.tags?.includes(tag))
    if (at === -1) throw new Error(`no cell is tagged ${tag}`)
    return at
  }

  text(): string {
    const cells = this.cells.map((one, index) => ({ ...one, id: `cell-${index}` }))
    const metadata = { kernelspec: { display_name: 'Python 3', language: 'python', name: 'python3' }, language_info: { name: 'python' } }
    return JSON.stringify({ cells, metadata, nbformat: 4, nbformat_minor: 5 })
  }
}

function cell(kind: string, source: string, tag?: string): Cell {
  return { cell_type: kind, id: '', metadata: tag ? { tags: [tag] } : {}, source }
}

/** Python that says so, and waits until a file is there: the test holds the notebook where it wants to look at it. */
export function hold(file: string, says: string): string {
  return `import pathlib, time\nprint(${JSON.stringify(says)}, flush=True)\nwhile not pathlib.Path(${JSON.stringify(file)}).exists():\n    time.sleep(0.02)`
}

/** Python that prints numbered lines until a file is there, and so many at least. */
export function count(file: string, least: number): string {
  return [
    'import pathlib, time',
    'number = 0',
    `while number < ${least} or not pathlib.Path(${JSON.stringify(file)}).exists():`,
    '    number += 1',
    '    print(f"tick {number:05}", flush=True)',
    '    time.sleep(0.005)',
  ].join('\n')
}

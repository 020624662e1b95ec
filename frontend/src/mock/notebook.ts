import type { Cell, Notebook, Output } from '../api/nbformat'
import type { PipelineDetail } from '../api/types'

const SVG =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 320 120" width="320" height="120"><rect width="320" height="120" fill="#fff"/>' +
  '<path d="M10 110 C 60 20, 120 100, 180 50 S 280 20, 310 15" fill="none" stroke="#0b57b8" stroke-width="3"/></svg>'

const TABLE =
  '<div><style scoped>.dataframe tbody tr th { vertical-align: top; }</style><table border="1" class="dataframe"><thead><tr style="text-align: right;">' +
  '<th></th><th>Age</th><th>Sex</th><th>Fare</th></tr></thead><tbody><tr><th>0</th><td>22.0</td><td>male</td><td>7.2500</td></tr>' +
  '<tr><th>1</th><td>38.0</td><td>female</td><td>71.2833</td></tr><tr><th>2</th><td>26.0</td><td>female</td><td>7.9250</td></tr></tbody></table><p>3 rows × 3 columns</p></div>'

const stream = (text: string, name = 'stdout'): Output => ({ output_type: 'stream', name, text })

const ERROR: Output = {
  output_type: 'error',
  ename: 'ValueError',
  evalue: 'could not convert string to float: "n/a"',
  traceback: [
    '\u001b[0;31m---------------------------------------------------------------------------\u001b[0m',
    '\u001b[0;31mValueError\u001b[0m                                Traceback (most recent call last)',
    'Cell \u001b[0;32mIn[5]\u001b[0m, line 2\u001b[0m\n\u001b[1;32m      1\u001b[0m \u001b[38;5;28mfrom\u001b[39m sklearn.metrics \u001b[38;5;28mimport\u001b[39m accuracy_score\n\u001b[0;32m----> 2\u001b[0m accuracy \u001b[38;5;241m=\u001b[39m model.score(X_test, y_test)',
    '\u001b[0;31mValueError\u001b[0m: could not convert string to float: "n/a"',
  ],
}

interface Sketch {
  tags?: string[]
  source: string
  outputs?: Output[]
  markdown?: boolean
}

const sketches: readonly Sketch[] = [
  { markdown: true, source: '# Survival on the Titanic\n\nA **synthetic** table of passengers. See the [contract](https://example.org/contract).\n\n- text, numbers and missing values\n- two gates' },
  { tags: ['mlops:config'], source: 'MODEL_NAME = "titanic-survival"\nVERSION = "0.3.0"\nGATES = ["accuracy >= 0.78", "roc_auc >= 0.80"]' },
  { tags: ['parameters'], source: 'test_size = 0.2  # share of rows kept for measuring\nrandom_state = 42' },
  {
    tags: ['mlops:data', 'mlops:preprocessing'],
    source: 'import pandas as pd\n\ntable = pd.read_csv("titanic.csv")\nprint(table.shape)\ntable.head(3)',
    outputs: [
      stream('(891, 12)\n'),
      stream('\u001b[33mDtypeWarning\u001b[0m: Columns (10) have mixed types.\n', 'stderr'),
      { output_type: 'execute_result', data: { 'text/html': TABLE, 'text/plain': '    Age     Sex     Fare' } },
    ],
  },
  {
    tags: ['mlops:training'],
    source: 'from sklearn.pipeline import make_pipeline\n\nmodel = make_pipeline(prepare, LogisticRegression(max_iter=1_000))\nmodel.fit(X_train, y_train)',
    outputs: [stream(Array.from({ length: 2_000 }, (_, epoch) => `epoch ${epoch + 1} loss \u001b[1m${(1 / (epoch + 2)).toFixed(4)}\u001b[0m`).join('\n'))],
  },
  {
    tags: ['mlops:evaluation'],
    source: 'accuracy = float(model.score(X_test, y_test))\nplot_curve(model)\n{"accuracy": accuracy}',
    outputs: [
      { output_type: 'display_data', data: { 'image/svg+xml': SVG, 'text/plain': '<Figure size 320x120>' } },
      { output_type: 'execute_result', data: { 'application/json': { accuracy: 0.812, labels: [0, 1] }, 'text/plain': "{'accuracy': 0.812}" } },
    ],
  },
  { tags: ['mlops:export'], source: 'import joblib\n\njoblib.dump(model, MODEL_OUTPUT_PATH)', outputs: [{ output_type: 'execute_result', data: { 'text/plain': "['/tmp/model.pkl']" } }] },
]

/** As the backend does: streams that are longer are cut. */
const TEXT = 32_768

function abridge(cell: Cell): Cell {
  const cut = (output: Output): Output => (typeof output.text === 'string' ? { ...output, text: output.text.slice(0, TEXT) } : output)
  const outputs = cell.outputs?.map(cut)
  const size = JSON.stringify(cell).length
  return outputs && JSON.stringify({ ...cell, outputs }).length < size ? { ...cell, outputs, metadata: { ...cell.metadata, mlsys: { abridged: size } } } : cell
}

/** The notebook as the pipeline has run it up to now; `null` before there is one. */
export function makeNotebook(pipeline: PipelineDetail, abridged = false): Notebook | null {
  const execute = pipeline.phases.find((phase) => phase.name === 'execute')
  if (pipeline.status === 'queued' || pipeline.status === 'skipped') return null
  const start = Date.parse(execute?.started_at ?? pipeline.created_at)
  const stopAt = { running: 4, failed: 5, cancelled: 4 }[pipeline.status as string] ?? sketches.length
  const ran = execute?.started_at != null
  const cells = sketches.map((sketch, index): Cell => {
    if (sketch.markdown) return { cell_type: 'markdown', id: `cell-${index}`, source: sketch.source, metadata: {} }
    const state = !ran || index > stopAt ? 'pending' : index < stopAt ? 'completed' : pipeline.status === 'running' ? 'running' : 'failed'
    const began = new Date(start + index * 1_500).toISOString()
    const ended = state === 'completed' || state === 'failed' ? new Date(start + index * 1_500 + 1_200).toISOString() : null
    const outputs = state === 'pending' ? [] : state === 'failed' && pipeline.status === 'failed' ? [ERROR] : (sketch.outputs ?? [])
    return {
      cell_type: 'code',
      id: `cell-${index}`,
      source: sketch.source,
      execution_count: ended ? index : null,
      outputs,
      metadata: {
        tags: sketch.tags ?? [],
        papermill: { status: state, start_time: state === 'pending' ? null : began, end_time: ended, duration: ended ? 1.2 : null, exception: state === 'failed' },
      },
    }
  })
  return { cells: abridged ? cells.map(abridge) : cells, metadata: { kernelspec: { name: 'python3', language: 'python' } }, nbformat: 4, nbformat_minor: 5 }
}

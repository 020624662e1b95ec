import type { ModelManifest } from '../api/types'

/** The notebooks of the mock's repositories, and what their models look like. */
export interface Project {
  repo: string
  notebook: string
  model: string
  task: ModelManifest['task']
  classes: unknown[] | null
  metrics: readonly string[]
  gates: readonly string[]
  columns: readonly { name: string; type: 'double' | 'long' | 'string' | 'boolean' | 'datetime'; nullable?: boolean; example: unknown }[]
  expected: unknown
}

export const PROJECTS: readonly Project[] = [
  {
    repo: 'local/titanic',
    notebook: 'titanic-survival-example.ipynb',
    model: 'titanic-survival',
    task: 'classification',
    classes: [0, 1],
    metrics: ['accuracy', 'roc_auc', 'f1'],
    gates: ['accuracy >= 0.78', 'roc_auc >= 0.80'],
    columns: [
      { name: 'Age', type: 'double', nullable: true, example: 29 },
      { name: 'Sex', type: 'string', example: 'female' },
      { name: 'Pclass', type: 'long', example: 1 },
      { name: 'Fare', type: 'double', example: 71.28 },
      { name: 'Embarked', type: 'string', nullable: true, example: 'C' },
    ],
    expected: [1],
  },
  {
    repo: 'acme/pricing',
    notebook: 'notebooks/house-price-regression.ipynb',
    model: 'house-price',
    task: 'regression',
    classes: null,
    metrics: ['rmse', 'mae', 'r2'],
    gates: ['rmse < champion'],
    columns: [
      { name: 'area', type: 'double', example: 84.5 },
      { name: 'rooms', type: 'long', example: 3 },
      { name: 'garden', type: 'boolean', example: true },
      { name: 'built', type: 'datetime', example: '1987-05-01' },
    ],
    expected: [312_400.5],
  },
  {
    repo: 'acme/churn',
    notebook: 'train/customer-churn.ipynb',
    model: 'customer-churn',
    task: 'classification',
    classes: ['leaves', 'stays'],
    metrics: ['accuracy', 'precision', 'recall'],
    gates: ['precision > 0.7 or recall > 0.9'],
    columns: [
      { name: 'months', type: 'long', example: 14 },
      { name: 'plan', type: 'string', example: 'family' },
      { name: 'calls', type: 'double', nullable: true, example: 2.5 },
    ],
    expected: ['stays'],
  },
  {
    repo: 'local/iris',
    notebook: 'iris-species.ipynb',
    model: 'iris-species',
    task: 'classification',
    classes: ['setosa', 'versicolor', 'virginica'],
    metrics: ['accuracy'],
    gates: ['accuracy >= 0.9'],
    columns: [
      { name: 'sepal_length', type: 'double', example: 5.1 },
      { name: 'sepal_width', type: 'double', example: 3.5 },
      { name: 'petal_length', type: 'double', example: 1.4 },
      { name: 'petal_width', type: 'double', example: 0.2 },
    ],
    expected: ['setosa'],
  },
]

const names: Record<string, string> = {
  store: 'The database',
  queue: 'The queue',
  mlflow: 'MLflow',
  model_server: 'The model-server',
}

const advice: Record<string, string> = {
  store: 'Start the database, and check DATABASE_URL. Nothing is recorded until it answers.',
  queue: 'Start Redis, and check REDIS_URL. Pipelines wait until it answers.',
  mlflow: 'Start the MLflow server, and check MLFLOW_TRACKING_URI. Runs cannot be tracked until it answers.',
  model_server: 'Start a model-server, and check that it can reach BACKEND_URL. Predictions fail until one answers.',
}

/** The name of a dependency in a sentence. */
export function dependencyName(name: string): string {
  return names[name] ?? name
}

/** What a person can do about a dependency that does not answer. */
export function dependencyAdvice(name: string): string {
  return advice[name] ?? 'Start it, and check its address in the settings. mlsys tries again by itself.'
}
